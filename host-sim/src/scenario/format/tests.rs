use std::fs;
use std::time::Duration;

use super::*;
use crate::scenario::expect::{BodyEquals, Range, TextMatch};
use crate::scenario::observation::Ended;
use crate::scenario::step::{Cut, Http, Repetition};

mod malformed;
mod mutated;
mod schema;

const HEAD: &str = "# Something behaves.\nenvoy: chain.yaml\n";

/// Reads `text` as a scenario in a folder that has `chain.yaml` above and `wire/a.json` beside it.
fn read_text(text: &str) -> Result<Scenario, String> {
    let (read, folder) = read_raw(text);
    read.map_err(|error| error.to_string().replace(&folder, ""))
}

/// The error as it is, and the folder that its file is in.
fn read_raw(text: &str) -> (Result<Scenario, Error>, String) {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("router");
    fs::create_dir_all(inner.join("wire")).unwrap();
    fs::write(folder.path().join("chain.yaml"), "").unwrap();
    fs::write(inner.join("wire/a.json"), r#"{"model":"a"}"#).unwrap();
    let file = inner.join("case.yaml");
    fs::write(&file, text).unwrap();
    (read(&file), format!("{}/", inner.display()))
}

fn steps(steps: &str) -> Result<Scenario, String> {
    read_text(&format!("{HEAD}steps:\n{steps}"))
}

fn error(text: Result<Scenario, String>) -> String {
    text.expect_err("the file is refused")
}

#[test]
fn the_example_of_the_design_is_read_whole() {
    let scenario = read_text(
        r#"# Three 503s in a row eject gpu-a.
envoy: chain.yaml
hosts: both
workers: 2
seed: 7
config: {retry_breaker: [{pool: gpu-a}]}
plugin_config: {body-gate: {deadline: 1s}}
upstreams:
  gpu-a: [{status: 503, times: 3}, {reply: chat}]
steps:
  - at: 0s
    repeat: 3
    request: &chat {post: /v1/chat/completions, body_file: wire/a.json, chunks: every_byte, http: 2}
    expect: {status: 503, upstream_requests: {gpu-a: 1, gpu-b: 0}}
  - at: 200ms
    request: *chat
    expect:
      upstream: {gpu-b: {header: {X-LLM-Reason: diverted}, body_equals: sent}}
      no_response_header: [x-llm-reason]
finally:
  metrics:
    llm_breaker_transitions_total{pool="gpu-a",to="ejected"}: 1
  logs: {contains: ["gpu-a ejected"], absent: ["text of the prompt"]}
  open_streams: 0
"#,
    )
    .unwrap();
    assert_eq!(scenario.name, "router/case");
    assert_eq!(scenario.sentence, "Three 503s in a row eject gpu-a.");
    assert_eq!((scenario.workers, scenario.seed), (2, 7));
    assert_eq!(scenario.hosts, Hosts::Both);
    assert_eq!(scenario.envoys, [EnvoyVersion::V1_40]);
    let plugins: Vec<&str> = scenario.patches.iter().map(|(plugin, _)| plugin.as_str()).collect();
    assert_eq!(plugins, ["llm-mesh", "body-gate"]);
    let first = scenario.steps[0].request().unwrap();
    assert_eq!(first.repetition, Repetition::InTurn(3));
    assert_eq!(first.request.method, "POST");
    assert_eq!(first.request.http, Http::V2);
    assert_eq!(first.request.chunks.cut, Cut::Frames(1));
    assert_eq!(first.request.body.as_deref(), Some(br#"{"model":"a"}"#.as_slice()));
    assert_eq!(first.expect.upstream_requests[1], ("gpu-b".to_owned(), Range::exactly(0)));
    assert_eq!(scenario.steps[1].at, Duration::from_millis(200));
    let second = &scenario.steps[1].request().unwrap().expect;
    let (cluster, upstream) = &second.upstream[0];
    assert_eq!(cluster, "gpu-b");
    assert!(matches!(upstream.body.equals, Some(BodyEquals::Sent)));
    let (name, value) = &upstream.headers.present[0];
    assert_eq!(name, "x-llm-reason");
    assert!(matches!(value, TextMatch::Exact(text) if text == "diverted"));
    assert_eq!(
        scenario.finally.metrics[0].0,
        r#"llm_breaker_transitions_total{pool="gpu-a",to="ejected"}"#
    );
}

#[test]
fn a_made_body_keeps_the_order_of_its_keys_and_has_the_size_asked_for() {
    let scenario = steps(
        "  - request: {post: /x, body: {chat: {prompt_bytes: 10, stream: true, model: m}}}\n",
    )
    .unwrap();
    let body = scenario.steps[0].request().unwrap().request.body.clone().unwrap();
    assert_eq!(
        body,
        r#"{"messages":[{"role":"user","content":"The commit"}],"stream":true,"model":"m"}"#
    );
}

#[test]
fn chunks_have_sizes_and_times() {
    let scenario =
        steps("  - request: {post: /x, body: abc, chunks: {frames: 16KiB, every: 1ms}}\n").unwrap();
    let chunks = &scenario.steps[0].request().unwrap().request.chunks;
    assert_eq!(chunks.cut, Cut::Frames(16_384));
    assert_eq!(chunks.every, Duration::from_millis(1));
}

#[test]
fn ends_and_texts_are_words_of_a_closed_set() {
    let scenario = steps(
        "  - request: {get: /x}\n    expect: {ended: reset, details: {contains: wasm}, within: 1s}\n",
    )
    .unwrap();
    let expect = &scenario.steps[0].request().unwrap().expect;
    assert_eq!(expect.ended, Some(Ended::Reset));
    assert!(expect.details.as_ref().is_some_and(|details| details.accepts("a wasm_fail_stream")));
    assert_eq!(
        error(steps("  - request: {get: /x}\n    expect: {ended: maybe}\n")),
        "case.yaml:5:21: steps[0].expect.ended: found `maybe`; \
         allowed complete, reset, client_reset, hung"
    );
}

#[test]
fn a_file_without_a_sentence_is_refused() {
    assert_eq!(
        error(read_text("envoy: chain.yaml\n")),
        "case.yaml:1:1: found no comment in the first line; \
         allowed a comment that says the behaviour in a sentence; start the file with `# ...`"
    );
}

#[test]
fn an_unknown_field_is_named_with_its_place_and_the_nearest_one() {
    let message = error(steps("  - request: {get: /x}\n    expct: {status: 200}\n"));
    assert!(
        message.starts_with("case.yaml:5:5: steps[0]: found unknown field `expct`"),
        "{message}"
    );
    assert!(message.ends_with("write `expect`, or remove it"), "{message}");
}

#[test]
fn the_simulator_alone_needs_a_reason() {
    let message = error(read_text(&format!("{HEAD}hosts: sim\nsteps: []\n")));
    assert!(message.contains("`sim` together with `because`"), "{message}");
    let scenario = read_text(&format!(
        "{HEAD}hosts: sim\nbecause: clocks jump\nsteps: [{{drain: graceful}}]\n"
    ))
    .unwrap();
    assert_eq!(scenario.hosts, Hosts::Sim { because: "clocks jump".to_owned() });
}

#[test]
fn a_file_that_is_not_there_is_named_where_it_is_asked_for() {
    let message = error(steps("  - request: {post: /x, body_file: wire/b.json}\n"));
    assert!(
        message.starts_with("case.yaml:4:36: steps[0].request.body_file: found `wire/b.json`"),
        "{message}"
    );
}

#[test]
fn features_are_names_and_fault_injection_is_one_of_them() {
    let features = |line: &str| {
        let text = format!("{HEAD}{line}\nsteps: [{{request: {{get: /}}}}]\n");
        read_text(&text).map(|scenario| scenario.features.join(" "))
    };
    assert_eq!(features(""), Ok(String::new()));
    assert_eq!(features("features: [b, a_1, b]").as_deref(), Ok("a_1 b"));
    let both = "fault_injection: true\nfeatures: [exact-o200k]";
    assert_eq!(features(both).as_deref(), Ok("exact-o200k fault-injection"));
    let refused = features("features: [--no-default-features]").unwrap_err();
    assert!(refused.contains("features[0]: found `--no-default-features`; allowed "), "{refused}");
    assert!(features("features: [\"a,b\"]").is_err() && features("features: [\"\"]").is_err());
}
