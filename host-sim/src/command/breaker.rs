//! `host-sim breaker`: an outage of one model server, and what came of it.

use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use host_sim::outage::{self, Fault, Outage, OutageError, Protection, Record};
use host_sim::vm::Engine;
use host_sim::yaml::parse_duration;

use super::file;
use super::progress::Tell;
use super::{Format, out};

/// Plays an outage of one model server under virtual time, through the filters of an Envoy file.
///
/// Prints a line for each second: requests, those led around the bad server, retries, prompt tokens wasted,
/// failures that clients saw, the load on the other servers, and for each server what reached it and its state.
#[derive(Debug, Args)]
pub(super) struct Breaker {
    /// The Envoy configuration file.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// What the bad server does.
    #[arg(long, value_enum, default_value_t = Bad::Stall)]
    fault: Bad,
    /// Which server is bad: an endpoint, or all of a cluster; by default the first endpoint of the largest
    /// cluster.
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
    /// Requests a second.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// How long clients send, up to an hour.
    #[arg(long, default_value = "120s", value_parser = duration)]
    duration: Duration,
    /// From when until when the server is bad.
    #[arg(long, default_value = "20s..80s", value_parser = range, value_name = "FROM..TO")]
    outage: Range<Duration>,
    /// What sizes and times are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Simulated worker threads, 1 to 64.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// Plays it with Envoy's retries, its retry budget of 20 % and its outlier detection in the place of the
    /// filters.
    #[arg(long, value_enum)]
    baseline: Option<Baseline>,
    /// For people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Writes a page with plots, of this run beside one with Envoy's own means.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Bad {
    /// It answers 503.
    #[value(name = "503")]
    Status503,
    /// It sends headers, and never a token.
    Stall,
    /// Its first event, inside a 200, is an error.
    ErrorEvent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Baseline {
    Envoy,
}

/// Why nothing could be shown.
#[derive(Debug, thiserror::Error)]
enum BreakerError {
    #[error("{}", .file.display())]
    Played { file: PathBuf, source: OutageError },
    #[error("the report cannot be written to {}", .file.display())]
    Report { file: PathBuf, source: std::io::Error },
}

const LONGEST: Duration = Duration::from_secs(3_600);

fn duration(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Some(time) if time > Duration::ZERO && time <= LONGEST => Ok(time),
        _ => Err("write a number with a unit, as in `90s`, up to an hour".to_owned()),
    }
}

fn range(text: &str) -> Result<Range<Duration>, String> {
    let ends = text
        .split_once("..")
        .and_then(|(from, to)| Some(parse_duration(from)?..parse_duration(to)?));
    match ends {
        Some(range) if range.start < range.end && range.end <= LONGEST => Ok(range),
        _ => Err("write two times, the earlier one first, as in `20s..80s`".to_owned()),
    }
}

impl Breaker {
    pub(super) fn run(self) -> ExitCode {
        match self.play() {
            Ok(code) => code,
            Err(error) => super::refuse(&*error),
        }
    }

    fn play(&self) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let (bootstrap, engine) = file::prepare(&self.config)?;
        let outage = Outage {
            fault: match self.fault {
                Bad::Status503 => Fault::Status503,
                Bad::Stall => Fault::Stall,
                Bad::ErrorEvent => Fault::ErrorEvent,
            },
            rate: self.rate,
            duration: self.duration,
            bad: self.outage.clone(),
            member: self.member.clone(),
            workers: usize::from(self.workers),
            seed: self.seed,
        };
        let played = |protection| {
            let mut tell = Tell::new(Some(self.duration));
            let engine: Arc<Engine> = Arc::clone(&engine);
            let mut progress = |second| tell.second(second);
            let record = outage::play(&bootstrap, &outage, protection, engine, &mut progress);
            record.map_err(|source| BreakerError::Played { file: self.config.clone(), source })
        };
        let protection =
            self.baseline.map_or(Protection::Filters, |Baseline::Envoy| Protection::Envoy);
        let record = played(protection)?;
        if let Some(file) = &self.report {
            let other = (protection == Protection::Filters).then_some(Protection::Envoy);
            let other = other.map(played).transpose()?;
            let runs: Vec<&Record> = [&record].into_iter().chain(other.as_ref()).collect();
            let page = outage::html(&runs);
            std::fs::write(file, page)
                .map_err(|source| BreakerError::Report { file: file.clone(), source })?;
        }
        for text in &record.said {
            eprintln!("host-sim: the filters say: {text}");
        }
        Ok(match self.format {
            Format::Json => out::all([record.to_json()], ExitCode::SUCCESS),
            Format::Text => {
                let mut lines = outage::timeline(&record);
                lines.push(String::new());
                lines.extend(outage::told(&record));
                out::all(lines, ExitCode::SUCCESS)
            }
        })
    }
}
