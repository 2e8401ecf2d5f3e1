//! Plays many cases in one process: each is a step in the background, at its own time.
//!
//! A batch is a scenario file like any other, so that what differs can be kept as one.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::case::Case;
use crate::model::EnvoyVersion;
use crate::scenario::diff::{self, Difference};
use crate::scenario::observation::{Ended, Exchange, Observation};
use crate::scenario::workbench::{Module, Workbench, rim};
use crate::scenario::{Scenario, Ties, drive, format};

/// The configuration in which cases run, from the workspace's root.
const CONFIGURATION: &str = "tests/scenarios/envoy/guests.yaml";
/// Milliseconds between the beginnings of two cases.
const APART_MS: u64 = 12;

/// How fast everybody is, in relation to each other; calls and ticks for each plugin.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    seed: u64,
    ties: Ties,
    client_percent: u64,
    server_ms: u64,
    call_ms: [u64; 3],
    tick_ms: [u64; 3],
}

/// What Envoy gets.
pub(super) const ORDINARY: Pace = Pace {
    seed: 1,
    ties: Ties::Drawn,
    client_percent: 100,
    server_ms: 110,
    call_ms: [50, 50, 50],
    tick_ms: [20, 20, 20],
};

/// A case that plays otherwise at one of these depends on which of two events is first.
pub(super) const OTHERS: [Pace; 4] = [
    Pace {
        seed: 2,
        ties: Ties::Input,
        client_percent: 141,
        server_ms: 149,
        call_ms: [50, 57, 43],
        tick_ms: [20, 23, 17],
    },
    Pace {
        seed: 3,
        ties: Ties::Host,
        client_percent: 71,
        server_ms: 83,
        call_ms: [50, 43, 57],
        tick_ms: [20, 17, 23],
    },
    Pace {
        seed: 4,
        ties: Ties::Input,
        client_percent: 71,
        server_ms: 149,
        call_ms: [61, 51, 41],
        tick_ms: [17, 20, 23],
    },
    Pace {
        seed: 5,
        ties: Ties::Host,
        client_percent: 141,
        server_ms: 83,
        call_ms: [41, 51, 61],
        tick_ms: [23, 20, 17],
    },
];

/// Where cases are played.
pub(super) struct Stage<'a> {
    bench: &'a Workbench,
    modules: drive::Modules,
}

impl<'a> Stage<'a> {
    pub(super) fn new(bench: &'a Workbench) -> Result<Self, String> {
        let guest = bench.module(Module::Tracing)?;
        let modules = BTreeMap::from([("tracing_guest.wasm".to_owned(), guest)]);
        Ok(Self { bench, modules })
    }

    pub(super) fn simulate(&self, cases: &[Case], pace: Pace) -> Result<Played, String> {
        let scenario = self.scenario(cases, pace)?;
        let version = EnvoyVersion::default();
        let seen = drive::sim(&scenario, &self.modules, version, self.bench)?;
        Ok(Played { scenario, seen })
    }

    pub(super) fn on_envoy(&self, cases: &[Case]) -> Result<Played, String> {
        let scenario = self.scenario(cases, ORDINARY)?;
        let version = EnvoyVersion::default();
        let seen = drive::envoy(&scenario, &self.modules, version, self.bench)?;
        Ok(Played { scenario, seen })
    }

    fn scenario(&self, cases: &[Case], pace: Pace) -> Result<Scenario, String> {
        let folder = self.bench.folder().map_err(|error| rim(&error))?;
        let file = folder.path().join("cases.yaml");
        let configuration = self.bench.workspace().join(CONFIGURATION);
        std::fs::write(&file, text(cases, &configuration, pace)).map_err(|error| rim(&error))?;
        let scenario = format::read(&file).map_err(|error| error.to_string())?;
        Ok(Scenario { ties: pace.ties, ..scenario })
    }
}

/// The scenario file of these cases.
pub(super) fn text(cases: &[Case], configuration: &Path, pace: Pace) -> String {
    let Pace { seed, call_ms: call, tick_ms: [a, b, c], server_ms, .. } = pace;
    let mut text = format!(
        "# Random cases.\nenvoy: {}\nseed: {seed}\nplugin_config: {{a: {{tick_ms: {a}}}, \
         b: {{tick_ms: {b}, call: callout-b}}, c: {{tick_ms: {c}, call: callout-c}}}}\nupstreams:\n",
        configuration.display()
    );
    let large = "l".repeat(40_000);
    let named = |cluster: &str| cases.iter().any(|case| case.server == cluster);
    for (cluster, script) in [
        ("callout", format!("headers_after: {}ms", call[0])),
        ("callout-b", format!("headers_after: {}ms", call[1])),
        ("callout-c", format!("headers_after: {}ms", call[2])),
        ("pieces", format!("body: abcdefghi, frame_bytes: 3, between_frames: {server_ms}ms")),
        ("trailers", "body: abcdef, trailers: {x-t: server}".to_owned()),
        (
            "early",
            format!(
                "answer_at: request_headers, body: abcd, headers_after: {}ms, frame_bytes: 2, \
             between_frames: {server_ms}ms",
                server_ms + 50
            ),
        ),
        ("empty", "status: 200, body: ''".to_owned()),
        ("reset", "fault: reset_before_headers".to_owned()),
        ("cut", format!("body: abcdefgh, fault: reset, between_frames: {server_ms}ms")),
        ("large", format!("body: {large}")),
    ] {
        if !cluster.starts_with("callout") && !named(cluster) {
            continue;
        }
        let _ = writeln!(text, "  {cluster}: [{{{script}}}]");
    }
    text.push_str("steps:\n");
    for (case, at) in cases.iter().zip(0..) {
        text.push_str(&case.step(at * APART_MS, pace.client_percent));
    }
    text
}

/// The file in which a case can be kept.
pub(super) fn kept(case: &Case) -> String {
    text(std::slice::from_ref(case), &PathBuf::from("envoy/guests.yaml"), ORDINARY)
}

/// Cases that a host has played.
pub(super) struct Played {
    scenario: Scenario,
    seen: Observation,
}

impl Played {
    /// Places of the cases in which a guest did what Envoy does not define.
    pub(super) fn undefined(&self) -> BTreeSet<usize> {
        self.seen.undefined.iter().map(|(number, _)| *number).collect()
    }

    /// Differences by the case's place; those that belong to no case stand at `None`.
    pub(super) fn differences(&self, other: &Self) -> BTreeMap<Option<usize>, Vec<Difference>> {
        let mut by_case: BTreeMap<Option<usize>, Vec<Difference>> = BTreeMap::new();
        for difference in diff::diff(&self.scenario, &self.seen, &other.seen) {
            by_case.entry(difference.step).or_default().push(difference);
        }
        by_case
    }

    /// Places of the cases that ended in a cut right behind the response's headers: whether the client's
    /// library still hands them out is chance.
    pub(super) fn cut_at_once(&self) -> BTreeSet<usize> {
        const AT_ONCE: Duration = Duration::from_millis(30);
        let is_cut = |exchange: &&Exchange| {
            let response = &exchange.response;
            let headers = response.headers_after;
            response.ended == Ended::Reset
                && headers.is_some_and(|after| response.took.saturating_sub(after) < AT_ONCE)
        };
        self.seen.exchanges.iter().filter(is_cut).map(|exchange| exchange.step).collect()
    }

    /// Streams that did not end.
    pub(super) fn open_streams(&self) -> u64 {
        self.seen.open_streams
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::draw;

    #[test]
    fn cases_are_a_scenario_file_with_a_step_for_each() {
        let cases: Vec<Case> = (0..50).map(|index| draw::case(1, index)).collect();
        let configuration = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(CONFIGURATION);
        let folder = tempfile::tempdir().unwrap();
        for pace in OTHERS.into_iter().chain([ORDINARY]) {
            let file = folder.path().join("cases.yaml");
            std::fs::write(&file, text(&cases, &configuration, pace)).unwrap();
            let scenario = format::read(&file).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(scenario.steps.len(), cases.len());
        }
    }
}
