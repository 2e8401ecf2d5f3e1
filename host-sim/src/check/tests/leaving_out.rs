//! What only a real Envoy has does not keep the rest from being looked at.

use super::*;

/// What was left out, and what was found all the same.
fn told(text: &str) -> (Vec<String>, Vec<&'static str>) {
    let findings = found(text);
    let notes = findings.iter().filter(|finding| finding.is_note);
    let notes = notes.map(|finding| finding.parts().0).collect();
    (notes, findings.iter().filter(|finding| !finding.is_note).map(|own| own.rule).collect())
}

const TLS: &str = "transport_socket: {name: tls, typed_config: {'@type': type.googleapis.com/x.UpstreamTlsContext}}";

#[test]
fn tls_at_a_cluster_leaves_its_limits_to_be_looked_at() {
    let limits = "    circuit_breakers: &retries {thresholds: [{max_retries: 10000}]}";
    let lower =
        format!("    {TLS}\n    circuit_breakers: &retries {{thresholds: [{{max_retries: 3}}]}}");
    let (notes, found) = told(&with(FALLBACK, &[(limits, &lower)]));
    assert_eq!(notes, ["`transport_socket`"]);
    assert_eq!(found, ["max_retries", "max_retries"], "two clusters share it");
}

#[test]
fn a_filter_of_envoys_own_is_left_out_alone() {
    let cors = "          http_filters:\n          - name: cors\n            typed_config: {'@type': \
                type.googleapis.com/envoy.extensions.filters.http.cors.v3.Cors}\n";
    let knob = "allow_on_headers_stop_iteration: true";
    let text = with(CHAIN, &[("          http_filters:\n", cors), (knob, "")]);
    let (notes, found) = told(&text);
    assert_eq!(notes, ["`envoy.extensions.filters.http.cors.v3.Cors`"]);
    assert_eq!(found, ["knob"]);
}

#[test]
fn servers_by_name_are_left_out_and_the_cluster_stays() {
    let edit = ("address: 127.0.0.1, port_value: 8001", "address: gpu.example.com, port_value: 80");
    let text = with(GATE, &[edit, ("timeout: 0s", "timeout: 5s")]);
    let (notes, found) = told(&text);
    assert_eq!(notes, ["the name `gpu.example.com`"]);
    assert_eq!(found, ["route_timeout"]);
}

#[test]
fn a_mistake_is_no_note() {
    let (notes, found) =
        told(&with(CHAIN, &[("stream_idle_timeout: 120s", "stream_idle_timeut: 120s")]));
    assert_eq!((notes.len(), found), (0, vec!["reading"]));
}
