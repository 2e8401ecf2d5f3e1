//! One broken file for each rule.

use super::*;

/// The edit breaks the rule, and nothing else; gives what was found.
fn breaks(file: &str, from: &str, to: &str, rule: &str) -> String {
    only(&with(file, &[(from, to)]), rule).parts().0
}

/// All rules that the edit breaks.
fn broken(file: &str, edits: &[(&str, &str)]) -> Vec<&'static str> {
    found(&with(file, edits)).iter().map(|finding| finding.rule).collect()
}

const GATE_ROOT: &str = "root_id: body-gate";
const ENVIRONMENT: &str = "environment_variables: {key_values: {LLM_MESH_ROLE: body-gate}}";
const VM_CONFIGURATION: &str = r#"configuration: {"@type": type.googleapis.com/google.protobuf.StringValue, value: body-gate}"#;

#[test]
fn every_plugin_of_the_set_is_made_anew_after_a_trap() {
    let found =
        breaks(CHAIN, "failure_policy: FAIL_RELOAD", "failure_policy: FAIL_CLOSED", "fail_reload");
    assert_eq!(found, "`failure_policy: FAIL_CLOSED`, which is the default");
    breaks(CHAIN, "failure_policy: FAIL_RELOAD", "", "fail_reload");
}

#[test]
fn the_gate_is_right_behind_the_filters() {
    let found = breaks(GATE, GATE_ROOT, "root_id: other", "gate_behind_filters");
    assert_eq!(found, "`llm-mesh-gate` right behind a plugin whose body.access is gate");
    assert_eq!(
        broken(CHAIN, &[(r#""access": "knob""#, r#""access": "gate""#)]),
        ["gate_behind_filters"]
    );
}

#[test]
fn the_gate_has_a_vm_of_its_own() {
    let edits = [(ENVIRONMENT, ""), (VM_CONFIGURATION, "")];
    let finding = only(&with(GATE, &edits), "own_vm");
    assert_eq!(finding.parts().0, "`body-gate` in the VM of `llm-mesh`");
}

#[test]
fn the_knob_is_set_where_it_is_wanted() {
    breaks(CHAIN, "allow_on_headers_stop_iteration: true", "", "knob");
}

#[test]
fn what_is_looked_at_fits_the_buffers() {
    let found =
        breaks(GATE, r#""inspect_limit": "512KiB""#, r#""inspect_limit": "1MiB""#, "inspect_limit");
    assert_eq!(found, "1048576 bytes");
    let found = breaks(
        CHAIN,
        "request_body_buffer_limit: 4194304",
        "request_body_buffer_limit: 1048576",
        "inspect_limit",
    );
    assert_eq!(found, "a route that keeps 1048576 bytes of a body");
}

#[test]
fn a_body_that_may_be_sent_again_is_kept() {
    let found =
        breaks(FALLBACK, r#""body_limit": "4MiB""#, r#""body_limit": "5MiB""#, "body_limit");
    assert_eq!(found, "5242880 bytes");
}

#[test]
fn a_pool_that_is_retried_has_a_route() {
    let rules = broken(FALLBACK, &[("{exact: gpu-b}", "{exact: gpu-c}")]);
    assert_eq!(rules, ["pool_route", "fallback_chain"]);
    // Where no route looks at pools they are all the one pool's.
    let breaker = "manifests/envoy/breaker.yaml";
    assert_eq!(broken(breaker, &[]), [] as [&str; 0]);
    assert_eq!(broken(breaker, &[(", max_retries: 1024", "")]), ["max_retries"]);
}

#[test]
fn a_chain_is_a_composite_with_its_pools_clusters_in_order() {
    let found = breaks(
        FALLBACK,
        "clusters: [{name: gpu-a}, {name: gpu-b}, {name: provider}]",
        "clusters: [{name: gpu-a}, {name: provider}, {name: gpu-b}]",
        "fallback_chain",
    );
    assert_eq!(found, "cluster `gpu-a-gpu-b-provider` with members gpu-a, provider, gpu-b");
    // A shorter cluster is enough for fewer attempts.
    let shorter = "clusters: [{name: gpu-a}, {name: gpu-b}]";
    let members = "clusters: [{name: gpu-a}, {name: gpu-b}, {name: provider}]";
    assert_eq!(broken(FALLBACK, &[(members, shorter)]), ["fallback_chain"]);
    let fewer = (r#""attempts": 3"#, r#""attempts": 2"#);
    assert_eq!(broken(FALLBACK, &[(members, shorter), fewer]), [] as [&str; 0]);
    // Attempts that stay in the pool must not wander.
    let found = breaks(FALLBACK, r#""along": "fallback""#, r#""along": "pool""#, "fallback_chain");
    assert_eq!(found, "`pool`, and a route to the composite `gpu-a-gpu-b-provider`");
}

#[test]
fn a_route_makes_no_more_attempts_than_there_are_members() {
    let found = breaks(
        FALLBACK,
        "cluster: gpu-b-provider, timeout: 0s",
        "cluster: gpu-b-provider, timeout: 0s, retry_policy: {retry_on: 5xx, num_retries: 2}",
        "attempts",
    );
    assert_eq!(found, "a retry policy of 3 attempts at 2 members");
}

#[test]
fn a_cluster_that_is_retried_allows_more_than_three_at_once() {
    let edit = [("max_retries: 10000}]}", "max_connections: 100}]}")];
    assert_eq!(broken(FALLBACK, &edit), ["max_retries", "max_retries"]);
    let budget = [("{max_retries: 10000}]}", "{retry_budget: {}}]}")];
    assert_eq!(broken(FALLBACK, &budget), [] as [&str; 0]);
}

#[test]
fn the_guard_stands_where_it_is_asked() {
    // The pool's route leads elsewhere, and what stands before the provider is asked no more.
    let edit =
        [("route: {cluster: provider, timeout: 0s}", "route: {cluster: llm-default, timeout: 0s}")];
    let findings = found(&with(FALLBACK, &edit));
    let seat = findings.iter().find(|finding| finding.rule == "guard_seat").unwrap();
    assert_eq!(seat.parts().0, "attempt-guard before `provider`, to which no route leads");
    let before_the_router = broken(GATE, &[(GATE_ROOT, "root_id: attempt-guard")]);
    assert_eq!(before_the_router, ["gate_behind_filters", "guard_seat", "guard_knob"]);
    let guard = "root_id: attempt-guard";
    assert_eq!(broken(FALLBACK, &[(guard, "root_id: body-gate")])[0], "guard_seat");
}

#[test]
fn no_cluster_that_is_retried_is_left_unguarded() {
    let found = breaks(FALLBACK, "        - *attempt-guard\n", "", "guard_missing");
    assert_eq!(found, "cluster `gpu-b-provider` of pool `gpu-b` without attempt-guard");
}

#[test]
fn the_guard_may_hold_headers_and_has_a_vm_of_its_own() {
    let held = "failure_policy: FAIL_RELOAD\n              allow_on_headers_stop_iteration: true\n";
    let edit = [(held, "failure_policy: FAIL_RELOAD\n")];
    assert_eq!(broken(FALLBACK, &edit), ["guard_knob"; 3], "three clusters share it");
    let edits = [
        ("environment_variables: {key_values: {LLM_MESH_ROLE: attempt-guard}}", ""),
        (
            r#"configuration: {"@type": type.googleapis.com/google.protobuf.StringValue, value: attempt-guard}"#,
            "",
        ),
    ];
    assert_eq!(broken(FALLBACK, &edits), ["own_vm"; 3]);
}

#[test]
fn a_credential_is_put_on_for_the_last_member_alone() {
    let found = breaks(
        FALLBACK,
        r#"value_match: {exact: "3"}"#,
        r#"value_match: {exact: "2"}"#,
        "credential",
    );
    let says = "a credential that is put on for attempt 2 (`gpu-b`) of 3 at `gpu-a-gpu-b-provider`";
    assert_eq!(found, says);
}

#[test]
fn attempts_are_counted_where_a_credential_depends_on_it() {
    let edit = [("include_request_attempt_count: true", "")];
    assert_eq!(broken(FALLBACK, &edit), ["attempt_count", "attempt_count"]);
}

#[test]
fn a_pools_servers_are_its_clusters_and_can_be_chosen() {
    let pool = r#"{"name": "gpu-large", "model": "llama-70b"}"#;
    let with_servers = r#"{"name": "gpu-large", "model": "llama-70b", "endpoints": ["127.0.0.1:8001", "127.0.0.1:9"]}"#;
    let findings = found(&with(CHAIN, &[(pool, with_servers)]));
    let told: Vec<String> = findings.iter().map(|finding| finding.parts().0).collect();
    assert_eq!(told, ["`127.0.0.1:9`", "cluster `gpu-large` of a pool with `endpoints`"]);
    assert!(findings[0].error.path().ends_with("configuration.value: pools[0].endpoints[1]"));
}

#[test]
fn no_timeout_of_a_route_cuts_streams() {
    let short = "route: {cluster: gpu-large, timeout: 60s}";
    let found = breaks(GATE, "route: {cluster: gpu-large, timeout: 0s}", short, "route_timeout");
    assert_eq!(found, "a timeout of 60s for pool `gpu-large`");
    assert_eq!(
        broken(
            GATE,
            &[("route: {cluster: gpu-large, timeout: 0s}", "route: {cluster: gpu-large}")]
        ),
        ["route_timeout"]
    );
    // Where the filters retry they switch it off for streams.
    let pool = "route: {cluster: gpu-b-provider, timeout: 0s}";
    assert_eq!(broken(FALLBACK, &[(pool, "route: {cluster: gpu-b-provider}")]), [] as [&str; 0]);
}

#[test]
fn something_ends_requests_that_nothing_moves() {
    breaks(CHAIN, "stream_idle_timeout: 120s", "stream_idle_timeout: 0s", "stream_idle_timeout");
}

#[test]
fn every_label_has_a_rule() {
    let found =
        breaks(CHAIN, r"  - {tag_name: reason, regex: '(reason=\.=(.*?);\.;)'}", "", "stats_tags");
    assert_eq!(found, "no rule for reason");
}

#[test]
fn a_file_without_the_filters_is_left_alone() {
    let edits = [
        ("root_id: llm-mesh", "root_id: other"),
        ("stream_idle_timeout: 120s", "stream_idle_timeout: 0s"),
    ];
    assert_eq!(broken(CHAIN, &edits), [] as [&str; 0]);
}

#[test]
fn versions_have_routes_of_their_own_but_one() {
    let v1 = (
        "{name: x-llm-version, string_match: {exact: v1}}",
        "{name: x-of-another, present_match: true}",
    );
    let v2 = (
        "{name: x-llm-version, string_match: {exact: v2}}",
        "{name: x-of-another, present_match: true}",
    );
    assert_eq!(broken(CANARY, &[v1]), [] as [&str; 0]);
    let finding = only(&with(CANARY, &[v1, v2]), "version_route");
    assert_eq!(finding.parts().0, "v1 and v2 of pool `gpu`, which no route is for");
    // Versions that are models, that nobody gets, or that are told by a pattern.
    let model = (r#"{"version": "v2", "#, r#"{"version": "v2", "model": "llama-70b", "#);
    assert_eq!(broken(CANARY, &[v1, v2, model]), [] as [&str; 0]);
    let shadow = (r#""force": {"#, r#""mode": "shadow", "force": {"#);
    assert_eq!(broken(CANARY, &[v1, v2, shadow]), [] as [&str; 0]);
    let pattern = (v1.0, "{name: x-llm-version, string_match: {prefix: v}}");
    assert_eq!(broken(CANARY, &[pattern, v2]), [] as [&str; 0]);
}

#[test]
fn who_is_asked_about_a_candidate_is_a_cluster() {
    let name = r#""cluster": "prometheus""#;
    let found = breaks(CANARY, name, r#""cluster": "prometheuss""#, "prometheus_cluster");
    assert_eq!(found, "`prometheuss`, which is no cluster");
    let istio = r#""cluster": "outbound|9090||prometheus.monitoring.svc.cluster.local""#;
    assert_eq!(broken(CANARY, &[(name, istio)]), [] as [&str; 0]);
}
