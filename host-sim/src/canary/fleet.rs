//! One rollout on many proxies, which have to agree.
//!
//! They begin at times of their own, some of them in the middle of the rollout; each has its share of the
//! traffic and is scraped in a phase of its own. What each publishes is looked at just before the next instant,
//! when all have had the time to ask.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::drive::{Drive, Plan, Watch};
use super::prometheus::Asked;
use super::proxy::{Ended, Proxy};
use super::published::{Phase, Published};
use super::{Canary, CanaryError, LEAD, Schedule, longest, prepared, setting};
use crate::bootstrap::Bootstrap;
use crate::host::Nanos;
use crate::model::GuestFactory;
use crate::model::time::nanos;

/// How many there are.
#[derive(Debug, Clone, Copy)]
pub struct Fleet {
    /// Proxies.
    pub proxies: usize,
}

/// One instant, and where every proxy was when it was over.
#[derive(Debug, Clone, PartialEq)]
pub struct Instant {
    /// Its number; 0 is the rollout's beginning.
    pub number: u32,
    /// For each proxy.
    pub states: Vec<Place>,
    /// How many different answers there were to the question for its verdict.
    pub answers: usize,
}

/// Where one proxy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It has not begun.
    Absent,
    /// It has stopped the candidate by what it has seen itself, which no other has to follow.
    Vetoed,
    /// In this phase, and at this step.
    At(Phase, u64),
}

impl Place {
    fn of(published: Option<&Published>) -> Self {
        match published {
            None => Self::Absent,
            Some(published) if published.vetoes > 0 => Self::Vetoed,
            Some(published) => Self::At(published.phase, published.step),
        }
    }

    fn to_json(self) -> Value {
        match self {
            Self::Absent => Value::Null,
            Self::Vetoed => json!({"phase": "vetoed"}),
            Self::At(phase, step) => json!({"phase": phase.name(), "step": step}),
        }
    }
}

impl Instant {
    /// Whether all that have begun, and follow the fleet's verdicts, are at the same step.
    #[must_use]
    pub fn agrees(&self) -> bool {
        let mut states = self.states.iter().filter(|state| matches!(state, Place::At(..)));
        let first = states.next();
        states.all(|state| Some(state) == first)
    }
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Agreement {
    /// What was played.
    pub canary: Canary,
    /// What was planned.
    pub schedule: Schedule,
    /// Every instant that was reached.
    pub instants: Vec<Instant>,
    /// Proxies that stopped the candidate by what they had seen themselves.
    pub vetoes: u64,
    /// How often a plugin trapped.
    pub traps: usize,
}

impl Agreement {
    /// Instants behind which proxies were at different steps.
    #[must_use]
    pub fn disagreements(&self) -> usize {
        self.instants.iter().filter(|instant| !instant.agrees()).count()
    }

    /// Instants whose question had different answers.
    #[must_use]
    pub fn ambiguous(&self) -> usize {
        self.instants.iter().filter(|instant| instant.answers > 1).count()
    }

    /// The record for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let instants = self.instants.iter().map(|instant| {
            let states: Vec<Value> = instant.states.iter().map(|state| state.to_json()).collect();
            json!({
                "instant": instant.number,
                "agree": instant.agrees(),
                "answers": instant.answers,
                "states": states,
            })
        });
        json!({
            "proxies": self.instants.first().map_or(0, |instant| instant.states.len()),
            "candidate": self.canary.candidate.to_string(),
            "agree": self.disagreements() == 0,
            "disagreements": self.disagreements(),
            "ambiguous": self.ambiguous(),
            "vetoes": self.vetoes,
            "traps": self.traps,
            "instants": instants.collect::<Vec<_>>(),
        })
    }
}

/// Plays it; `progress` hears of every second of virtual time that is over.
///
/// # Errors
/// As [`super::play`], and when the rollout asks no Prometheus: nothing else could make proxies agree.
pub fn fleet(
    file: &Bootstrap,
    canary: &Canary,
    fleet: Fleet,
    factory: Arc<dyn GuestFactory>,
    progress: &mut dyn FnMut(u64),
) -> Result<Agreement, CanaryError> {
    let (file, schedule) = prepared(file, canary)?;
    if schedule.prometheus.is_none() {
        return Err(CanaryError::NoPrometheus);
    }
    let plans = plans(fleet.proxies.max(1), &schedule, canary);
    let mut drive = Drive::new(setting(&file, &schedule, canary, factory, LEAD, plans));
    let mut looking = Looking { answers: BTreeMap::new(), progress, told: 0 };
    let mut agreement = Agreement {
        canary: canary.clone(),
        schedule: Schedule::clone(&schedule),
        instants: Vec::new(),
        vetoes: 0,
        traps: 0,
    };
    let all = canary.duration.unwrap_or_else(|| longest(&schedule, canary));
    let mut ended = 0;
    for number in 0_u32.. {
        let end = schedule.after(number + 1);
        if end > all || ended > 1 {
            break;
        }
        let until = nanos(LEAD + end).saturating_sub(1_000_000);
        drive.run(until, &mut looking)?;
        let published: Vec<Option<Published>> = drive
            .proxies()
            .map(|proxy| {
                let proxy = proxy?;
                Some(Published::read(proxy.host().world().metrics(), &schedule.pool))
            })
            .collect();
        let states = published.iter().map(|one| Place::of(one.as_ref()));
        agreement.instants.push(Instant { number, states: states.collect(), answers: 0 });
        agreement.vetoes = published.iter().flatten().map(|one| one.vetoes).sum();
        let mut phases = published.iter().flatten().map(|one| one.phase);
        // One instant more shows that it stays so.
        let is_over = canary.duration.is_none() && phases.all(Phase::is_final);
        ended += u32::from(is_over && number > 0);
    }
    agreement.traps =
        drive.proxies().flatten().map(|proxy| proxy.host().world().traps().len()).sum();
    // The question for an instant is about a moment before it.
    let delay = looking.delay(&schedule);
    for instant in &mut agreement.instants {
        let at = schedule.start + schedule.after(instant.number);
        let at = u64::try_from(at.saturating_sub(delay).as_millis()).unwrap_or(u64::MAX);
        let answers = looking.answers.get(&at).into_iter().flatten();
        let mut texts: Vec<&String> = answers.collect();
        texts.sort_unstable();
        texts.dedup();
        instant.answers = texts.len();
    }
    Ok(agreement)
}

/// When each begins, and what it gets.
fn plans(count: usize, schedule: &Schedule, canary: &Canary) -> Vec<Plan> {
    let mut random = fastrand::Rng::with_seed(canary.seed ^ 0x6f6c_6c6f_7574);
    let shares: Vec<f64> = (0..count).map(|_| 0.2 + random.f64()).collect();
    let all: f64 = shares.iter().sum();
    let steps = u32::try_from(schedule.steps.len()).unwrap_or(1);
    let latest = nanos(LEAD + schedule.after(steps + 1));
    let plans = shares.into_iter().enumerate().map(|(place, share)| Plan {
        // Most are there from the beginning; every fourth comes when it comes.
        at: if place % 4 == 3 { random.u64(..latest) } else { random.u64(..nanos(LEAD / 2)) },
        rate: canary.rate * share / all,
        phase: random.u64(..nanos(canary.scrape_interval).max(1)),
    });
    plans.collect()
}

/// Hears of questions.
struct Looking<'a> {
    /// By the moment that was asked about, in milliseconds since 1970: all that was answered.
    answers: BTreeMap<u64, Vec<String>>,
    progress: &'a mut dyn FnMut(u64),
    told: u64,
}

impl Looking<'_> {
    /// How long before an instant its question is about, as it shows in the questions.
    fn delay(&self, schedule: &Schedule) -> Duration {
        let interval = schedule.interval.as_millis().max(1);
        let first = self.answers.keys().next().map_or(0, |at| u128::from(*at));
        let start = schedule.start.as_millis() + interval;
        let delay = start.saturating_sub(first) % interval;
        // Which whole number of intervals it is, the first question tells: it is for the first instant.
        let whole = start.saturating_sub(first) / interval * interval;
        Duration::from_millis(u64::try_from(whole + delay).unwrap_or(0))
    }
}

impl Watch for Looking<'_> {
    fn ticked(&mut self, at: Nanos, _: usize, proxy: &mut Proxy) -> ControlFlow<()> {
        let _ = proxy.host_mut().take_logs();
        let second = at / 1_000_000_000;
        if second > self.told {
            self.told = second;
            (self.progress)(second);
        }
        ControlFlow::Continue(())
    }

    fn ended(&mut self, _: Nanos, _: Ended) {}

    fn asked(&mut self, _: Nanos, _: usize, asked: &Asked) {
        for (at, values) in &asked.points {
            let text = values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
            self.answers.entry(*at).or_default().push(text);
        }
    }
}
