use bytes::Bytes;

use super::*;
use crate::scenario::check::tests::one_step;
use crate::scenario::expect::Expect;
use crate::scenario::observation::{Ended, LogLine};

fn envoy_of(observation: &Observation) -> Observation {
    Observation { host: HostName::Envoy("1.40.0".to_owned()), ..observation.clone() }
}

fn messages(change: impl FnOnce(&mut Observation)) -> Vec<String> {
    let (scenario, sim) = one_step(Expect::default());
    let mut envoy = envoy_of(&sim);
    change(&mut envoy);
    diff(&scenario, &sim, &envoy).iter().map(ToString::to_string).collect()
}

#[test]
fn the_same_record_does_not_differ() {
    assert_eq!(messages(|_| {}), [] as [&str; 0]);
}

#[test]
fn a_difference_names_the_step_and_both_hosts() {
    let found = messages(|envoy| envoy.exchanges[0].response.status = Some(503));
    assert_eq!(found, ["hosts differ: step 1: status: sim has 200, envoy 1.40.0 has 503"]);
}

/// What is changed, and how.
type Change = (&'static str, fn(&mut Exchange));

#[test]
fn every_part_of_an_exchange_is_compared() {
    let changes: [Change; 6] = [
        ("ended", |exchange| exchange.response.ended = Ended::Reset),
        ("body", |exchange| exchange.response.body = Bytes::from_static(b"{}")),
        ("upstream_requests", |exchange| exchange.upstream.clear()),
        ("upstream[0].body", |exchange| exchange.upstream[0].body = Bytes::new()),
        ("upstream[0].complete", |exchange| exchange.upstream[0].complete = false),
        ("response_trailer.x-end", |exchange| {
            exchange.response.trailers.0.push(("x-end".to_owned(), "1".to_owned()));
        }),
    ];
    for (what, change) in changes {
        let found = messages(|envoy| change(&mut envoy.exchanges[0]));
        assert!(found.len() == 1 && found[0].contains(&format!("{what}:")), "{what}: {found:?}");
    }
}

#[test]
fn what_is_new_in_every_run_compares_by_presence() {
    let id = |value: &str| ("x-request-id".to_owned(), value.to_owned());
    let (scenario, mut sim) = one_step(Expect::default());
    let mut envoy = envoy_of(&sim);
    sim.exchanges[0].upstream[0].headers.0.push(id("1"));
    envoy.exchanges[0].upstream[0].headers.0.push(id("2"));
    assert_eq!(diff(&scenario, &sim, &envoy), []);
    envoy.exchanges[0].upstream[0].headers.0.pop();
    assert_eq!(diff(&scenario, &sim, &envoy).len(), 1);
}

#[test]
fn ports_do_not_differ_but_addresses_do() {
    let found = |ours: &str, theirs: &str| {
        let (scenario, mut sim) = one_step(Expect::default());
        let mut envoy = envoy_of(&sim);
        let field = |value: &str| ("x-endpoint".to_owned(), value.to_owned());
        sim.exchanges[0].response.headers.0.push(field(ours));
        envoy.exchanges[0].response.headers.0.push(field(theirs));
        diff(&scenario, &sim, &envoy).len()
    };
    assert_eq!(found("127.0.0.1:8001", "127.0.0.1:40113"), 0);
    assert_eq!(found("127.0.0.1:8001", "127.0.0.2:40113"), 1);
}

#[test]
fn log_lines_compare_without_order_and_with_number() {
    let line = |text: &str| LogLine { level: "info".to_owned(), text: text.to_owned() };
    let (scenario, mut sim) = one_step(Expect::default());
    let mut envoy = envoy_of(&sim);
    sim.logs = vec![line("a"), line("b")];
    envoy.logs = vec![line("b"), line("a")];
    assert_eq!(diff(&scenario, &sim, &envoy), []);
    envoy.logs.push(line("b"));
    assert_eq!(
        diff(&scenario, &sim, &envoy)[0].to_string(),
        "hosts differ: log line `info b`: sim has it once, envoy 1.40.0 has it 2 times"
    );
}

#[test]
fn a_logged_service_time_compares_by_presence() {
    for (ours, theirs, same) in [
        ("x-envoy-upstream-service-time: 0", "x-envoy-upstream-service-time: 22", true),
        ("x-envoy-upstream-service-time: 0", "x-envoy-upstream-service-time: -", false),
        ("x-other: 0", "x-other: 22", false),
    ] {
        assert_eq!(log_line(ours) == log_line(theirs), same, "{ours} {theirs}");
    }
}

#[test]
fn a_metric_that_only_one_host_counted_differs() {
    let found = messages(|envoy| {
        envoy.metrics.insert("llm_requests_total".to_owned(), 1);
        envoy.metrics.insert("llm_never_total".to_owned(), 0);
    });
    assert_eq!(found, ["hosts differ: metrics.llm_requests_total: sim has 0, envoy 1.40.0 has 1"]);
}

#[test]
fn an_update_that_one_host_alone_refuses_differs() {
    let found = messages(|envoy| envoy.refused_updates = vec![1]);
    assert_eq!(found, ["hosts differ: refused_updates: sim has none, envoy 1.40.0 has step 2"]);
}
