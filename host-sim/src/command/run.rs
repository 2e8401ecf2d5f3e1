//! `host-sim run`: plays scenarios and says which of them hold.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, ValueEnum};
use host_sim::model::EnvoyVersion;
use host_sim::parts::Without;
use host_sim::scenario::catalog;
use host_sim::scenario::format::ENVOYS;
use host_sim::scenario::quantity;
use host_sim::scenario::run::{Choice, Options, run};
use host_sim::scenario::verdict::{Mark, Summary, Verdict};
use host_sim::scenario::workbench::Workbench;
use serde_json::json;

use super::Format;
use super::out::{self, Closed};
use super::progress::Progress;

/// Plays scenarios in the simulator, on a real Envoy, or on both with equal results.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Scenario files, or folders of them.
    #[arg(required = true, value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// Where to play them; with `both`, any difference is a failure.
    #[arg(long, value_enum, default_value_t = Host::Sim)]
    host: Host,
    /// Puts a guest that does nothing in the place of the filters: each scenario must fail then,
    /// unless it says `control: passes`.
    #[arg(long)]
    control: bool,
    /// A module, for scenarios that name no configuration: one is made, with this plugin in front
    /// of one scripted server.
    #[arg(long, value_name = "FILE.wasm")]
    plugin: Option<PathBuf>,
    /// In place of the scenario's seed.
    #[arg(long)]
    seed: Option<u64>,
    /// In place of the scenario's number of worker threads, 1 to 64.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=64))]
    workers: Option<u32>,
    /// This version of Envoy, for every scenario that is true of it.
    #[arg(long, value_parser = version)]
    envoy: Option<EnvoyVersion>,
    /// Shows the host's whole record: callbacks and hostcalls, or the log of the Envoy process.
    #[arg(long)]
    trace: bool,
    /// For people, or one JSON object on a line for each scenario.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Host {
    Sim,
    Envoy,
    Both,
}

pub(super) fn version(text: &str) -> Result<EnvoyVersion, String> {
    let known = ENVOYS.iter().find(|(name, _)| *name == text);
    known
        .map(|(_, version)| *version)
        .ok_or_else(|| format!("allowed are {}", ENVOYS.map(|(name, _)| name).join(", ")))
}

impl Run {
    /// Plays them all; failure when one does not hold.
    pub(super) fn run(self) -> ExitCode {
        let without = match Without::from_env() {
            Ok(without) => without,
            Err(error) => return super::refuse(&error),
        };
        let files = match catalog::find(&self.scenarios) {
            Ok(files) => files,
            Err(error) => return super::refuse(&error),
        };
        // Somebody else's plugin needs nothing of this project.
        let bench = match Workbench::anywhere(without) {
            Ok(bench) => bench,
            Err(error) => return super::refuse(&error),
        };
        let options = Options {
            hosts: match self.host {
                Host::Sim => Choice::Sim,
                Host::Envoy => Choice::Envoy,
                Host::Both => Choice::Both,
            },
            control: self.control,
            seed: self.seed,
            workers: self.workers,
            envoy: self.envoy,
            plugin: self.plugin.clone(),
        };
        let begun = Instant::now();
        let mut summary = Summary::default();
        let progress = Progress::watch();
        for file in files {
            progress.begin(format!("playing {}", file.display()));
            let verdict = run(&file, &options, &bench);
            progress.end();
            summary.add(&verdict);
            let told = match self.format {
                Format::Text => self.tell(&verdict),
                Format::Json => out::line(as_json(&verdict)),
            };
            if let Err(closed) = told {
                return closed.into();
            }
        }
        let code = if summary.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        match self.format {
            Format::Text => {
                out::all([format!("{summary}; {}", quantity::display(begun.elapsed()))], code)
            }
            Format::Json => code,
        }
    }

    fn tell(&self, verdict: &Verdict) -> Result<(), Closed> {
        for line in verdict.lines() {
            out::line(line)?;
        }
        if self.trace {
            for run in &verdict.runs {
                out::line(format_args!("     all {} lines of {}:", run.trace.len(), run.host))?;
                for line in &run.trace {
                    out::line(format_args!("       {line}"))?;
                }
            }
        }
        Ok(())
    }
}

fn as_json(verdict: &Verdict) -> serde_json::Value {
    let runs: Vec<serde_json::Value> = verdict
        .runs
        .iter()
        .map(|run| {
            let failures: Vec<String> = run.failures.iter().map(ToString::to_string).collect();
            json!({
                "host": run.host.to_string(),
                "took_ms": u64::try_from(run.took.as_millis()).unwrap_or(u64::MAX),
                "failures": failures,
            })
        })
        .collect();
    let differences: Vec<String> = verdict.differences.iter().map(ToString::to_string).collect();
    json!({
        "name": verdict.name,
        "sentence": verdict.sentence,
        "path": verdict.path,
        "result": match verdict.mark() {
            Mark::Passed => "passed",
            Mark::Failed => "failed",
            Mark::LeftOut => "left_out",
        },
        "runs": runs,
        "differences": differences,
        "left_out": verdict.left_out,
        "only_sim": verdict.only_sim,
        "error": verdict.error,
        "seed": verdict.seed,
        "repeat": verdict.repeat,
    })
}
