//! The static file that also traces: `chain.yaml` with three pieces more.
//!
//! Envoy can merge a second file into its first, but not into a listener, where tracing stands. And a proxy
//! that traces without a collector logs an error for every batch, so `chain.yaml` has to do without. Nobody
//! keeps two files of 200 lines equal by hand: this one is made of the other, and a test compares.

use std::fmt::Write as _;

/// The file, from the workspace's root.
pub const FILE: &str = "manifests/envoy/tracing.yaml";
/// What it is made of.
pub const CHAIN: &str = "manifests/envoy/chain.yaml";

/// The tags of a span, by the names of OpenTelemetry's conventions for generative AI where they have one,
/// and which fact of the filters' each of them is.
pub const TAGS: [(&str, &str); 10] = [
    ("gen_ai.request.model", "model"),
    ("gen_ai.usage.input_tokens", "input_tokens"),
    ("gen_ai.usage.output_tokens", "output_tokens"),
    ("gen_ai.response.finish_reasons", "finish_reason"),
    ("llm.pool", "pool"),
    ("llm.reason", "reason"),
    ("llm.prompt_tokens", "prompt_tokens"),
    ("llm.usage_source", "usage_source"),
    ("llm.outcome", "outcome"),
    ("llm.time_to_first_token", "time_to_first_token"),
];

const HEAD: &str = "\
# chain.yaml with traces: every request is a span that says what was decided, what it cost, and how it ended.
# Made by a program: change chain.yaml or tests/tracing_manifest.rs, then
# `cargo run -p tests --example tracing_manifest > manifests/envoy/tracing.yaml`.
# It needs a collector that takes OTLP over HTTP: the last cluster. Envoy 1.37 or later.
#     cargo filters
#     envoy -c manifests/envoy/tracing.yaml
";

const TRACING: &str = r#"          # A span for each request, in the client's trace if it has one (`traceparent`); servers get the
          # header too. To trace one request in a hundred: `random_sampling: {value: 1}`.
          tracing:
            provider:
              name: envoy.tracers.opentelemetry
              typed_config:
                "@type": type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig
                service_name: llm-gateway
                http_service:
                  http_uri: {uri: http://otel-collector/v1/traces, cluster: otel-collector, timeout: 1s}
            # What is not known leaves no tag. All values are text: a collector can make numbers of them.
            # Times are in milliseconds.
            custom_tags:
"#;

const COLLECTOR: &str = r"  - name: otel-collector             # your OpenTelemetry collector: OTLP over HTTP
    type: STATIC
    connect_timeout: 2s
    load_assignment:
      cluster_name: otel-collector
      endpoints:
      - lb_endpoints:
        - {endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 4318}}}}
";

/// What has to stand in the file.
///
/// # Panics
/// When `chain.yaml` has lost a line that the pieces are put beside.
pub fn text(chain: &str) -> String {
    let (_, body) = chain.split_once("\nadmin:\n").expect("chain.yaml has an `admin`");
    let mut tracing = TRACING.to_owned();
    for (tag, fact) in TAGS {
        let _ = writeln!(
            tracing,
            "            - {{tag: {tag}, value: \"%FILTER_STATE(wasm.llm.{fact}:PLAIN)%\"}}"
        );
    }
    let body = beside(body, "          access_log:\n", |line| format!("{tracing}{line}"));
    let body = beside(&body, "          http_filters:\n", |line| {
        format!("                    trace_id=%TRACE_ID%\n{line}")
    });
    let body = beside(&body, "\nstats_config:\n", |line| format!("{COLLECTOR}{line}"));
    format!("{HEAD}\nadmin:\n{body}")
}

/// Puts something beside the one line that is so.
fn beside(text: &str, line: &str, put: impl Fn(&str) -> String) -> String {
    assert_eq!(text.matches(line).count(), 1, "chain.yaml and its line `{}`", line.trim());
    text.replace(line, &put(line))
}
