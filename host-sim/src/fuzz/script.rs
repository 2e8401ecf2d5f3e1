//! Cases as a scenario file: one step for each, at its own time, in one proxy.
//!
//! What happens to the whole proxy depends on the numbers of the cases, so that a case that is played alone
//! meets the same: every second batch has two workers, and in every fourth one plugin gets a new
//! configuration, or the proxy drains, while cases run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use super::case::{Case, TRAPPED_CLUSTERS};
use super::hunt::BATCH;
use super::pace::Pace;

/// The configuration in which cases run, from the workspace's root.
pub(super) const CONFIGURATION: &str = "tests/scenarios/envoy/random.yaml";
/// Milliseconds between the beginnings of two cases.
const APART_MS: u64 = 12;
/// Nobody begins around a change of the whole proxy: which streams it still meets would be chance.
const PAUSE_MS: u64 = 300;
/// Milliseconds between the requests of a case whose VM comes back, after two or three.
const SPREAD_MS: u64 = 400;
/// How long servers take to answer: queues and refused connections are sooner on every machine.
const SOON_MS: u64 = 11;
/// Milliseconds from the beginning of the last case until everything has ended: clients give up after two
/// seconds, and calls that nobody answers end a little later.
const QUIET_MS: u64 = 2_400;

/// A scenario file, and which case each of its steps is.
pub(super) struct Script {
    pub(super) text: String,
    pub(super) cases: Vec<Option<usize>>,
}

/// What happens to all cases of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Nothing,
    /// A plugin gets another configuration.
    Update,
    Drain,
}

/// How many workers, and what happens from the middle of the batch on.
const fn circumstances(index: u64) -> (u32, Change) {
    match (index / BATCH) % 4 {
        0 => (1, Change::Nothing),
        1 => (2, Change::Nothing),
        2 => (1, Change::Update),
        _ => (2, Change::Drain),
    }
}

/// The scenario file of these cases.
pub(super) fn script(cases: &[Case], configuration: &Path, pace: Pace) -> Script {
    let (workers, change) = circumstances(cases.first().map_or(0, |case| case.index));
    let mut text = preamble(cases, configuration, pace, workers);
    let mut steps: Vec<(u64, Option<usize>, String)> = Vec::new();
    let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut at, mut changed) = (0, change == Change::Nothing);
    for (place, case) in cases.iter().enumerate() {
        if !changed && case.index % BATCH >= BATCH / 2 {
            changed = true;
            let begin = at + 2 * PAUSE_MS;
            at += pace.pause(PAUSE_MS);
            let act = match change {
                Change::Drain => "drain: graceful".to_owned(),
                // Another configuration, and still the pace's own ticks.
                Change::Nothing | Change::Update => {
                    format!("update: {{plugin: b, config: {{tick_ms: {}}}}}", pace.tick_ms[1] + 1)
                }
            };
            steps.push((at, None, format!("  - at: {at}ms\n    {act}\n")));
            at = begin;
        }
        let chain = taken.entry(case.own_chain()).or_default();
        for round in 0..if case.is_spread() { u64::from(case.times) } else { 1 } {
            let at = at + round * SPREAD_MS;
            steps.push((at, Some(place), case.step(at, pace.client_percent, *chain)));
        }
        *chain += 1;
        at += APART_MS;
    }
    steps.sort_by_key(|(at, ..)| *at);
    // Requests of plugins outlive the streams that made them, and count when they end.
    let end = steps.last().map_or(0, |(at, ..)| *at) + QUIET_MS;
    let last = "request: {get: /direct, listener: single}";
    steps.push((end, None, format!("  - at: {end}ms\n    {last}\n")));
    let cases = steps.iter().map(|(_, case, _)| *case).collect();
    steps.iter().for_each(|(.., step)| text.push_str(step));
    Script { text, cases }
}

fn preamble(cases: &[Case], configuration: &Path, pace: Pace, workers: u32) -> String {
    let Pace { seed, tick_ms: [a, b, c], .. } = pace;
    let mut text = format!(
        "# Random cases.\nenvoy: {}\nseed: {seed}\nworkers: {workers}\nplugin_config: \
         {{a: {{tick_ms: {a}}}, b: {{tick_ms: {b}, call: callout-b}}, \
         c: {{tick_ms: {c}, call: callout-c}}}}\nupstreams:\n  down: down\n",
        configuration.display()
    );
    for (cluster, script) in servers(pace) {
        let is_for_calls = cluster.starts_with("callout") || cluster.starts_with("grpc");
        if is_for_calls || cases.iter().any(|case| case.server == cluster) {
            let several = cluster.starts_with("trapped-");
            for number in 0..if several { TRAPPED_CLUSTERS } else { 1 } {
                let number = if several { format!("-{number}") } else { String::new() };
                let _ = writeln!(text, "  {cluster}{number}: [{{{script}}}]");
            }
        }
    }
    text.push_str("steps:\n");
    text
}

/// What the servers say.
fn servers(pace: Pace) -> Vec<(&'static str, String)> {
    let Pace { call_ms: [a, b, c], server_ms, .. } = pace;
    // Sooner than anything else that takes time, and later than what does not.
    let soon = |script: &str| {
        let comma = if script.is_empty() { "" } else { ", " };
        format!("headers_after: {SOON_MS}ms{comma}{script}")
    };
    let after = |ms: u64| format!("headers_after: {}ms", pace.shifted(ms));
    let grpc = |ms: u64, status: u32, body: &str| {
        format!(
            "{}, body: \"{body}\", headers: {{content-type: application/grpc}}, \
             trailers: {{grpc-status: \"{status}\", grpc-message: said}}",
            after(ms)
        )
    };
    vec![
        ("callout", format!("headers_after: {a}ms")),
        ("callout-b", format!("headers_after: {b}ms")),
        ("callout-c", format!("headers_after: {c}ms")),
        ("callout-503", format!("{}, status: 503, body: sorry", after(70))),
        ("callout-reset", format!("{}, fault: reset_before_headers", after(120))),
        (
            "callout-cut",
            format!("{}, body: abcdefgh, fault: reset, between_frames: 20ms", after(110)),
        ),
        ("callout-silent", "fault: silence".to_owned()),
        ("callout-h2", format!("{}, body: abc, trailers: {{x-t: called}}", after(90))),
        ("callout-h2-reset", format!("{}, fault: reset_before_headers", after(50))),
        ("grpc", grpc(140, 0, "\\0\\0\\0\\0\\x03abc")),
        ("grpc-fails", grpc(150, 5, "")),
        ("grpc-silent", "fault: silence".to_owned()),
        ("server", soon("")),
        ("http1", soon("")),
        (
            "pieces",
            soon(&format!("body: abcdefghi, frame_bytes: 3, between_frames: {server_ms}ms")),
        ),
        ("trailers", soon("body: abcdef, trailers: {x-t: server}")),
        (
            "early",
            format!(
                "answer_at: request_headers, body: abcd, headers_after: {}ms, frame_bytes: 2, \
                 between_frames: {server_ms}ms",
                server_ms - 15
            ),
        ),
        ("empty", soon("status: 200, body: ''")),
        ("reset", soon("fault: reset_before_headers")),
        ("cut", soon(&format!("body: abcdefgh, fault: reset, between_frames: {server_ms}ms"))),
        ("large", soon(&format!("body: {}", "l".repeat(40_000)))),
        ("tried", soon("by_attempt: [503, 200], body: abcdef, trailers: {x-t: server}")),
        ("tried1", soon("by_attempt: [503, 500, 200], body: abcdef")),
        ("trapped-reload", soon("by_attempt: [503, 200], body: abcdef, trailers: {x-t: server}")),
        ("trapped-closed", soon("by_attempt: [503, 200], body: abcdef")),
        (
            "trapped-open",
            soon(&format!("body: abcdef, frame_bytes: 3, between_frames: {server_ms}ms")),
        ),
        ("spent", soon("status: 503, body: never")),
        ("broken", soon("fault: reset_before_headers")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::{
        draw,
        pace::{ORDINARY, OTHERS},
    };
    use crate::scenario::format;

    #[test]
    fn cases_are_a_scenario_file_with_a_step_for_each() {
        let configuration = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(CONFIGURATION);
        let folder = tempfile::tempdir().unwrap();
        for first in [0, BATCH * 2 + BATCH / 2 - 20] {
            let cases: Vec<Case> = (first..first + 50).map(|i| draw::case(1, i)).collect();
            for pace in OTHERS.into_iter().chain([ORDINARY]) {
                let file = folder.path().join("cases.yaml");
                let script = script(&cases, &configuration, pace);
                std::fs::write(&file, script.text).unwrap();
                let scenario = format::read(&file).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(scenario.steps.len(), script.cases.len());
                let played: std::collections::BTreeSet<usize> =
                    script.cases.iter().flatten().copied().collect();
                assert_eq!(played.len(), cases.len());
            }
        }
    }

    #[test]
    fn a_case_meets_the_same_proxy_alone_as_among_others() {
        let drained = BATCH * 3 + BATCH - 1;
        let alone = script(&[draw::case(1, drained)], Path::new("x.yaml"), ORDINARY);
        assert!(alone.text.contains("drain: graceful"));
        assert!(alone.text.contains("workers: 2"));
        let early = script(&[draw::case(1, BATCH * 3)], Path::new("x.yaml"), ORDINARY);
        assert!(!early.text.contains("drain: graceful"));
        let updated = BATCH * 2 + BATCH - 1;
        let ticks = |pace| {
            let alone = script(&[draw::case(1, updated)], Path::new("x.yaml"), pace).text;
            alone.lines().find(|line| line.contains("update:")).unwrap().to_owned()
        };
        assert!(ticks(ORDINARY).contains("tick_ms: 21"));
        assert!(OTHERS.iter().any(|pace| ticks(*pace) != ticks(ORDINARY)));
    }
}
