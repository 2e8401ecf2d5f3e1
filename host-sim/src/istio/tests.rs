use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::*;
use crate::{
    bootstrap::{Bootstrap, FailurePolicy, FilterKind, Plugin, route::Action},
    yaml::parse,
};

fn delivered(text: &str) -> Bootstrap {
    let tree = deliver(&parse("f.yaml", text).unwrap()).unwrap_or_else(|error| panic!("{error}"));
    Bootstrap::from_node(&tree).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> String {
    deliver(&parse("f.yaml", text).unwrap()).map(|_| ()).unwrap_err().to_string()
}

fn plugins(bootstrap: &Bootstrap) -> Vec<(&str, &Plugin)> {
    let filters = &bootstrap.listeners[0].manager.http_filters;
    filters
        .iter()
        .filter_map(|filter| match &filter.kind {
            FilterKind::Wasm(plugin) => Some((filter.name.as_str(), &**plugin)),
            FilterKind::Router(_) => None,
        })
        .collect()
}

fn plugin(name: &str, rest: &str) -> String {
    format!(
        "---\napiVersion: extensions.istio.io/v1alpha1\nkind: WasmPlugin\n\
         metadata: {{name: {name}, namespace: ns}}\nspec:\n  url: oci://r.example.com/m/llm-mesh:1\n{rest}"
    )
}

fn service(http: &str) -> String {
    format!(
        "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\n\
         metadata: {{name: llm, namespace: ns}}\nspec:\n  hosts: [llm.example.com]\n  http:\n{http}"
    )
}

#[test]
fn a_plugin_has_istios_names_and_its_configuration_as_text() {
    let bootstrap = delivered(&plugin(
        "llm-mesh",
        "  pluginName: root\n  failStrategy: FAIL_RELOAD\n  pluginConfig: {b: [1, {c: true}], a: x}\n  \
         vmConfig: {env: [{name: ROLE, value: gate}]}\n",
    ));
    let plugins = plugins(&bootstrap);
    let (name, plugin) = plugins[0];
    assert_eq!((name, &*plugin.name, &*plugin.root_id), ("ns.llm-mesh", "ns.llm-mesh", "root"));
    assert_eq!(plugin.vm.id, "", "Istio sets none");
    assert_eq!(plugin.vm.environment["ROLE"], "gate");
    assert!(matches!(plugin.failure_policy, FailurePolicy::FailReload(_)));
    let configuration: Json = serde_json::from_slice(&plugin.configuration).unwrap();
    assert_eq!(configuration, json!({"a": "x", "b": [1, {"c": true}]}));
    assert!(!plugin.allow_on_headers_stop_iteration, "Istio cannot set it");
}

#[test]
fn filters_stand_by_phase_then_by_priority_and_the_higher_first() {
    let text = [
        plugin("late", "  priority: 99\n"),
        plugin("stats", "  phase: STATS\n"),
        plugin("low", "  phase: AUTHN\n  priority: -1\n"),
        plugin("high", "  phase: AUTHN\n  priority: 5\n"),
        plugin("b", ""),
        plugin("a", ""),
    ];
    let bootstrap = delivered(&text.concat());
    let names: Vec<&str> = plugins(&bootstrap).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["ns.high", "ns.low", "ns.stats", "ns.late", "ns.a", "ns.b"]);
}

#[test]
fn fail_close_is_the_default() {
    let bootstrap = delivered(&plugin("p", ""));
    assert_eq!(plugins(&bootstrap)[0].1.failure_policy, FailurePolicy::FailClosed);
}

#[test]
fn a_traffic_extension_is_a_wasm_plugin_in_another_frame() {
    let bootstrap = delivered(
        "apiVersion: extensions.istio.io/v1alpha1\nkind: TrafficExtension\n\
         metadata: {name: llm-mesh, namespace: ns}\nspec:\n  phase: AUTHZ\n  priority: 3\n  \
         wasm: {url: 'file:///x/y.wasm', pluginName: root, pluginConfig: {a: 1}}\n",
    );
    let (name, plugin) = plugins(&bootstrap)[0];
    assert_eq!((name, &*plugin.root_id), ("ns.llm-mesh", "root"));
    assert_eq!(plugin.vm.code, crate::bootstrap::Code::File("/x/y.wasm".into()));
}

#[test]
fn routes_and_clusters_come_of_virtual_services_and_destination_rules() {
    let rule = "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\n\
                metadata: {name: r, namespace: ns}\nspec: {host: gpu, subsets: [{name: v1}, {name: v2}]}\n";
    let http = "  - name: by-pool\n    match:\n    - uri: {prefix: /v1/}\n      \
                headers: {x-llm-pool: {exact: gpu}}\n      withoutHeaders: {x-b: {}}\n    - uri: {exact: /x}\n    \
                route:\n    - {destination: {host: gpu, subset: v1, port: {number: 8000}}, weight: 90}\n    \
                - {destination: {host: gpu, subset: v2, port: {number: 8000}}, weight: 10}\n    timeout: 1m\n  \
                - route: [{destination: {host: other.example.com}}]\n";
    let bootstrap = delivered(&(service(http) + rule));
    let names: Vec<&str> = bootstrap.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "outbound|8000|v1|gpu.ns.svc.cluster.local",
            "outbound|8000|v2|gpu.ns.svc.cluster.local",
            "outbound|80||other.example.com"
        ]
    );
    let table = &bootstrap.listeners[0].manager.route_config;
    let domains: Vec<String> =
        table.virtual_hosts[0].domains.iter().map(ToString::to_string).collect();
    assert_eq!(domains, ["llm.example.com", "llm.example.com:*"]);
    let choose = |path: &str, headers: &[(&'static str, &'static str)]| {
        let mut head = vec![(":authority", "llm.example.com:8080"), (":path", path)];
        head.extend(headers);
        let found = crate::bootstrap::route::select(table, &head[..], 95, Default::default());
        let found = found.unwrap();
        let Action::Forward(forward) = &found.route.action else { panic!("forwards") };
        (found.target.unwrap().cluster.into_owned(), forward.timeout)
    };
    let minute = Some(std::time::Duration::from_secs(60));
    assert_eq!(choose("/v1/chat", &[("x-llm-pool", "gpu")]), (names[1].to_owned(), minute));
    assert_eq!(choose("/x", &[]), (names[1].to_owned(), minute));
    assert_eq!(choose("/v1/chat", &[]), (names[2].to_owned(), None));
    let unwanted = [("x-llm-pool", "gpu"), ("x-b", "1")];
    assert_eq!(choose("/v1/chat", &unwanted), (names[2].to_owned(), None));
}

#[test]
fn a_subset_that_no_rule_declares_is_refused() {
    let http = "  - route: [{destination: {host: gpu, subset: v9}}]\n";
    assert_eq!(
        refused(&service(http)),
        "f.yaml:8:13: spec.http: found subset `v9` of `gpu.ns.svc.cluster.local`; allowed none; \
         add it to a DestinationRule of that host"
    );
}

#[test]
fn what_is_not_modelled_is_refused_by_name() {
    let http = "  - route: [{destination: {host: gpu}}]\n    fault: {}\n";
    assert_eq!(
        refused(&service(http)),
        "f.yaml:9:5: spec.http[0]: found `fault`, which is not modelled; the model has `name`, \
         `match`, `route`, `directResponse` and `timeout`; remove it, or put it into a file that \
         is not run here"
    );
    assert_eq!(
        refused("apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {}\n"),
        "f.yaml:2:7: kind: found kind `Service`, which is not modelled; the model has WasmPlugin, \
         TrafficExtension, VirtualService, DestinationRule, EnvoyFilter, Telemetry, IstioOperator; \
         remove it, or put it into a file that is not run here"
    );
    assert_eq!(
        refused(&plugin("p", "  failStrategie: FAIL_OPEN\n")),
        "f.yaml:7:3: spec: found unknown field `failStrategie`; allowed failStrategy, \
         imagePullPolicy, imagePullSecret, phase, pluginConfig, pluginName, priority, selector, \
         sha256, targetRef, targetRefs, type, url, verificationKey, vmConfig; write \
         `failStrategy`, or remove it"
    );
}

#[test]
fn an_envoy_filter_is_merged_into_the_connection_manager() {
    let filter = "---\napiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\n\
        metadata: {name: t, namespace: ns}\nspec:\n  configPatches:\n  - applyTo: NETWORK_FILTER\n    \
        match: {context: GATEWAY, listener: {filterChain: {filter: {name: envoy.filters.network.http_connection_manager}}}}\n    \
        patch:\n      operation: MERGE\n      value:\n        typed_config:\n          \
        '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager\n          \
        stream_idle_timeout: 7s\n          upgrade_configs: [{upgrade_type: CONNECT}]\n";
    let without = delivered(&plugin("p", ""));
    assert_eq!(without.listeners[0].manager.stream_idle_timeout, None, "Istio switches it off");
    let manager = &delivered(&(plugin("p", "") + filter)).listeners[0].manager;
    assert_eq!(manager.stream_idle_timeout, Some(std::time::Duration::from_secs(7)));
    let upgrades: Vec<&str> = manager.upgrades.iter().map(|u| u.protocol.as_str()).collect();
    assert_eq!(upgrades, ["websocket", "connect"], "lists are appended");
}

#[test]
fn the_mesh_lifts_labels_and_writes_the_access_log() {
    let mesh = "---\napiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {name: m}\n\
        spec:\n  meshConfig:\n    accessLogFile: /dev/stdout\n    accessLogFormat: \"%RESPONSE_CODE%\\n\"\n    \
        defaultConfig: {extraStatTags: [pool], proxyStatsMatcher: {inclusionPrefixes: [wasmcustom]}}\n";
    let bootstrap = delivered(&(plugin("p", "") + mesh));
    assert_eq!(bootstrap.listeners[0].manager.access_log.len(), 1);
    let name = crate::bootstrap::lift_tags(&bootstrap.stats_tags, "pool=.=a;.;llm_x_total");
    assert_eq!((&*name.name, &*name.labels[0].1), ("llm_x_total", "a"));
}

#[test]
fn the_annotation_of_the_gateways_pods_sets_buckets_by_prefix() {
    let mesh = |annotation: &str| {
        format!(
            "---\napiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {{name: m}}\nspec:\n  \
            meshConfig: {{}}\n  components:\n    ingressGateways:\n    - name: istio-ingressgateway\n      \
            k8s: {{podAnnotations: {{sidecar.istio.io/statsHistogramBuckets: '{annotation}', a: b}}}}\n"
        )
    };
    let bootstrap = delivered(&(plugin("p", "") + &mesh(r#"{"wasmcustom.llm_a": [1, 2.5]}"#)));
    let rules = &bootstrap.histogram_buckets;
    assert_eq!(crate::bootstrap::buckets_of(rules, "wasmcustom.llm_apool=.=x;.;"), [1.0, 2.5]);
    let documents = parse("test", &(plugin("p", "") + &mesh("[1]"))).unwrap();
    let message = deliver(&documents).unwrap_err().to_string();
    assert!(message.contains("prefixes of names to lists of bounds"), "{message}");
}

fn mesh(provider: &str) -> String {
    format!(
        "---\napiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nmetadata: {{name: m}}\nspec:\n  \
         meshConfig: {{extensionProviders: [{provider}]}}\n"
    )
}

fn telemetry(spec: &str) -> String {
    format!(
        "---\napiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {{name: t}}\nspec: {spec}\n"
    )
}

#[test]
fn a_telemetry_tags_spans_for_the_provider_that_it_names() {
    const OTLP: &str =
        "{name: p, opentelemetry: {service: c.example.com, port: 4318, http: {path: /v1/traces}}}";
    let traced = telemetry(
        "{tracing: [{providers: [{name: p}], randomSamplingPercentage: 50, customTags: {\
         a: {formatter: {value: '%REQ(x)%'}}, b: {literal: {value: v}}, c: {header: {name: h}}}}]}",
    );
    let tree = deliver(&parse("f.yaml", &(mesh(OTLP) + &traced)).unwrap()).unwrap();
    let tree = tree.to_json().unwrap();
    let resources = &tree["static_resources"];
    assert_eq!(resources["clusters"][0]["name"], "outbound|4318||c.example.com");
    let manager = &resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"];
    assert_eq!(manager["tracing"]["random_sampling"], json!({"value": 50.0}));
    assert_eq!(
        manager["tracing"]["custom_tags"],
        json!([
            {"tag": "a", "value": "%REQ(x)%"},
            {"tag": "b", "literal": {"value": "v"}},
            {"tag": "c", "request_header": {"name": "h", "default_value": ""}},
        ])
    );
    let nobody = telemetry("{tracing: [{providers: [{name: other}]}]}");
    let tree = deliver(&parse("f.yaml", &(mesh(OTLP) + &nobody)).unwrap()).unwrap();
    assert!(!tree.to_json().unwrap().to_string().contains("tracing"), "nobody takes them");
    let grpc = mesh("{name: p, opentelemetry: {service: c.example.com, port: 4317}}");
    assert!(refused(&grpc).contains("OTLP over gRPC"), "{}", refused(&grpc));
    assert!(refused(&telemetry("{metrics: []}")).contains("`metrics`"));
}

#[test]
fn the_manifests_are_read() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../manifests/istio");
    let tree = load(&[folder.join("token-router.yaml"), folder.join("mesh.yaml")])
        .unwrap_or_else(|error| panic!("{error}"));
    let bootstrap = Bootstrap::from_node(&tree).unwrap_or_else(|error| panic!("{error}"));
    let roots: Vec<&str> = plugins(&bootstrap).iter().map(|(_, plugin)| &*plugin.root_id).collect();
    assert_eq!(roots, ["llm-mesh", "body-gate"]);
    assert!(bootstrap.listeners[0].manager.stream_idle_timeout.is_some());
    assert_eq!(bootstrap.stats_tags.len(), 18);
}

const RULE: &str = "\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\n\
    metadata: {name: r, namespace: ns}\nspec: {host: a, trafficPolicy: {POLICY}}\n";

fn limited(policy: &str) -> String {
    service("    [{route: [{destination: {host: a}}]}, {route: [{destination: {host: b}}]}]")
        + &RULE.replace("POLICY", policy)
}

#[test]
fn limits_of_a_destination_are_those_of_its_hosts_cluster_and_nothing_else_is_limited() {
    let bootstrap = delivered(&limited(
        "connectionPool: {tcp: {maxConnections: 100}, http: {http1MaxPendingRequests: 100, \
         maxRequestsPerConnection: 10}}, outlierDetection: {consecutive5xxErrors: 5, interval: 30s, \
         baseEjectionTime: 1m, maxEjectionPercent: 50}",
    ));
    let of = |host: &str| {
        let name = format!("outbound|80||{host}.ns.svc.cluster.local");
        bootstrap.cluster(&name).unwrap()
    };
    let (a, b) = (of("a"), of("b"));
    assert_eq!((a.thresholds.connections, a.thresholds.pending_requests), (100, 100));
    assert_eq!(a.requests_per_connection.map(std::num::NonZero::get), Some(10));
    let detection = a.outlier_detection.as_ref().unwrap();
    assert_eq!((detection.consecutive_5xx, detection.max_ejection_percent), (Some(5), 50));
    assert_eq!(detection.base_ejection_time, std::time::Duration::from_secs(60));
    assert_eq!((a.panic_threshold, b.panic_threshold), (0.0, 50.0));
    // Envoy's own defaults, three retries among them, are not Istio's.
    assert_eq!((a.thresholds.retries, b.thresholds.retries), (u32::MAX, u32::MAX));
    assert_eq!(b.thresholds.connections, u32::MAX);
    assert_eq!(b.outlier_detection, None);
}

#[test]
fn what_istio_no_longer_reads_is_refused() {
    let message = refused(&limited("outlierDetection: {consecutiveErrors: 5}"));
    assert!(message.contains("write `consecutive5xxErrors`"), "{message}");
    let message = refused(&limited("retries: {attempts: 3}"));
    assert!(message.contains("`retries`, which is not modelled"), "{message}");
}

#[test]
fn an_envoy_filter_adds_clusters_and_changes_hosts_and_the_routes_of_a_name() {
    let text = service(
        "    [{name: one, match: [{uri: {prefix: /a}}], route: [{destination: {host: a}}]}, \
         {name: two, route: [{destination: {host: a}}]}]",
    ) + "\n---\napiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\n\
         metadata: {name: f, namespace: ns}\nspec:\n  configPatches:\n\
         \u{20} - {applyTo: CLUSTER, match: {context: GATEWAY}, patch: {operation: ADD, value: {name: own}}}\n\
         \u{20} - {applyTo: VIRTUAL_HOST, match: {context: GATEWAY}, patch: {operation: MERGE, value: {request_body_buffer_limit: 7}}}\n\
         \u{20} - {applyTo: HTTP_ROUTE, match: {routeConfiguration: {vhost: {route: {name: two}}}}, patch: {operation: MERGE, value: {route: {cluster: own}}}}\n";
    let bootstrap = delivered(&text);
    assert!(bootstrap.cluster("own").is_some());
    let host = &bootstrap.listeners[0].manager.route_config.virtual_hosts[0];
    assert_eq!(host.request_body_buffer_limit, Some(7));
    let to = |route: usize| host.routes[route].action.cluster_names();
    assert_eq!(to(0), ["outbound|80||a.ns.svc.cluster.local"]);
    assert_eq!(to(1), ["own"]);
    let message = refused(&text.replace("operation: ADD", "operation: REMOVE"));
    assert!(message.contains("`REMOVE`, which is not modelled"), "{message}");
}
