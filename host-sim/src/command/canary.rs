//! `host-sim canary`: the rollout of a new version, and what came of it.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::{Args, ValueEnum};
use host_sim::bootstrap::Bootstrap;
use host_sim::canary::{self, Canary, CanaryError, Candidate, Course, Fleet, Gates, Runs};
use host_sim::model::GuestFactory;
use host_sim::vm::Engine;
use host_sim::yaml::parse_duration;

use super::progress::Tell;
use super::{Format, file, out};

/// Plays the rollout of a new version under virtual time, through the filters of an Envoy file.
///
/// Prints a line for each verdict and each step: the candidate's share, what was answered so far and how much
/// of it failed, the weights, and the evidence of each gate with the bound at which it fails. With --runs it
/// plays many, and prints how many of the candidate's requests it took to roll back; with --fleet it plays one
/// on many proxies, and prints whether they agree. Without a file it plays a built-in one.
#[derive(Debug, Args)]
pub(super) struct CanaryCommand {
    /// The Envoy configuration file, with a rollout in canary_split.
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What is wrong with the candidate: good, error=SHARE, latency=2x, truncation=SHARE, leak[=SHARE] (so many
    /// more with each minute), blip[=SHARE] (for a minute).
    /// [default: error=0.06; good with --fleet].
    #[arg(long, value_name = "WHAT")]
    candidate: Option<Candidate>,
    /// The same as --candidate error=SHARE.
    #[arg(long, value_name = "SHARE", value_parser = share, conflicts_with = "candidate")]
    candidate_error: Option<f64>,
    /// The share of requests that fail at the stable version.
    #[arg(long, value_name = "SHARE", default_value = "0.01", value_parser = share)]
    stable_error: f64,
    /// Requests a second, of all proxies together [default: 50; 5 with --runs, since evidence is weighed each
    /// second, or as many as a day needs; 2 for each proxy of a --fleet].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    rate: Option<u32>,
    /// How long clients send after the rollout has begun; by default until it has ended.
    #[arg(long, value_parser = duration)]
    duration: Option<Duration>,
    /// From when until when Prometheus is away, after the rollout has begun.
    #[arg(long, value_parser = range, value_name = "FROM..TO")]
    prometheus_away: Option<Range<Duration>>,
    /// How late Prometheus is asked, in the place of what the file says.
    #[arg(long, value_parser = duration_or_none, value_name = "TIME")]
    evaluation_delay: Option<Duration>,
    /// How often Prometheus scrapes.
    #[arg(long, default_value = "15s", value_parser = duration, value_name = "TIME")]
    scrape_interval: Duration,
    /// What sizes, times and failures are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Simulated worker threads of each proxy, 1 to 64 [default: 2; 1 with --runs and --fleet].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: Option<u16>,
    /// For people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Writes a page with plots: weights, failures, evidence, first tokens.
    #[arg(long, value_name = "FILE.html", conflicts_with_all = ["runs", "fleet"])]
    report: Option<PathBuf>,
    /// Plays so many rollouts, each until it is rolled back or all its requests are sent.
    #[arg(long, value_name = "N", conflicts_with = "fleet")]
    runs: Option<NonZeroUsize>,
    /// Requests of each of these.
    #[arg(long, value_name = "N", default_value_t = 500_000, requires = "runs")]
    requests: u64,
    /// The candidate's share in the built-in rollout of --runs, of a hundred.
    #[arg(
        long, value_name = "N", default_value_t = 10, requires = "runs", conflicts_with = "config",
        value_parser = clap::value_parser!(u32).range(1..=100)
    )]
    weight: u32,
    /// What the candidate is judged by in a built-in rollout [default: failures with --runs, else all].
    #[arg(long, value_enum, conflicts_with = "config")]
    gates: Option<GatesOption>,
    /// Plays it on so many proxies.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    fleet: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum GatesOption {
    /// Failures alone.
    Failures,
    /// All that there are.
    All,
}

/// Why nothing could be shown.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error("{file}")]
    Played { file: String, source: CanaryError },
    #[error("the report cannot be written to {}", .file.display())]
    Report { file: PathBuf, source: std::io::Error },
}

const LONGEST: Duration = Duration::from_secs(7 * 86_400);

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "write a number from 0 to 1, as in `0.01`".to_owned())
}

fn duration_or_none(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text).filter(|time| *time <= LONGEST);
    time.ok_or_else(|| "write a number with a unit, as in `90s`, up to a week".to_owned())
}

fn duration(text: &str) -> Result<Duration, String> {
    duration_or_none(text).and_then(|time| match time {
        Duration::ZERO => Err("write a time above 0".to_owned()),
        time => Ok(time),
    })
}

fn range(text: &str) -> Result<Range<Duration>, String> {
    let ends = text
        .split_once("..")
        .and_then(|(from, to)| Some(parse_duration(from)?..parse_duration(to)?));
    match ends {
        Some(range) if range.start < range.end && range.end <= LONGEST => Ok(range),
        _ => Err("write two times, the earlier one first, as in `300s..600s`".to_owned()),
    }
}

impl CanaryCommand {
    pub(super) fn run(self) -> ExitCode {
        match self.play() {
            Ok(code) => code,
            Err(error) => super::refuse(&*error),
        }
    }

    fn play(&self) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let (bootstrap, engine) = self.prepare()?;
        let factory: Arc<dyn GuestFactory> = engine;
        match (self.runs, self.fleet) {
            (Some(runs), _) => self.many(&bootstrap, &factory, runs.get()),
            (None, Some(proxies)) => self.fleet(&bootstrap, factory, proxies),
            (None, None) => self.one(&bootstrap, factory),
        }
    }

    fn prepare(&self) -> Result<(Bootstrap, Arc<Engine>), Box<dyn std::error::Error>> {
        if let Some(file) = &self.config {
            return file::prepare(file);
        }
        let (module, engine) = file::own_module()?;
        let course = match (self.runs, self.fleet) {
            (Some(_), _) => Course::Weight(self.weight),
            (None, Some(proxies)) => Course::Fleet(self.fleet_rate(proxies)),
            (None, None) => Course::Steps,
        };
        let gates = match self.gates {
            Some(GatesOption::All) => Gates::All,
            Some(GatesOption::Failures) => Gates::Failures,
            None if self.runs.is_some() => Gates::Failures,
            None => Gates::All,
        };
        Ok((canary::built_in(&module, gates, course)?, engine))
    }

    fn fleet_rate(&self, proxies: u16) -> u32 {
        self.rate.unwrap_or_else(|| u32::from(proxies) * EACH)
    }

    fn canary(&self, rate: u32, workers: u16) -> Canary {
        let default = if self.fleet.is_some() { Candidate::Good } else { Candidate::Error(0.06) };
        let error = self.candidate_error.map(Candidate::Error);
        Canary {
            candidate: error.or(self.candidate).unwrap_or(default),
            stable_error: self.stable_error,
            rate: self.rate.unwrap_or(rate).into(),
            duration: self.duration,
            workers: self.workers.unwrap_or(workers).into(),
            seed: self.seed,
            away: self.prometheus_away.clone().unwrap_or_default(),
            evaluation_delay: self.evaluation_delay,
            scrape_interval: self.scrape_interval,
        }
    }

    fn played<T>(&self, result: Result<T, CanaryError>) -> Result<T, CommandError> {
        let file = self.config.as_ref().map(|file| file.display().to_string());
        let file = file.unwrap_or_else(|| "the built-in file".to_owned());
        result.map_err(|source| CommandError::Played { file, source })
    }

    fn one(
        &self,
        bootstrap: &Bootstrap,
        factory: Arc<dyn GuestFactory>,
    ) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let mut tell = Tell::new(self.duration);
        let mut progress = |second| tell.second(second);
        let canary = self.canary(50, 2);
        let record = self.played(canary::play(bootstrap, &canary, factory, &mut progress))?;
        if let Some(file) = &self.report {
            std::fs::write(file, canary::html(&record))
                .map_err(|source| CommandError::Report { file: file.clone(), source })?;
        }
        for text in &record.said {
            eprintln!("host-sim: the filters say: {text}");
        }
        Ok(match self.format {
            Format::Json => out::all([record.to_json()], ExitCode::SUCCESS),
            Format::Text => {
                let mut lines = canary::timeline(&record);
                lines.push(String::new());
                lines.extend(canary::told(&record));
                out::all(lines, ExitCode::SUCCESS)
            }
        })
    }

    fn many(
        &self,
        bootstrap: &Bootstrap,
        factory: &Arc<dyn GuestFactory>,
        runs: usize,
    ) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let plan = Runs { runs, requests: self.requests, threads };
        let tell = Mutex::new(Tell::new(None));
        let progress = |done| tell.lock().unwrap_or_else(PoisonError::into_inner).done(done, runs);
        // The built-in rollout has its first verdict after a day.
        let rate = u32::try_from(self.requests.div_ceil(80_000)).unwrap_or(u32::MAX).max(5);
        let canary = self.canary(rate, 1);
        let found =
            self.played(canary::statistics(bootstrap, &canary, plan, factory, &progress))?;
        Ok(match self.format {
            Format::Json => out::all([found.to_json()], ExitCode::SUCCESS),
            Format::Text => out::all(canary::told_statistics(&found), ExitCode::SUCCESS),
        })
    }

    fn fleet(
        &self,
        bootstrap: &Bootstrap,
        factory: Arc<dyn GuestFactory>,
        proxies: u16,
    ) -> Result<ExitCode, Box<dyn std::error::Error>> {
        let mut tell = Tell::new(self.duration);
        let mut progress = |second| tell.second(second);
        let canary = self.canary(self.fleet_rate(proxies), 1);
        let fleet = Fleet { proxies: proxies.into() };
        let found =
            self.played(canary::fleet(bootstrap, &canary, fleet, factory, &mut progress))?;
        Ok(match self.format {
            Format::Json => out::all([found.to_json()], ExitCode::SUCCESS),
            Format::Text => out::all(canary::agreement(&found), ExitCode::SUCCESS),
        })
    }
}

/// Requests a second of each proxy of a fleet.
const EACH: u32 = 2;
