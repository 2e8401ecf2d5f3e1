//! Compares what happened with what a scenario expects.
//!
//! Every expectation that does not hold becomes one [`Failure`]; checking goes on after the first,
//! because the second often explains it.

mod body;
mod exchange;
mod lint;
mod run;

use std::fmt;
use std::time::Duration;

use crate::scenario::Scenario;
use crate::scenario::observation::{HostName, Observation};
use crate::scenario::quantity;
use crate::scenario::step::Act;

/// An expectation that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// On which host.
    pub host: HostName,
    /// In which step; `None` for what is expected of the whole run.
    pub step: Option<StepPlace>,
    /// The field of the file: `status`, `upstream.gpu-b.header.x-llm-reason`.
    pub what: String,
    /// What the file says.
    pub expected: String,
    /// What happened.
    pub got: String,
    /// Up to which line of the host's own record this happened; the whole, if it is not known.
    pub trace_end: Option<usize>,
}

/// Which repetition of which step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepPlace {
    /// From 1, as people count.
    pub number: usize,
    /// The step's `at`.
    pub at: Duration,
    /// From 1, and how many there are.
    pub round: (usize, usize),
}

impl fmt::Display for StepPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {} at {}", self.number, quantity::display(self.at))?;
        match self.round {
            (_, 0 | 1) => Ok(()),
            (round, rounds) => write!(f, " (request {round} of {rounds})"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.host)?;
        match &self.step {
            Some(place) => write!(f, "{place}: ")?,
            None => f.write_str("finally: ")?,
        }
        write!(f, "{}: expected {}, got {}", self.what, self.expected, self.got)
    }
}

/// All expectations of `scenario` that do not hold in `observation`, in the order of the file.
#[must_use]
pub fn check(scenario: &Scenario, observation: &Observation) -> Vec<Failure> {
    let host = &observation.host;
    let mut findings = Findings { host, step: None, trace_end: None, failures: Vec::new() };
    let mut seen = vec![0_usize; scenario.steps.len()];
    for exchange in &observation.exchanges {
        let Some(step) = scenario.steps.get(exchange.step) else { continue };
        let Some(request) = step.request() else { continue };
        if let Some(count) = seen.get_mut(exchange.step) {
            *count += 1;
        }
        findings.step = Some(place(scenario, exchange.step, exchange.round));
        findings.trace_end = exchange.trace_end;
        exchange::check(&mut findings, &request.expect, exchange);
    }
    findings.trace_end = None;
    for (index, (step, seen)) in scenario.steps.iter().zip(seen).enumerate() {
        if let Act::Update(update) = &step.act {
            let refused = observation.refused_updates.contains(&index);
            if refused != update.refused {
                findings.step = Some(place(scenario, index, 0));
                findings.add("update.refused", update.refused, refused);
            }
        }
        let Some(request) = step.request() else { continue };
        let expected = request.times();
        if seen != expected {
            findings.step = Some(place(scenario, index, 0));
            findings.add("requests", expected, seen);
        }
    }
    findings.step = None;
    run::check(&mut findings, &scenario.finally, observation);
    lint::check(&mut findings, scenario, observation);
    findings.failures
}

fn place(scenario: &Scenario, step: usize, round: usize) -> StepPlace {
    let found = scenario.steps.get(step);
    StepPlace {
        number: step + 1,
        at: found.map(|step| step.at).unwrap_or_default(),
        round: (round + 1, found.and_then(|s| s.request()).map_or(1, |request| request.times())),
    }
}

/// Where failures are collected; knows the place that is being checked.
struct Findings<'a> {
    host: &'a HostName,
    step: Option<StepPlace>,
    trace_end: Option<usize>,
    failures: Vec<Failure>,
}

impl Findings<'_> {
    fn add(
        &mut self,
        what: impl Into<String>,
        expected: impl fmt::Display,
        got: impl fmt::Display,
    ) {
        self.failures.push(Failure {
            host: self.host.clone(),
            step: self.step.clone(),
            what: what.into(),
            expected: expected.to_string(),
            got: got.to_string(),
            trace_end: self.trace_end,
        });
    }
}

#[cfg(test)]
pub(in crate::scenario) mod tests;
