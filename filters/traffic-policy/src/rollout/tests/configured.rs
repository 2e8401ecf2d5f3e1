//! How a rollout is written, and what is refused of it.

use super::*;
use crate::evidence::{Method, Signal};

#[track_caller]
fn refused(settings: serde_json::Value, expected: &str) {
    assert_eq!(read(&[90, 10], settings).unwrap_err().to_string(), expected);
}

#[test]
fn of_two_versions_the_second_is_the_candidate_and_all_gates_are_on() {
    let rollout = plain();
    assert_eq!((rollout.stable(), rollout.candidate()), (0, 1));
    assert_eq!(rollout.analysis(), Analysis::Local);
    let signals: Vec<_> = rollout.gates().iter().map(|gate| gate.signal).collect();
    assert_eq!(signals, Signal::ALL);
    assert!(rollout.gates().iter().all(|gate| gate.min_samples == 200));
}

#[test]
fn where_there_is_a_prometheus_half_of_alpha_is_for_all_proxies_and_half_for_each_ones_part() {
    let rollout = delayed(30);
    assert_eq!(rollout.analysis(), Analysis::Both);
    assert_eq!(rollout.alphas(), Alphas { fleet: 0.0025, local: 0.000_025 });
    let alone = rollout_alone();
    assert_eq!(alone.alphas(), Alphas { fleet: 0.005, local: 0.0 });
}

fn rollout_alone() -> Rollout {
    rollout(json!({"analysis": "prometheus", "prometheus": {"cluster": "p"}}))
}

#[test]
fn what_a_proxy_sees_itself_is_not_late_and_a_prometheus_that_is_not_asked_is_none() {
    let section = json!({"analysis": "local", "prometheus": {"cluster": "p"}});
    let local = rollout(section);
    assert_eq!((local.prometheus(), local.evaluated_at(1)), (None, after(30)));
    refused(
        json!({"analysis": "local", "prometheus": {"cluster": ""}}),
        "prometheus.cluster: found nothing; allowed any text; write it",
    );
}

#[test]
fn a_rollout_is_known_by_who_is_tried_where_and_since_when() {
    let key = |settings| rollout(settings).key("gpu", &split(&[90, 10]));
    assert_eq!(key(json!({})), format!("gpu;v2;v1;{START}"));
    assert_eq!(key(json!({"min_samples": 7, "candidate_steps": [5]})), key(json!({})));
    assert_ne!(key(json!({"start_at": "2026-12-02T09:00:00Z"})), key(json!({})));
}

#[test]
fn a_prometheus_is_asked_half_a_minute_later_and_waited_for_two_seconds() {
    let prometheus = rollout_alone().prometheus().unwrap().clone();
    assert_eq!(prometheus.evaluation_delay, Duration::from_secs(30));
    assert_eq!(prometheus.timeout, Duration::from_secs(2));
    assert_eq!((prometheus.host.as_str(), prometheus.query), ("prometheus", None));
}

#[test]
fn a_schedule_that_could_never_be_is_refused_with_one_that_can() {
    refused(
        json!({"candidate_steps": []}),
        "candidate_steps: found `0` steps; allowed 1 to 100; add one",
    );
    refused(
        json!({"candidate_steps": [10, 101]}),
        "candidate_steps[1]: found `101`; allowed 11 to 100, each more than the one before; lower it",
    );
    refused(
        json!({"candidate_steps": [10, -5]}),
        "candidate_steps[1]: found `-5`; allowed 11 to 100, each more than the one before; raise it",
    );
    refused(json!({"interval": "100ms"}), "interval: found `100ms`; allowed 1s to 1d; raise it");
    refused(json!({"candidate": "v3"}), "candidate: found `v3`; allowed v1, v2; add it to weights");
    refused(
        json!({"candidate": "v1"}),
        "candidate: found `v1`, the stable version; allowed another; name another",
    );
    refused(
        json!({"analysis": "both"}),
        "prometheus: found none; allowed its cluster; add it, or set analysis to `local`",
    );
    refused(json!({"alpha": 0.0}), "alpha: found `0`; allowed 1e-9 to 0.5; 0.005 is usual");
    refused(
        json!({"fleet_size": 0}),
        "fleet_size: found `0`; allowed 1 to 100000; set it to how many proxies there may be",
    );
    refused(
        json!({"prometheus": {"cluster": "p", "evaluation_delay": "2h"}}),
        "prometheus.evaluation_delay: found `2h`; allowed 0us to 1h; lower it",
    );
    refused(
        json!({"prometheus": {"cluster": " "}}),
        "prometheus.cluster: found nothing; allowed any text; write it",
    );
}

#[test]
fn of_three_versions_the_two_have_to_be_named_and_some_weight_is_needed() {
    let error = |weights: &[u32], settings| read(weights, settings).unwrap_err().to_string();
    assert_eq!(
        error(&[1, 1, 1], json!({"stable": "v1"})),
        "candidate: found none, and `3` versions in weights; allowed one of them; name it"
    );
    assert_eq!(
        error(&[0, 0, 1], json!({"stable": "v1", "candidate": "v2"})),
        "candidate: found weights of 0 for it and the stable version; allowed any other; raise one of them"
    );
    assert_eq!(
        error(&[42_949_672, 1], json!({})),
        "candidate_steps: found weights of the sum `42949673`; allowed 42949672 with a rollout; lower all in proportion"
    );
}

fn gate(gate: serde_json::Value) -> Result<Method, String> {
    let rollout = read(&[90, 10], json!({"gates": [gate]})).map_err(|e| e.to_string())?;
    Ok(rollout.gates()[0].method)
}

#[test]
fn a_gate_compares_with_the_stable_version_or_with_a_limit() {
    assert_eq!(gate(json!({"signal": "failures"})), Ok(Method::Stable { max_ratio: 1.0 }));
    assert_eq!(gate(json!({"signal": "first_token"})), Ok(Method::Stable { max_ratio: 1.5 }));
    let limit = |bound, share| Ok(Method::Limit { bound, share });
    assert_eq!(gate(json!({"signal": "failures", "max": 0.05})), limit(0, 0.05));
    assert_eq!(gate(json!({"signal": "first_token", "limit": "2s"})), limit(2_000, 0.05));
    let slow = json!({"signal": "tokens_per_second", "limit": 20, "max": 0.1});
    assert_eq!(gate(slow), limit(50_000, 0.1));
    assert_eq!(gate(json!({"signal": "output_tokens", "limit": 900})), limit(900, 0.05));
}

#[test]
fn a_gate_that_could_never_be_is_refused() {
    let refused = |value: serde_json::Value, expected: &str| {
        assert_eq!(gate(value).unwrap_err(), format!("gates[0].{expected}"));
    };
    refused(
        json!({"signal": "failures", "max": 5}),
        "max: found `5`; allowed 0.000001 to 0.999; write 0.05 for 5 %",
    );
    refused(
        json!({"signal": "failures", "max": 0.1, "max_ratio": 2}),
        "max_ratio: found it beside a limit; allowed one of the two; make two gates of it",
    );
    refused(
        json!({"signal": "first_token", "max": 0.1}),
        "limit: found none beside max; allowed what is too much for first_token; write it",
    );
    refused(
        json!({"signal": "first_token", "max_ratio": 1}),
        "max_ratio: found `1`; allowed 1.1 to 100; raise it",
    );
    refused(
        json!({"signal": "first_token", "limit": 20}),
        "limit: found `20`; allowed 1ms to 10m; change it",
    );
    refused(
        json!({"signal": "finish_length", "limit": "2s"}),
        "limit: found `2s`; allowed none for finish_length, whose limit is max; change it",
    );
    let twice = json!({"gates": [{"signal": "failures"}, {"signal": "failures"}]});
    let error = read(&[90, 10], twice).unwrap_err().to_string();
    assert!(error.starts_with("gates[1].signal: found `failures` again"), "{error}");
    let none = read(&[90, 10], json!({"gates": []})).unwrap_err().to_string();
    assert!(none.starts_with("gates: found no gate"), "{none}");
}
