//! How far a candidate has come: a schedule that verdicts move on, and no controller.
//!
//! At `start_at` the first step begins. At every instant after it, `start_at + n * interval`, there is a
//! verdict on the candidate: a pass goes on to the next step, a failure ends the rollout, and what is
//! inconclusive leaves it where it is. So its state is a pure function of configuration and verdicts.
//! Every proxy of a fleet that asks for the same verdicts comes to the same state, whenever it was
//! started and at whichever moment of an interval it asks. What the verdicts so far have come to is kept
//! as one small value ([`Progress`]).
//!
//! # Why time has no part in it
//! A state that was computed from the time as well would go back when a clock does, and forget a rollback.
//! Time only tells how many verdicts there are to ask for ([`Rollout::due`]). One that nobody knows is
//! inconclusive: without verdicts nothing moves, however far a clock has jumped.
//!
//! # What a verdict may be about
//! Scrapes arrive late, so the verdict of an instant is asked for as of `evaluation_delay` before it. One
//! that was made before the present step had begun says nothing about that step, and does not advance it:
//! with a delay of one interval a step lasts two. A failure counts whichever step it was found in. What was
//! found before the rollout began, maybe of an earlier one, counts for nothing.
//!
//! # What is final
//! Done, rolled back, and held after a failure: what comes later changes nothing, and only another
//! `start_at` begins again. So is a rollout that has not ended within [`MOST_INSTANTS`]: it is held
//! where it is, because longer histories are not kept.
//!
//! # Limits
//! A proxy that starts after the history is gone knows no verdict, and begins with the first step. A
//! rollout that is done belongs into the weights of the configuration.

mod config;
mod moment;
mod pieces;
mod progress;
mod published;
mod readings;

use std::time::Duration;

pub use config::{Alphas, Analysis, OnFail, Prometheus, RawPrometheus, RawRollout};
pub use moment::Moment;
pub use pieces::{MOST_POINTS, Piece, pieces};
pub use progress::Progress;
pub use published::{Judgement, Published};
pub use readings::Reading;

use crate::evidence::Gate;
use crate::split::Split;

/// So many verdicts are asked for: at an interval of 30 seconds two days more than the fifteen that
/// Prometheus keeps by default.
pub const MOST_INSTANTS: u32 = 50_000;

/// What is known of a candidate at one instant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verdict {
    /// It is no worse, as far as can be told.
    Pass,
    /// It is worse.
    Fail,
    /// Too little is known.
    #[default]
    Inconclusive,
}

impl Verdict {
    /// The word for labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// Of this and another that both have a say: it fails if one does, and passes if both do.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fail, _) | (_, Self::Fail) => Self::Fail,
            (Self::Pass, Self::Pass) => Self::Pass,
            _ => Self::Inconclusive,
        }
    }
}

/// Where a rollout is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It has not begun; the weights of the configuration hold.
    Waiting,
    /// The candidate has the weight of a step, and is watched.
    Running,
    /// The last step was passed; the candidate keeps its weight.
    Done,
    /// The candidate has failed and gets nothing.
    RolledBack,
    /// The candidate keeps its weight until somebody decides.
    Held,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Waiting, Self::Running, Self::Done, Self::RolledBack, Self::Held];

    /// The word for labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::RolledBack => "rolled_back",
            Self::Held => "held",
        }
    }
}

/// A rollout at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Where it is.
    pub phase: Phase,
    /// The step that it is at or has ended at, from 0.
    pub step: usize,
    /// The candidate's share, of a hundred that it and the stable version have; none before the rollout.
    pub percent: Option<u32>,
    /// The number of the instant at which this step began or the rollout ended.
    pub since: u32,
    /// When there is something new to ask for or to do, in time since 1970; none if there never is.
    pub next: Option<Duration>,
}

/// A schedule for a candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollout {
    candidate: usize,
    stable: usize,
    start: Duration,
    interval: Duration,
    /// Shares of the candidate, of a hundred; never empty.
    steps: Vec<u32>,
    on_fail: OnFail,
    analysis: Analysis,
    alphas: Alphas,
    gates: Vec<Gate>,
    prometheus: Option<Prometheus>,
}

impl Rollout {
    /// The place of the candidate among the versions.
    pub fn candidate(&self) -> usize {
        self.candidate
    }

    /// The place of the version that it is compared with.
    pub fn stable(&self) -> usize {
        self.stable
    }

    /// When the first step begins, in time since 1970.
    pub fn start(&self) -> Duration {
        self.start
    }

    /// The time between two verdicts.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// What a failure leads to.
    pub fn on_fail(&self) -> OnFail {
        self.on_fail
    }

    /// What it is known by: who is tried against whom, where, and since when. Whoever begins a rollout anew
    /// gives it another `start_at`; all else may be changed while it is under way.
    pub fn key(&self, pool: &str, split: &Split) -> String {
        let version = |arm: usize| split.arms().get(arm).map_or("", |arm| arm.version.as_str());
        let [candidate, stable] = [self.candidate, self.stable].map(version);
        // A name has no `;`.
        format!("{pool};{candidate};{stable};{}", self.start.as_secs())
    }

    /// The names of its gates: the label `signal` of metrics and of verdicts.
    pub fn signals(&self) -> impl Iterator<Item = &'static str> {
        self.gates.iter().map(Gate::name)
    }

    /// Where verdicts come from.
    pub fn analysis(&self) -> Analysis {
        self.analysis
    }

    /// How likely a candidate that is no worse may be rolled back, by each of those who judge.
    pub fn alphas(&self) -> Alphas {
        self.alphas
    }

    /// What the candidate is judged by.
    pub fn gates(&self) -> &[Gate] {
        &self.gates
    }

    /// Where to ask for verdicts; none if nobody is asked.
    pub fn prometheus(&self) -> Option<&Prometheus> {
        self.prometheus.as_ref()
    }

    /// How many verdicts there are to ask for: those of the instants 1 to this one have come. `wall` is the
    /// time since 1970.
    pub fn due(&self, wall: Duration) -> u32 {
        let since = wall.saturating_sub(self.start);
        let due = since.as_micros() / self.interval.as_micros().max(1);
        u32::try_from(due).unwrap_or(u32::MAX).min(MOST_INSTANTS)
    }

    /// When an instant is.
    pub fn instant(&self, number: u32) -> Duration {
        self.start.saturating_add(self.interval.saturating_mul(number))
    }

    /// The moment that the verdict of an instant is about. What a proxy has seen itself is not late.
    pub fn evaluated_at(&self, number: u32) -> Duration {
        self.instant(number).saturating_sub(self.delay())
    }

    fn delay(&self) -> Duration {
        self.prometheus.as_ref().map_or(Duration::ZERO, |prometheus| prometheus.evaluation_delay)
    }

    /// The state after these verdicts, of the instants 1, 2, and so on.
    ///
    /// `wall` decides whether it waits or is over, and when to look again; never the weight once there was
    /// a verdict. All that is known has to be given: a proxy whose clock went back still knows it.
    pub fn state_at(&self, wall: Duration, verdicts: &[Verdict]) -> State {
        let mut progress = Progress::begin(self);
        (1..).zip(verdicts).for_each(|(number, verdict)| progress.verdict(self, number, *verdict));
        progress.state(self, wall)
    }

    fn percent(&self, step: usize) -> Option<u32> {
        self.steps.get(step).copied()
    }

    /// The weights that a state means, from those of the configuration. Candidate and stable share what
    /// they have together; all others keep what they have.
    pub fn weights(&self, state: &State, configured: &[u32]) -> Vec<u32> {
        let Some(percent) = state.percent else { return configured.to_vec() };
        let of = |arm: usize| configured.get(arm).copied().unwrap_or(0);
        let both = of(self.candidate).saturating_add(of(self.stable));
        let weight = |(arm, weight): (usize, &u32)| match arm {
            arm if arm == self.candidate => both.saturating_mul(percent.min(100)),
            arm if arm == self.stable => both.saturating_mul(100 - percent.min(100)),
            _ => weight.saturating_mul(100),
        };
        configured.iter().enumerate().map(weight).collect()
    }
}

#[cfg(test)]
mod tests;
