//! Plays many cases in one process.
//!
//! A batch is a scenario file like any other, so that what differs can be kept as one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::case::Case;
use super::pace::{ORDINARY, Pace};
use super::script::{CONFIGURATION, script};
use crate::model::EnvoyVersion;
use crate::scenario::diff::{self, Difference};
use crate::scenario::observation::{Ended, Exchange, Observation};
use crate::scenario::workbench::{Module, Workbench, rim};
use crate::scenario::{Scenario, drive, format};

/// Where cases are played.
pub(super) struct Stage<'a> {
    bench: &'a Workbench,
    modules: drive::Modules,
    version: EnvoyVersion,
}

impl<'a> Stage<'a> {
    pub(super) fn new(bench: &'a Workbench, version: EnvoyVersion) -> Result<Self, String> {
        let guest = bench.module(Module::Tracing)?;
        let modules = BTreeMap::from([("tracing_guest.wasm".to_owned(), guest)]);
        Ok(Self { bench, modules, version })
    }

    pub(super) fn simulate(&self, cases: &[Case], pace: Pace) -> Result<Played, String> {
        let (scenario, cases) = self.scenario(cases, pace)?;
        let seen = drive::sim(&scenario, &self.modules, self.version, self.bench)?;
        Ok(Played { scenario, cases, seen })
    }

    pub(super) fn on_envoy(&self, cases: &[Case]) -> Result<Played, String> {
        let (scenario, cases) = self.scenario(cases, ORDINARY)?;
        let seen = drive::envoy(&scenario, &self.modules, self.version, self.bench)?;
        Ok(Played { scenario, cases, seen })
    }

    fn scenario(
        &self,
        cases: &[Case],
        pace: Pace,
    ) -> Result<(Scenario, Vec<Option<usize>>), String> {
        let folder = self.bench.folder().map_err(|error| rim(&error))?;
        let file = folder.path().join("cases.yaml");
        let script = script(cases, &self.bench.workspace().join(CONFIGURATION), pace);
        std::fs::write(&file, script.text).map_err(|error| rim(&error))?;
        let scenario = format::read(&file).map_err(|error| error.to_string())?;
        Ok((Scenario { ties: pace.ties, ..scenario }, script.cases))
    }
}

/// The file in which a case can be kept.
pub(super) fn kept(case: &Case) -> String {
    script(std::slice::from_ref(case), Path::new("envoy/random.yaml"), ORDINARY).text
}

/// Cases that a host has played.
pub(super) struct Played {
    scenario: Scenario,
    /// Which case each step is.
    cases: Vec<Option<usize>>,
    seen: Observation,
}

impl Played {
    fn case_of(&self, step: usize) -> Option<usize> {
        self.cases.get(step).copied().flatten()
    }

    /// Places of the cases in which a guest did what Envoy does not define, and what that was.
    pub(super) fn undefined(&self) -> BTreeMap<usize, String> {
        let mut found = BTreeMap::new();
        for exchange in &self.seen.exchanges {
            let number = self.scenario.exchange_number(exchange.step, exchange.round);
            let what = self.seen.undefined.iter().find(|(undefined, _)| *undefined == number);
            if let (Some((_, what)), Some(case)) = (what, self.case_of(exchange.step)) {
                found.insert(case, format!("undefined in Envoy: {what}"));
            }
        }
        found
    }

    /// Differences by the case's place; those that belong to no case stand at `None`.
    pub(super) fn differences(&self, other: &Self) -> BTreeMap<Option<usize>, Vec<Difference>> {
        let mut by_case: BTreeMap<Option<usize>, Vec<Difference>> = BTreeMap::new();
        for difference in diff::diff(&self.scenario, &self.seen, &other.seen) {
            let case = difference.step.and_then(|step| self.case_of(step));
            by_case.entry(case).or_default().push(difference);
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
        let cut = self.seen.exchanges.iter().filter(is_cut);
        cut.filter_map(|exchange| self.case_of(exchange.step)).collect()
    }

    /// Streams that did not end.
    pub(super) fn open_streams(&self) -> u64 {
        self.seen.open_streams
    }
}
