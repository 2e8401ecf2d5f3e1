//! How far a rollout has come, as one value: the verdicts so far, folded together.
//!
//! A list of all verdicts would do as well, and would grow to fifty thousand. What is kept instead is what
//! they have come to. Whoever folds the same verdicts in comes to the same value: one proxy as they come,
//! another all at once when it starts late.
//!
//! # Numbers
//! Each verdict has the number of its instant. One that is known already counts no second time, however
//! often it is told; those that were left out are inconclusive.
//!
//! # Changed schedules
//! A record has the fingerprint of the schedule that it was made by. By another one the same verdicts would
//! have come to something else, so they are asked for again, and all proxies agree again. What has failed
//! has failed under any schedule: only another `start_at` tries it again.
//!
//! # Limits
//! A clock that has jumped ahead lets instants go by that nobody knew a verdict of. They stay inconclusive
//! when it comes back, and nothing moves before they are over; a failure alone is heeded at once.

mod record;

use std::time::Duration;

use super::{MOST_INSTANTS, OnFail, Phase, Rollout, State, Verdict};

/// How far a rollout has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The verdicts of all instants up to this one are in it.
    known: u32,
    course: Course,
    step: usize,
    /// The instant at which the step began or the rollout ended.
    since: u32,
    /// How many samples each gate had when the step began, by [its place](crate::evidence::Gate::place); none where that is
    /// not known yet.
    pub(super) bases: Vec<(u8, f64)>,
    schedule: u64,
}

/// What has become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    Running,
    Passed,
    Failed,
}

impl Progress {
    /// Nothing is known yet.
    pub fn begin(rollout: &Rollout) -> Self {
        Self {
            known: 0,
            course: Course::Running,
            step: 0,
            since: 0,
            bases: Vec::new(),
            schedule: rollout.schedule(),
        }
    }

    /// The last instant whose verdict is known.
    pub fn known(&self) -> u32 {
        self.known
    }

    /// Whether it has ended: no verdict will change anything.
    pub fn is_over(&self) -> bool {
        self.course != Course::Running
    }

    pub(super) fn step_began_at(&self, rollout: &Rollout) -> Duration {
        rollout.instant(self.since)
    }

    /// One more verdict.
    pub fn verdict(&mut self, rollout: &Rollout, number: u32, verdict: Verdict) {
        if number <= self.known || number > MOST_INSTANTS {
            return;
        }
        self.known = number;
        let at = rollout.evaluated_at(number);
        if self.is_over() || verdict == Verdict::Inconclusive || at <= rollout.start {
            return;
        }
        if verdict == Verdict::Fail {
            (self.course, self.since) = (Course::Failed, number);
            self.bases.clear();
        } else if at > self.step_began_at(rollout) {
            self.since = number;
            self.bases.clear();
            match self.step + 1 < rollout.steps.len() {
                true => self.step += 1,
                false => self.course = Course::Passed,
            }
        }
    }

    /// What this proxy's own evidence says now. It is the verdict of the newest instant that has come, if
    /// that has none yet; a failure waits for no instant.
    pub fn local(&mut self, rollout: &Rollout, wall: Duration, verdict: Verdict) {
        let due = rollout.due(wall);
        let next = self.known.saturating_add(1).min(MOST_INSTANTS);
        let has_begun = wall >= rollout.start || self.known > 0;
        if due > self.known {
            self.verdict(rollout, due, verdict);
        } else if verdict == Verdict::Fail && has_begun && !self.is_over() {
            (self.known, self.course, self.since) = (next, Course::Failed, next);
            self.bases.clear();
        }
    }

    /// The state that it means. `wall` decides whether it waits or is over, and when to look again.
    pub fn state(&self, rollout: &Rollout, wall: Duration) -> State {
        let (step, since) = (self.step, self.since);
        let percent = rollout.percent(step);
        let ended = |phase| State { phase, step, percent, since, next: None };
        match (self.course, rollout.on_fail) {
            (Course::Failed, OnFail::Rollback) => {
                State { percent: Some(0), ..ended(Phase::RolledBack) }
            }
            (Course::Failed, OnFail::Hold) => ended(Phase::Held),
            (Course::Passed, _) => ended(Phase::Done),
            (Course::Running, _) if wall < rollout.start && self.known == 0 => {
                let (percent, next) = (None, Some(rollout.start));
                State { phase: Phase::Waiting, step, percent, since, next }
            }
            (Course::Running, _) => match rollout.due(wall) {
                MOST_INSTANTS => ended(Phase::Held),
                due => {
                    let next = Some(rollout.instant(due + 1));
                    State { phase: Phase::Running, step, percent, since, next }
                }
            },
        }
    }
}

#[cfg(test)]
mod tests;
