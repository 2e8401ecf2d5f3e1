//! What is known of one member, and how that changes.
//!
//! Times are kept in whole microseconds, as records have them, so that what was written is what is read.

use std::time::Duration;

use super::config::Policy;
use super::{Admission, Cause, Phase, Reason, Signal};
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

/// What an outcome would do, if its member may be ejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    /// Nothing more.
    None,
    /// It is to be ejected.
    Eject(Reason, Duration),
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

    /// Takes notice of an outcome. What else it demands, and why the phase has changed, if it has.
    pub(super) fn observe(
        &mut self,
        signal: Signal,
        sent: Duration,
        at: Moment<'_>,
    ) -> (Demand, Option<Reason>) {
        if let Some(probe) = self.probes.iter().position(|probe| *probe == sent) {
            self.probes.swap_remove(probe);
        }
        let policy = at.policy;
        match signal {
            Signal::RateLimited { retry_after } => {
                let span = retry_after.map_or(policy.rate_limited_for, |h| h.min(policy.max_hint));
                (Demand::Eject(Reason::RateLimited, span), None)
            }
            Signal::Nothing => (Demand::None, None),
            _ if self.phase == Phase::Ejected || sent < self.until => (Demand::None, None),
            Signal::Success { first_token } => match (first_token, policy.slow_first_token) {
                (Some(took), Some(slow)) if took > slow => {
                    (self.failed(Cause::SlowFirstToken, at), None)
                }
                _ => (Demand::None, self.succeeded(at)),
            },
            Signal::Failure(cause) => (self.failed(cause, at), None),
        }
    }

    fn succeeded(&mut self, at: Moment<'_>) -> Option<Reason> {
        let is_probe = self.phase == Phase::Probing;
        if is_probe {
            self.enter(Phase::Restoring, at.now);
        }
        self.run = 0;
        self.recent.slide(at.now, at.policy.window);
        self.recent.add([1, 0]);
        is_probe.then_some(Reason::ProbeSucceeded)
    }

    fn failed(&mut self, cause: Cause, at: Moment<'_>) -> Demand {
        let policy = at.policy;
        self.run = self.run.saturating_add(1);
        self.recent.slide(at.now, policy.window);
        self.recent.add([1, 1]);
        let [requests, failures] = self.recent.sums();
        let failure_share = u128::from(failures) * 100;
        let is_many = failure_share >= u128::from(requests) * u128::from(policy.failure_percent);
        let reason = match self.phase {
            Phase::Probing => Reason::ProbeFailed(cause),
            // It has shown little yet, so it does not take many. But one failure among the many
            // successes of a server that fails now and then must not keep it out for ever.
            Phase::Restoring if is_many => Reason::Relapse(cause),
            _ if self.run >= policy.consecutive_failures => Reason::InARow(cause),
            _ if is_many && requests >= u64::from(policy.min_requests) => Reason::Rate(cause),
            _ => return Demand::None,
        };
        let times = u32::from(self.remembered(at).saturating_add(1));
        let span = policy.eject_for.saturating_mul(times).min(policy.eject_at_most);
        Demand::Eject(reason, span)
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
