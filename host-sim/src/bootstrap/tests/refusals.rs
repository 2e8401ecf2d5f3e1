//! Each refusal word for word: the message is what the user has.

use super::*;

fn refused(text: &str) -> String {
    read(text).expect_err("refused").to_string()
}

/// `MINIMAL` with one piece of text in the place of another.
fn with(from: &str, to: &str) -> String {
    assert!(MINIMAL.contains(from), "{from}");
    MINIMAL.replacen(from, to, 1)
}

#[test]
fn a_field_that_envoy_does_not_have_is_named_with_what_was_probably_meant() {
    assert_eq!(
        refused(&with("stat_prefix: s", "stat_prefix: s\n          stream_idle_timeut: 1s")),
        "f.yaml:10:11: static_resources.listeners[0].filter_chains[0].filters[0].typed_config: \
         found unknown field `stream_idle_timeut`; allowed @type, access_log, \
         always_set_request_id_in_response, codec_type, generate_request_id, \
         http2_protocol_options, http_filters, http_protocol_options, internal_address_config, \
         preserve_external_request_id, request_timeout, route_config, \
         stat_prefix, stream_idle_timeout, strip_any_host_port, strip_matching_host_port, \
         strip_trailing_host_dot, tracing, upgrade_configs, use_remote_address, \
         xff_num_trusted_hops; write `stream_idle_timeout`, or remove it"
    );
}

#[test]
fn a_field_of_envoys_that_is_not_modelled_is_called_so() {
    assert_eq!(
        refused(&with("{cluster: a}", "{cluster: a, hedge_policy: {}}")),
        "f.yaml:18:58: static_resources.listeners[0].filter_chains[0].filters[0].typed_config.\
         route_config.virtual_hosts[0].routes[0].route: found `hedge_policy`, which is not \
         modelled; the model has cluster, cluster_header, cluster_not_found_response_code, \
         hash_policy, idle_timeout, request_mirror_policies, retry_policy, timeout, \
         upgrade_configs, weighted_clusters; remove it, or use a real Envoy"
    );
    assert_eq!(
        refused(&format!("{MINIMAL}overload_manager: {{}}\n")),
        "f.yaml:21:1: found `overload_manager`, which is not modelled; the model has admin, \
         layered_runtime, node, static_resources, stats_config, stats_flush_interval; remove it, \
         or use a real Envoy"
    );
}

#[test]
fn times_of_outlier_detection_are_above_zero_as_envoy_wants_them() {
    for name in ["interval", "base_ejection_time", "max_ejection_time"] {
        let cluster = |time: &str| {
            format!("{MINIMAL}  - name: z\n    outlier_detection: {{{name}: {time}}}\n")
        };
        let said = refused(&cluster("0s"));
        assert!(said.contains(&format!("outlier_detection.{name}: found")), "{said}");
        assert!(read(&cluster("0.001s")).is_ok());
    }
}

#[test]
fn a_value_of_the_wrong_type_is_shown_with_the_right_one() {
    assert_eq!(
        refused(&with("port_value: 10000", "port_value: 70000")),
        "f.yaml:3:64: static_resources.listeners[0].address.socket_address.port_value: found \
         `70000`, a number; allowed a whole number from 0 to 65535"
    );
    assert_eq!(
        refused(&with("{cluster: a}", "{cluster: a, timeout: 15}")),
        "f.yaml:18:67: static_resources.listeners[0].filter_chains[0].filters[0].typed_config.\
         route_config.virtual_hosts[0].routes[0].route.timeout: found `15`, a number; allowed a \
         duration in seconds such as `0.25s`"
    );
}

#[test]
fn a_filter_that_is_not_modelled_is_named_by_its_type() {
    let lua = "          - name: lua\n            typed_config: {'@type': type.googleapis.com/\
               envoy.extensions.filters.http.lua.v3.Lua}\n          - name: router\n";
    assert_eq!(
        refused(&with("          - name: router\n", lua)),
        "f.yaml:12:37: static_resources.listeners[0].filter_chains[0].filters[0].typed_config.\
         http_filters[0].typed_config[\"@type\"]: found \
         `envoy.extensions.filters.http.lua.v3.Lua`, which is not modelled; the model has \
         envoy.extensions.filters.http.wasm.v3.Wasm, envoy.extensions.filters.http.router.v3.Router; \
         remove it, or use a real Envoy"
    );
}

#[test]
fn a_route_to_a_cluster_that_does_not_exist_is_refused() {
    assert_eq!(
        refused(&with("{cluster: a}", "{cluster: b}")),
        "f.yaml:18:17: static_resources.listeners[0].filter_chains[0].filters[0].typed_config.\
         route_config.virtual_hosts[0].routes[0]: found a route to cluster `b`; allowed a; add the \
         cluster, or name one of these"
    );
}

#[test]
fn the_router_must_end_the_chain() {
    let text = with_plugin(
        "vm_config:\n  runtime: envoy.wasm.runtime.v8\n  code: {local: {filename: x.wasm}}\n",
    );
    let router = "          - name: router\n            typed_config: {'@type': type.googleapis.com/\
                  envoy.extensions.filters.http.router.v3.Router}\n";
    assert!(text.contains(router), "{text}");
    assert_eq!(
        refused(&text.replace(router, "")),
        "f.yaml:11:13: static_resources.listeners[0].filter_chains[0].filters[0].typed_config.\
         http_filters[0]: found `wasm` at the end of the chain; allowed \
         envoy.filters.http.router there; add the router"
    );
}

#[test]
fn names_are_not_resolved() {
    assert_eq!(
        refused(&with("address: 127.0.0.1", "address: gpu.example.com")),
        "f.yaml:3:41: static_resources.listeners[0].address.socket_address.address: found the name \
         `gpu.example.com`, which is not modelled; the model has IP addresses; remove it, or use \
         a real Envoy"
    );
}

#[test]
fn both_ways_to_say_a_failure_policy_exclude_each_other() {
    let text = with_plugin(
        "vm_config:\n  runtime: envoy.wasm.runtime.v8\n  code: {local: {filename: x.wasm}}\n\
         failure_policy: FAIL_OPEN\nfail_open: true\n",
    );
    assert!(refused(&text).ends_with(
        "fail_open: found `fail_open` beside `failure_policy`; allowed one of them; remove `fail_open`"
    ));
}

#[test]
fn a_domain_of_two_virtual_hosts_is_refused() {
    let second = "            - {name: w, domains: [b, '*']}\n  clusters:";
    assert_eq!(
        refused(&with("  clusters:", second)),
        "f.yaml:19:15: static_resources.listeners[0].filter_chains[0].filters[0].typed_config.\
         route_config.virtual_hosts[1]: found domain `*`, which virtual host `v` has too; allowed \
         each domain once; remove one"
    );
}

#[test]
fn what_would_change_envoys_behaviour_unseen_is_refused() {
    let runtime = |layer: &str| {
        format!("{MINIMAL}layered_runtime: {{layers: [{{name: a, static_layer: {layer}}}]}}\n")
    };
    assert!(read(&runtime("{overload: {global_downstream_max_connections: 5}}")).is_ok());
    assert_eq!(
        refused(&runtime("{envoy: {reloadable_features: {x: false}}}")),
        "f.yaml:21:52: layered_runtime.layers[0].static_layer: found runtime key \
         `envoy.reloadable_features.x`, which is not modelled; the model has \
         overload.global_downstream_max_connections, re2.max_program_size.error_level, \
         re2.max_program_size.warn_level; remove it, or use a real Envoy"
    );
    let codec = with("stat_prefix: s", "stat_prefix: s\n          codec_type: HTTP2");
    assert!(
        refused(&codec)
            .contains("codec_type: found `HTTP2`, which is not modelled; the model has AUTO")
    );
}

#[test]
fn tracing_is_read_and_a_field_that_it_has_not_is_refused() {
    let tracing = |field: &str| {
        with("stat_prefix: s", &format!("stat_prefix: s\n          tracing: {field}"))
    };
    assert!(read(&tracing("{custom_tags: [{tag: a, value: b}], verbose: true}")).is_ok());
    let said = refused(&tracing("{custom_tags: [{tag: a, vlaue: b}]}"));
    assert!(said.contains("custom_tags[0]: found unknown field `vlaue`"), "{said}");
    assert!(refused(&tracing("{sampling: 1}")).contains("tracing: found unknown field `sampling`"));
}

#[test]
fn the_second_cluster_of_a_name_is_shown_where_it_stands() {
    assert_eq!(
        refused(&format!("{MINIMAL}  - {{name: a, type: STATIC}}\n")),
        "f.yaml:21:5: static_resources.clusters[1].name: found two clusters named `a`; allowed one \
         cluster of a name; rename one"
    );
}

#[test]
fn a_back_off_that_ends_envoy_is_refused() {
    let wait = |seconds: &str| {
        with_plugin(&format!(
            "vm_config:\n  runtime: envoy.wasm.runtime.v8\n  code: {{local: {{filename: x.wasm}}}}\n\
             reload_config: {{backoff: {{base_interval: {seconds}s}}}}\n"
        ))
    };
    assert!(refused(&wait("0.001")).contains("divides by zero"));
    assert!(read(&wait("0.002")).is_ok());
}
