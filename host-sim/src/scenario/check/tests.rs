use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::scenario::expect::{BodyEquals, Expect, Finally, Range, TextMatch, UpstreamExpect};
use crate::scenario::observation::{Ended, Exchange, Fields, LogLine, Received, Response};
use crate::scenario::step::{Act, Repetition, Request, RequestStep, Step, Update};
use crate::scenario::{Control, Hosts, Target};

/// A scenario with one step that expects `expect`, and a run in which it answered 200.
pub(in crate::scenario) fn one_step(expect: Expect) -> (Scenario, Observation) {
    let request = Request::post("/v1/chat/completions", "{\"model\":\"a\"}");
    let step =
        RequestStep { repetition: Repetition::InTurn(1), background: false, request, expect };
    let scenario = Scenario {
        path: PathBuf::from("case.yaml"),
        name: "router/case".to_owned(),
        sentence: "Something behaves.".to_owned(),
        target: Target::Envoy(PathBuf::from("chain.yaml")),
        hosts: Hosts::Both,
        workers: 1,
        seed: 1,
        ties: crate::scenario::Ties::default(),
        control: Control::Fails,
        envoys: vec![crate::model::EnvoyVersion::V1_40],
        since: crate::model::EnvoyVersion::V1_36,
        features: Vec::new(),
        patches: Vec::new(),
        upstreams: Vec::new(),
        events: Vec::new(),
        guest_faults: Vec::new(),
        silenced: Vec::new(),
        steps: vec![Step { at: Duration::from_millis(200), act: Act::Request(Box::new(step)) }],
        finally: Finally::default(),
    };
    let mut observation = Observation::new(HostName::Sim);
    observation.exchanges.push(Exchange {
        sent: Bytes::from_static(b"{\"model\":\"a\"}"),
        response: Response {
            status: Some(200),
            headers: Fields(vec![("content-type".to_owned(), "application/json".to_owned())]),
            body: Bytes::from_static(b"{\"id\":\"x\",\"usage\":{\"prompt\":12}}"),
            ended: Ended::Complete,
            took: Duration::from_millis(3),
            ..Response::default()
        },
        upstream: vec![Received {
            cluster: "gpu-a".to_owned(),
            method: "POST".to_owned(),
            path: "/v1/chat/completions".to_owned(),
            headers: Fields(vec![("x-llm-pool".to_owned(), "gpu-a".to_owned())]),
            body: Bytes::from_static(b"{\"model\":\"a\"}"),
            complete: true,
            ..Received::default()
        }],
        ..Exchange::default()
    });
    (scenario, observation)
}

fn messages(expect: Expect) -> Vec<String> {
    let (scenario, observation) = one_step(expect);
    check(&scenario, &observation).iter().map(ToString::to_string).collect()
}

fn text(text: &str) -> TextMatch {
    TextMatch::Exact(text.to_owned())
}

#[test]
fn a_failure_names_host_step_field_expected_and_got() {
    let expect = Expect {
        status: Some(503),
        upstream_requests: vec![("gpu-b".to_owned(), Range::exactly(1))],
        ..Expect::default()
    };
    assert_eq!(
        messages(expect),
        [
            "sim: step 1 at 200ms: status: expected 503, got 200",
            "sim: step 1 at 200ms: upstream_requests.gpu-b: expected 1, got 0",
        ]
    );
}

#[test]
fn expectations_that_hold_are_silent() {
    let mut expect = Expect { status: Some(200), ..Expect::default() };
    expect.headers.present = vec![("content-type".to_owned(), text("application/json"))];
    expect.headers.absent = vec!["x-llm-pool".to_owned()];
    expect.body.json = Some(json!({"usage": {"prompt": 12}}));
    expect.within = Some(Duration::from_millis(3));
    let mut upstream = UpstreamExpect { complete: Some(true), ..UpstreamExpect::default() };
    upstream.headers.present = vec![("x-llm-pool".to_owned(), text("gpu-a"))];
    upstream.body.equals = Some(BodyEquals::Sent);
    expect.upstream = vec![("gpu-a".to_owned(), upstream)];
    assert_eq!(messages(expect), [] as [&str; 0]);
}

#[test]
fn a_header_that_is_there_and_must_not_is_a_failure() {
    let mut upstream = UpstreamExpect::default();
    upstream.headers.absent = vec!["x-llm-pool".to_owned()];
    let expect = Expect { upstream: vec![("gpu-a".to_owned(), upstream)], ..Expect::default() };
    assert_eq!(
        messages(expect),
        [
            "sim: step 1 at 200ms: upstream.gpu-a.no_header.x-llm-pool: expected no such field, got `gpu-a`",
        ]
    );
}

#[test]
fn json_is_compared_where_the_file_says_something() {
    let mut expect = Expect::default();
    expect.body.json = Some(json!({"usage": {"prompt": 13, "completion": 1}}));
    assert_eq!(
        messages(expect),
        [
            "sim: step 1 at 200ms: body_json.usage.completion: expected 1, got no such field",
            "sim: step 1 at 200ms: body_json.usage.prompt: expected 13, got 12",
        ]
    );
}

#[test]
fn a_changed_body_is_shown_from_its_first_difference() {
    let mut expect = Expect::default();
    expect.body.equals = Some(BodyEquals::Bytes(Bytes::from_static(b"{\"id\":\"y\"}")));
    let messages = messages(expect);
    assert!(messages[0].contains("differ from byte 7 on"), "{}", messages[0]);
}

#[test]
fn an_exchange_must_end_unless_the_file_says_otherwise() {
    let (mut scenario, mut observation) = one_step(Expect::default());
    observation.exchanges[0].response.ended = Ended::Hung;
    let failures = check(&scenario, &observation);
    assert_eq!(failures[0].to_string(), "sim: step 1 at 200ms: ended: expected complete, got hung");
    let Act::Request(step) = &mut scenario.steps[0].act else { panic!("a request") };
    step.expect.ended = Some(Ended::Hung);
    assert_eq!(check(&scenario, &observation), []);
}

#[test]
fn a_request_that_was_never_sent_is_a_failure() {
    let (scenario, mut observation) = one_step(Expect::default());
    observation.exchanges.clear();
    let failures = check(&scenario, &observation);
    assert_eq!(failures[0].to_string(), "sim: step 1 at 200ms: requests: expected 1, got 0");
}

#[test]
fn a_metric_that_did_not_move_is_shown_with_its_siblings() {
    let (mut scenario, mut observation) = one_step(Expect::default());
    observation.metrics.insert(r#"llm_requests_total{pool="b"}"#.to_owned(), 2);
    scenario.finally.metrics =
        vec![(r#"llm_requests_total{pool="a"}"#.to_owned(), Range::exactly(2))];
    assert_eq!(
        check(&scenario, &observation)[0].to_string(),
        r#"sim: finally: metrics.llm_requests_total{pool="a"}: expected 2, got 0 (but llm_requests_total{pool="b"} 2)"#
    );
}

#[test]
fn a_log_line_can_be_wanted_wanted_once_or_unwanted() {
    let (mut scenario, mut observation) = one_step(Expect::default());
    let line = |text: &str| LogLine { level: "warn".to_owned(), text: text.to_owned() };
    observation.logs = vec![line("no body arrived"), line("no body arrived"), line("secret")];
    let part = |text: &str| TextMatch::Contains(text.to_owned());
    scenario.finally.logs_contain = vec![part("body"), part("missing")];
    scenario.finally.logs_once = vec![part("no body")];
    scenario.finally.logs_absent = vec![part("secret")];
    let messages: Vec<String> =
        check(&scenario, &observation).iter().map(ToString::to_string).collect();
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(messages[0].contains("a text with `missing` in it, got 3 lines"), "{}", messages[0]);
    assert!(messages[1].contains("got 2 times"), "{}", messages[1]);
    assert!(messages[2].contains("got `secret`"), "{}", messages[2]);
}

#[test]
fn a_stream_that_is_left_open_is_a_failure() {
    let (scenario, mut observation) = one_step(Expect::default());
    observation.open_streams = 1;
    assert_eq!(
        check(&scenario, &observation)[0].to_string(),
        "sim: finally: open_streams: expected 0, got 1"
    );
}

#[test]
fn an_update_must_be_taken_or_refused_as_the_file_says() {
    let (mut scenario, mut observation) = one_step(Expect::default());
    let update = |refused| {
        let (plugin, patch) = ("llm-mesh".to_owned(), json!({}));
        Step { at: Duration::from_secs(1), act: Act::Update(Update { plugin, patch, refused }) }
    };
    scenario.steps.extend([update(true), update(false)]);
    observation.refused_updates = vec![1];
    assert!(check(&scenario, &observation).is_empty());
    observation.refused_updates = vec![2];
    let failures: Vec<String> =
        check(&scenario, &observation).iter().map(ToString::to_string).collect();
    assert_eq!(failures.len(), 2);
    assert!(failures[0].ends_with("step 2 at 1s: update.refused: expected true, got false"));
    assert!(failures[1].ends_with("step 3 at 1s: update.refused: expected false, got true"));
}

#[test]
fn a_lint_is_a_failure_unless_the_scenario_silences_it() {
    use crate::model::lint::{Finding, Lint};
    let (mut scenario, mut observation) = one_step(Expect::default());
    observation.lints = vec![Finding {
        lint: Lint::LateMetric,
        detail: "plugin `p` defined `m`".to_owned(),
        at: 0,
        trace_end: Some(3),
    }];
    let failures = check(&scenario, &observation);
    assert_eq!(
        failures.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["sim: finally: lint.late_metric: expected no finding, or `silence: {late_metric: WHY}`, \
          got plugin `p` defined `m`"]
    );
    assert_eq!(failures[0].trace_end, Some(3));
    scenario.silenced = vec![(Lint::ContextLeaked, "another".to_owned())];
    assert_eq!(check(&scenario, &observation).len(), 1);
    scenario.silenced = vec![(Lint::LateMetric, "names are tenants'".to_owned())];
    assert_eq!(check(&scenario, &observation), []);
}

#[test]
fn filter_state_and_trace_can_be_wanted_and_unwanted() {
    use crate::scenario::observation::Access;
    let mut expect = Expect::default();
    expect.filter_state.present =
        vec![("wasm.model".to_owned(), text("a")), ("wasm.gone".to_owned(), TextMatch::Present)];
    expect.filter_state.absent = vec!["wasm.model".to_owned()];
    let (mut scenario, mut observation) = one_step(expect);
    let lines = ["filter_state wasm.model b".to_owned(), "filter_state wasm.gone -".to_owned()];
    let access = Access { code: 200, lines: lines.into(), ..Access::default() };
    observation.exchanges[0].access = Some(access);
    observation.trace = vec!["1.000000 a line".to_owned()];
    scenario.finally.trace_contains = vec![TextMatch::Contains("another".to_owned())];
    scenario.finally.trace_absent = vec![TextMatch::Contains("a line".to_owned())];
    let whats = |observation: &Observation| -> Vec<String> {
        check(&scenario, observation).into_iter().map(|failure| failure.what).collect()
    };
    let state = ["filter_state.wasm.model", "filter_state.wasm.gone", "no_filter_state.wasm.model"];
    let all = [state.as_slice(), &["trace.contains", "trace.absent"]].concat();
    assert_eq!(whats(&observation), all);
    // What an Envoy writes to its log is no trace.
    observation.host = HostName::Envoy("1.40".to_owned());
    assert_eq!(whats(&observation), state);
}
