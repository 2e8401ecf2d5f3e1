//! `host-sim fuzz`: random chains of tracing guests, in the simulator and on a real Envoy.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, ValueEnum};
use host_sim::fuzz::{Hunt, Report};
use host_sim::model::EnvoyVersion;
use host_sim::parts::{Part, Without};
use host_sim::scenario::quantity;
use host_sim::scenario::workbench::Workbench;
use serde_json::json;

use super::{Format, out};

/// Looks for random cases in which the simulator and Envoy differ.
#[derive(Debug, Args)]
pub(super) struct Fuzz {
    /// How many cases; what does not count (see `host-sim/src/fuzz.rs`) is drawn in addition.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    cases: u64,
    /// From which cases are drawn.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only the case with this number.
    #[arg(long)]
    case: Option<u64>,
    /// The number of the first case.
    #[arg(long, default_value_t = 0, conflicts_with = "case")]
    first: u64,
    /// Where to play them; with `sim`, only what the simulator says of itself is looked at.
    #[arg(long, value_enum, default_value_t = Host::Sim)]
    host: Host,
    /// As which Envoy, and on which.
    #[arg(long, value_parser = super::run::version)]
    envoy: Option<EnvoyVersion>,
    /// Shows the case as a scenario file, and plays nothing.
    #[arg(long, requires = "case")]
    show: bool,
    /// How many differing cases are made smaller.
    #[arg(long, default_value_t = 3)]
    made_smaller: usize,
    /// Tells of each case that does not count why.
    #[arg(long)]
    left_out: bool,
    /// For people, or one JSON object on a line for each case that differs and one at the end.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Host {
    Sim,
    Both,
}

impl Fuzz {
    /// Plays them; failure when one differs.
    pub(super) fn run(self) -> ExitCode {
        let without = match Without::from_env() {
            Ok(without) => without,
            Err(error) => return super::refuse(&error),
        };
        let leaves_out = without.leaves_out(Part::Envoy);
        let bench = match Workbench::here(without) {
            Ok(bench) => bench,
            Err(error) => return super::refuse(&error),
        };
        let hunt = Hunt {
            cases: if self.case.is_some() { 1 } else { self.cases },
            replaced: self.case.is_none(),
            first: self.case.unwrap_or(self.first),
            seed: self.seed,
            envoy: self.host == Host::Both && !leaves_out,
            version: self.envoy.unwrap_or_default(),
            made_smaller: self.made_smaller,
        };
        if self.show {
            return out::all([hunt.scenario().trim_end()], ExitCode::SUCCESS);
        }
        let begun = Instant::now();
        let report = hunt.run(&bench, |progress| {
            say(&format!("{progress}; {}", quantity::display(begun.elapsed())));
        });
        match report {
            Ok(report) => tell(&report, self.format, self.left_out),
            Err(error) => {
                say(&format!("fuzz --seed {}: {error}", self.seed));
                ExitCode::from(2)
            }
        }
    }
}

/// Not by `eprintln!`, which ends the process without a word when nobody reads any more.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "host-sim: {text}");
}

fn tell(report: &Report, format: Format, left_out: bool) -> ExitCode {
    let equal = report.findings.is_empty() && report.elsewhere.is_empty();
    let code = if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    match format {
        Format::Text => out::all(text(report, left_out), code),
        Format::Json => out::all(objects(report), code),
    }
}

fn text(report: &Report, left_out: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if left_out {
        let reasons = report.left_out.iter();
        lines.extend(reasons.map(|(case, why)| format!("case {case} does not count: {why}")));
    }
    for finding in &report.findings {
        lines.push(format!("case {} differs", finding.case));
        lines.extend(finding.differences.iter().map(|difference| format!("     {difference}")));
        lines.push(format!("     repeat: {}", finding.repeat));
        let scenario = finding.scenario.lines().filter(|line| line.len() < 4_000);
        lines.extend(scenario.map(|line| format!("       {line}")));
    }
    lines.extend(report.elsewhere.iter().map(|difference| format!("in no case: {difference}")));
    for (case, differences) in &report.unsteady {
        lines.push(format!("case {case} differed once and not again"));
        lines.extend(differences.iter().map(|difference| format!("     {difference}")));
    }
    lines.push(report.to_string());
    lines
}

fn objects(report: &Report) -> Vec<serde_json::Value> {
    let mut objects: Vec<serde_json::Value> = report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "case": finding.case,
                "differences": finding.differences,
                "repeat": finding.repeat,
                "scenario": finding.scenario,
            })
        })
        .collect();
    objects.push(json!({
        "summary": report.to_string(),
        "different": report.findings.len(),
        "in_no_case": report.elsewhere,
        "unsteady": report.unsteady.iter().map(|(case, _)| case).collect::<Vec<_>>(),
    }));
    objects
}
