//! What came of one scenario: the records' failures and differences, and whether that is good.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::scenario::Control;
use crate::scenario::check::Failure;
use crate::scenario::diff::Difference;
use crate::scenario::observation::{HostName, LogLine};
use crate::scenario::quantity;

/// So many lines of the host's own record are shown with a failure.
const TRACE_SHOWN: usize = 12;
/// So many failures or differences of one run are shown.
const FINDINGS_SHOWN: usize = 12;

/// One scenario on all hosts that were asked for.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// `token-router/get_without_body_passes`.
    pub name: String,
    /// The behaviour in a sentence.
    pub sentence: String,
    /// The file.
    pub path: PathBuf,
    /// What a run without the filters must give; `None` for a run with them.
    pub control: Option<Control>,
    /// One for each host that played it.
    pub runs: Vec<Run>,
    /// The records of two hosts were compared.
    pub compared: bool,
    /// What differs between them.
    pub differences: Vec<Difference>,
    /// Why a part of it did not run although it was asked for.
    pub left_out: Option<String>,
    /// It can only run in the simulator, and why.
    pub only_sim: Option<String>,
    /// A host could not be started, or the scenario not be played.
    pub error: Option<String>,
    /// What everything random in the simulator was drawn from.
    pub seed: u64,
    /// The command that repeats it.
    pub repeat: String,
}

/// One scenario on one host.
#[derive(Debug, Clone)]
pub struct Run {
    /// The host.
    pub host: HostName,
    /// Time on the clock on the wall.
    pub took: Duration,
    /// Expectations that do not hold.
    pub failures: Vec<Failure>,
    /// What plugins wrote.
    pub logs: Vec<LogLine>,
    /// The last lines of the host's own record.
    pub trace: Vec<String>,
}

/// How a scenario came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// All that was asked for ran and is as it must be.
    Passed,
    /// Something is not as it must be.
    Failed,
    /// Nothing ran.
    LeftOut,
}

impl Verdict {
    /// How it came out.
    #[must_use]
    pub fn mark(&self) -> Mark {
        if self.error.is_some() || !self.differences.is_empty() {
            return Mark::Failed;
        }
        if self.runs.is_empty() {
            return if self.left_out.is_some() { Mark::LeftOut } else { Mark::Failed };
        }
        let good = self.runs.iter().all(|run| match self.control {
            None | Some(Control::Passes) => run.failures.is_empty(),
            Some(Control::Fails) => !run.failures.is_empty(),
        });
        if good { Mark::Passed } else { Mark::Failed }
    }

    /// The lines about it: one when it passed, everything that helps when it did not.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mark = self.mark();
        let sign = match mark {
            Mark::Passed => "ok  ",
            Mark::Failed => "FAIL",
            Mark::LeftOut => "skip",
        };
        let hosts: Vec<String> = self
            .runs
            .iter()
            .map(|run| format!("{} {}", run.host, quantity::display(run.took)))
            .collect();
        let hosts =
            if hosts.is_empty() { String::new() } else { format!("  ({})", hosts.join(", ")) };
        let mut lines = vec![format!("{sign} {}{hosts}", self.name)];
        if let Some(reason) = &self.left_out {
            lines.push(format!("     left out: {reason}"));
        }
        if mark == Mark::Failed {
            self.explain(&mut lines);
        }
        lines
    }

    fn explain(&self, lines: &mut Vec<String>) {
        lines.push(format!("     {}", self.sentence));
        if let Some(error) = &self.error {
            lines.extend(error.lines().map(|line| format!("     {line}")));
        }
        if self.control == Some(Control::Fails) {
            for run in self.runs.iter().filter(|run| run.failures.is_empty()) {
                lines.push(format!(
                    "     {}: passes although a guest that does nothing stands in for the filters, \
                     so it proves nothing about them; expect what only they do, or say \
                     `control: passes`",
                    run.host
                ));
            }
        } else {
            for run in self.runs.iter().filter(|run| !run.failures.is_empty()) {
                shown(lines, &run.failures);
                show_trace(lines, run);
            }
        }
        shown(lines, &self.differences);
        lines.push(format!("     seed {}; repeat: {}", self.seed, self.repeat));
    }
}

/// The last lines of the host's own record before the first failure was complete.
fn show_trace(lines: &mut Vec<String>, run: &Run) {
    let end = run.failures.first().and_then(|failure| failure.trace_end);
    let end = end.unwrap_or(run.trace.len()).min(run.trace.len());
    let first = end.saturating_sub(TRACE_SHOWN);
    if end > first {
        let (from, all) = (first + 1, run.trace.len());
        lines.push(format!("     lines {from} to {end} of {all} of {}:", run.host));
        let shown = run.trace.iter().take(end).skip(first);
        lines.extend(shown.map(|line| format!("       {line}")));
    }
}

/// The first of them; a hundred requests can fail in the same way.
fn shown(lines: &mut Vec<String>, all: &[impl fmt::Display]) {
    lines.extend(all.iter().take(FINDINGS_SHOWN).map(|one| format!("     {one}")));
    if all.len() > FINDINGS_SHOWN {
        lines.push(format!("     and {} more like these", all.len() - FINDINGS_SHOWN));
    }
}

/// The counts at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Of those that passed or failed: ran on both hosts with records that were compared.
    pub compared: usize,
    /// Can only run in the simulator.
    pub only_sim: usize,
    /// Not run, or not on every host that was asked for.
    pub left_out: usize,
}

impl Summary {
    /// Counts one more.
    pub fn add(&mut self, verdict: &Verdict) {
        match verdict.mark() {
            Mark::Passed => self.passed += 1,
            Mark::Failed => self.failed += 1,
            Mark::LeftOut => {}
        }
        self.compared += usize::from(verdict.compared);
        self.only_sim += usize::from(verdict.only_sim.is_some());
        self.left_out += usize::from(verdict.left_out.is_some());
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        write!(f, "; {} compared between hosts", self.compared)?;
        write!(f, ", {} only in the simulator", self.only_sim)?;
        write!(f, ", {} left out", self.left_out)
    }
}

#[cfg(test)]
mod tests;
