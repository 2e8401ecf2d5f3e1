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

/// Looks for random cases in which the simulator and Envoy differ.
#[derive(Debug, Args)]
pub(super) struct Fuzz {
    /// How many cases; what does not count (see `host-sim/src/fuzz.rs`) is drawn in addition.
    #[arg(long, default_value_t = 1_000)]
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
            print!("{}", hunt.scenario());
            return ExitCode::SUCCESS;
        }
        let begun = Instant::now();
        let report = hunt.run(&bench, |progress| {
            say(&format!("{progress}; {}", quantity::display(begun.elapsed())));
        });
        match report.map(|report| tell(&report)) {
            Ok(Ok(code)) => code,
            Ok(Err(error)) => {
                say(&format!("fuzz: the report could not be written: {error}"));
                ExitCode::from(2)
            }
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

/// Not by `println!`, which panics when nobody reads: whoever pipes a long run away shall still get an end.
fn tell(report: &Report) -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    for finding in &report.findings {
        writeln!(out, "case {} differs", finding.case)?;
        for difference in &finding.differences {
            writeln!(out, "     {difference}")?;
        }
        writeln!(out, "     repeat: {}", finding.repeat)?;
        for line in finding.scenario.lines().filter(|line| line.len() < 4_000) {
            writeln!(out, "       {line}")?;
        }
    }
    for difference in &report.elsewhere {
        writeln!(out, "in no case: {difference}")?;
    }
    if !report.unsteady.is_empty() {
        writeln!(out, "differed once and not again: {:?}", report.unsteady)?;
    }
    writeln!(out, "{report}")?;
    out.flush()?;
    let equal = report.findings.is_empty() && report.elsewhere.is_empty();
    Ok(if equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
