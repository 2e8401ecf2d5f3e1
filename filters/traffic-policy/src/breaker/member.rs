//! What is known of one member, and how that changes.
//!
//! Times are kept in whole microseconds, as records have them, so that what was written is what is read.

mod outcome;

use std::time::Duration;

pub(super) use outcome::Demand;

use super::config::Policy;
use super::{Admission, Phase, Reason};
use crate::recent::Recent;

/// What is known of one member.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Health {
    pub(super) phase: Phase,
    /// How often it was ejected for failures; some of it is forgotten with each while of health.
    pub(super) times: u8,
    /// Failures since the last success.
    pub(super) run: u32,
    /// When the last ejection ends or has ended: outcomes of requests sent before do not count.
    pub(super) until: Duration,
    /// Since when it is healthy, or being restored.
    pub(super) since: Duration,
    /// Requests, and those that failed.
    pub(super) recent: Recent,
    /// When the probes that are on their way were sent.
    pub(super) probes: Vec<Duration>,
}

/// What is the same for all that happens to a group at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment<'a> {
    pub(super) now: Duration,
    pub(super) policy: &'a Policy,
}

impl Health {
    /// Whether it carries nothing.
    pub(super) fn is_out(&self) -> bool {
        matches!(self.phase, Phase::Ejected | Phase::Probing)
    }

    /// Does what time alone does. The reason if the phase has changed.
    ///
    /// Times that cannot be, because a clock has gone back or a policy was made milder, become the
    /// latest that can: nothing lasts longer than this policy lets it.
    pub(super) fn settle(&mut self, at: Moment<'_>) -> Option<Reason> {
        let Moment { now, policy } = at;
        self.since = self.since.min(now);
        if self.phase == Phase::Ejected {
            self.until = self.until.min(now.saturating_add(policy.longest()));
            if self.until > now {
                return None;
            }
            self.enter(Phase::Probing, now);
            return Some(Reason::TimeOver);
        }
        self.until = self.until.min(now);
        self.probes.iter_mut().for_each(|sent| *sent = (*sent).min(now));
        self.probes.retain(|sent| now < sent.saturating_add(policy.eject_for));
        let restored = self.since.saturating_add(policy.restore_over);
        if self.phase == Phase::Restoring && restored <= now {
            // What was counted since goes on counting.
            (self.phase, self.since) = (Phase::Healthy, restored);
            return Some(Reason::TimeOver);
        }
        None
    }

    /// Whether a request may go to it.
    pub(super) fn admit(&mut self, draw: u64, at: Moment<'_>) -> Admission {
        let Moment { now, policy } = at;
        match self.phase {
            Phase::Healthy => Admission::Yes,
            Phase::Restoring if draws(draw, self.permille(at)) => Admission::Yes,
            Phase::Probing if self.probes.len() < policy.probes => {
                self.probes.push(now);
                Admission::Probe
            }
            Phase::Restoring | Phase::Probing | Phase::Ejected => {
                Admission::No { retry_in: self.wait(at) }
            }
        }
    }

    /// How long nothing is to be had from it.
    pub(super) fn wait(&self, at: Moment<'_>) -> Duration {
        match self.phase {
            Phase::Healthy | Phase::Restoring => Duration::ZERO,
            Phase::Probing if self.probes.len() < at.policy.probes => Duration::ZERO,
            Phase::Probing => {
                let first = self.probes.iter().min().copied().unwrap_or_default();
                first.saturating_add(at.policy.eject_for).saturating_sub(at.now)
            }
            Phase::Ejected => self.until.saturating_sub(at.now),
        }
    }

    /// The share of its requests that it gets, in a thousand. It begins with a tenth, because none would
    /// show nothing.
    pub(super) fn permille(&self, at: Moment<'_>) -> u16 {
        let over = at.policy.restore_over.as_micros().max(1);
        let gone = at.now.saturating_sub(self.since).as_micros().min(over);
        u16::try_from(100 + 900 * gone / over).unwrap_or(1000)
    }

    /// How many ejections still count: one less for each `eject_for` of health.
    fn remembered(&self, at: Moment<'_>) -> u8 {
        if self.phase != Phase::Healthy {
            return self.times;
        }
        let healthy = at.now.saturating_sub(self.since).as_micros();
        let forgotten = healthy / at.policy.eject_for.as_micros().max(1);
        self.times.saturating_sub(u8::try_from(forgotten).unwrap_or(u8::MAX))
    }

    /// Ejects it, or extends its ejection. What was decided before and lasts longer stays.
    pub(super) fn eject(&mut self, reason: Reason, span: Duration, at: Moment<'_>) {
        let is_failure = reason != Reason::RateLimited;
        let times = self.remembered(at).saturating_add(u8::from(is_failure));
        let until = at.now.saturating_add(span);
        let before = if self.phase == Phase::Ejected { self.until } else { Duration::ZERO };
        self.enter(Phase::Ejected, at.now);
        (self.times, self.until) = (times, until.max(before));
    }

    /// Lets it come back before its time.
    pub(super) fn restore(&mut self, at: Moment<'_>) {
        self.enter(Phase::Restoring, at.now);
    }

    /// Begins a phase with nothing counted.
    fn enter(&mut self, phase: Phase, since: Duration) {
        *self = Self { phase, since, until: self.until, times: self.times, ..Self::default() };
    }
}

/// Whether a draw falls into a share.
fn draws(draw: u64, permille: u16) -> bool {
    (u128::from(draw) * 1000) >> 64 < u128::from(permille)
}
