//! A rollout of a new version, played through the real filters under virtual time.
//!
//! Clients send requests at a steady rate ([`traffic`]), the model servers of a stable version answer well and
//! those of the candidate as they were told ([`candidate`]). Everything between them is the file of the user:
//! its listener, its filters' `.wasm`, its clusters, and a `canary_split` with a `rollout`. The Prometheus that
//! the rollout asks is a stand-in ([`prometheus`]). What the filters make of it is read from what they publish,
//! their metrics and the header `x-llm-version` ([`published`]).
//!
//! Three things can be played: one rollout, second by second ([`play`]); many of them, of which only the end
//! counts ([`mod@statistics`]); and one on many proxies, which have to agree ([`mod@fleet`]).
//!
//! # Why not with an outage
//! An outage is about servers of one version, times of a few seconds, and who is led around whom; so its
//! clients have long prompts and look at each token. A rollout is about rates in some hundred thousand requests,
//! each of which has to be cheap.
//!
//! # Limits
//! Each request has a connection of its own. Versions are told apart by the header that the filters set,
//! whichever cluster the routes make of it, so a route that leads to the wrong one is not noticed here.

mod answers;
mod built_in;
mod candidate;
mod drive;
mod fleet;
mod moment;
mod prometheus;
mod proxy;
mod published;
mod record;
mod report;
mod schedule;
mod statistics;
mod table;
mod traffic;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::bootstrap::Bootstrap;
use crate::host::StartError;
use crate::model::GuestFactory;
use crate::model::time::nanos;

use drive::{Drive, Plan, Setting};
use proxy::Behaviour;
use record::Recorder;

pub use built_in::{Course, Gates, built_in};
pub use candidate::{Candidate, UnknownCandidate};
pub use fleet::{Agreement, Fleet, Instant, Place, fleet};
pub use published::{Evidence, Phase, Published};
pub use record::{Counted, Record, Second, Turn};
pub use report::html;
pub use schedule::Schedule;
pub use statistics::{Runs, Statistics, statistics};
pub use table::{agreement, timeline, told, told_statistics};

/// What is played.
#[derive(Debug, Clone)]
pub struct Canary {
    /// What is wrong with the candidate.
    pub candidate: Candidate,
    /// The share of requests that fail at the stable version.
    pub stable_error: f64,
    /// Requests a second, of the whole fleet.
    pub rate: f64,
    /// How long clients send; none: until the rollout has ended, and a little longer.
    pub duration: Option<Duration>,
    /// Worker threads of each proxy.
    pub workers: usize,
    /// What times, sizes and failures are drawn from.
    pub seed: u64,
    /// From when until when Prometheus is away, since the rollout's beginning.
    pub away: Range<Duration>,
    /// How late Prometheus is asked; none: as the file says.
    pub evaluation_delay: Option<Duration>,
    /// Between two scrapes of a proxy.
    pub scrape_interval: Duration,
}

/// Why a rollout could not be played.
#[derive(Debug, thiserror::Error)]
pub enum CanaryError {
    /// The proxy does not start.
    #[error("the proxy does not start")]
    Start(#[from] StartError),
    /// There is nothing to play.
    #[error(
        "found {0} in the plugins of the first listener; allowed a canary_split with a rollout; add one"
    )]
    NoRollout(String),
    /// Something that has to be known before the filters read it.
    #[error("{0}: found none that can be used; allowed what `host-sim check` passes; run it")]
    Unusable(String),
    /// A question that only a real Prometheus answers.
    #[error(
        "{0}: found a query; allowed the default one, which is all that the stand-in knows; remove it to play"
    )]
    OwnQuery(String),
    /// Nobody is to be asked.
    #[error(
        "found no Prometheus that the rollout asks; allowed analysis: prometheus or both; add one"
    )]
    NoPrometheus,
    /// The filters asked for what the model does not have.
    #[error("the simulator does not model: {}", .0.join("; "))]
    NotModelled(Vec<String>),
}

/// How long before the rollout clients begin to send.
const LEAD: Duration = Duration::from_secs(10);
/// So much of a rollout that does not end is played.
const INSTANTS_EACH_STEP: u32 = 4;

/// Plays one rollout on one proxy; `progress` hears of every second of virtual time that is over.
///
/// # Errors
/// When the file has no rollout, does not start, or asks for what is not modelled.
pub fn play(
    file: &Bootstrap,
    canary: &Canary,
    factory: Arc<dyn GuestFactory>,
    progress: &mut dyn FnMut(u64),
) -> Result<Record, CanaryError> {
    let (file, schedule) = prepared(file, canary)?;
    let record = Record::new(canary, &schedule, LEAD);
    let until = LEAD + canary.duration.unwrap_or_else(|| longest(&schedule, canary));
    let after = match canary.duration {
        Some(_) => Duration::MAX,
        None => schedule.interval.clamp(Duration::from_secs(10), Duration::from_secs(60)),
    };
    let plan = Plan { at: 0, rate: canary.rate, phase: nanos(canary.scrape_interval) / 3 };
    let mut drive = Drive::new(setting(&file, &schedule, canary, factory, LEAD, vec![plan]));
    let mut recorder = Recorder { record, after: nanos(after), progress };
    drive.run(nanos(until), &mut recorder)?;
    Ok(recorder.record)
}

/// How long a rollout may take that has not ended.
fn longest(schedule: &Schedule, canary: &Canary) -> Duration {
    let steps = u32::try_from(schedule.steps.len()).unwrap_or(1);
    schedule.after(INSTANTS_EACH_STEP * (steps + 1)) + canary.away.end
}

/// The file with what is asked for, and what it says of its rollout.
fn prepared(file: &Bootstrap, canary: &Canary) -> Result<(Bootstrap, Arc<Schedule>), CanaryError> {
    let mut file = file.clone();
    if let Some(delay) = canary.evaluation_delay {
        schedule::delay_evaluation(&mut file, delay);
    }
    let schedule = Schedule::of(&file)?;
    Ok((file, Arc::new(schedule)))
}

fn setting<'a>(
    file: &'a Bootstrap,
    schedule: &Arc<Schedule>,
    canary: &Canary,
    factory: Arc<dyn GuestFactory>,
    lead: Duration,
    proxies: Vec<Plan>,
) -> Setting<'a> {
    Setting {
        file,
        factory,
        behaviour: Behaviour {
            candidate: canary.candidate,
            stable_error: canary.stable_error,
            schedule: Arc::clone(schedule),
        },
        workers: canary.workers.max(1),
        seed: canary.seed,
        lead,
        scrape_interval: canary.scrape_interval,
        away: canary.away.clone(),
        proxies,
    }
}
