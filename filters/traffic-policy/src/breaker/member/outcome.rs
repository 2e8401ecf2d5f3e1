//! What an outcome does to a member, and what else it demands.
//!
//! Whether a member is ejected depends on its peers, so an outcome can only demand it.

use std::time::Duration;

use super::{Health, Moment};
use crate::breaker::{Cause, Phase, Reason, Signal};

/// What an outcome would do, if its member may be ejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Demand {
    /// Nothing more.
    None,
    /// It is to be ejected.
    Eject(Reason, Duration),
}

impl Health {
    /// Takes notice of an outcome. What else it demands, and why the phase has changed, if it has.
    pub(in super::super) fn observe(
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
                // Who says "now" wants nothing.
                let demand = Demand::Eject(Reason::RateLimited, span);
                (if span.is_zero() { Demand::None } else { demand }, None)
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
}
