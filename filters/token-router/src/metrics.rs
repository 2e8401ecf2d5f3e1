//! What the filter counts.

use filter_shell::Counter;
use traffic_policy::route::{Choice, Outcome, Router, reason};

/// Counters for everything that the policy can say; declared when the configuration is read.
pub(crate) struct Metrics {
    decisions: Vec<Decided>,
    refused: Vec<(&'static str, Counter)>,
}

struct Decided {
    reason: String,
    pool: String,
    counter: Counter,
}

const DECISIONS: &str = "llm_router_decisions_total";
const REFUSED: &str = "llm_router_refused_total";

impl Metrics {
    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    pub(crate) fn declare(policy: &Router) -> Self {
        let decided = |(reason, pool): (&str, &str)| Decided {
            reason: reason.to_owned(),
            pool: pool.to_owned(),
            counter: Counter::declare(DECISIONS, &[("pool", pool), ("reason", reason)]),
        };
        let refused = |why| (why, Counter::declare(REFUSED, &[("reason", why)]));
        Self {
            decisions: policy.reasons().map(decided).collect(),
            refused: reason::REFUSING.into_iter().map(refused).collect(),
        }
    }

    pub(crate) fn count(&self, choice: &Choice<'_>) {
        let counter = match choice.outcome {
            Outcome::Pool(pool) => {
                let decided = self.decisions.iter();
                decided
                    .clone()
                    .find(|d| d.reason == choice.reason && d.pool == pool)
                    .map(|d| d.counter)
            }
            Outcome::Refuse(_) => {
                self.refused.iter().find(|(why, _)| *why == choice.reason).map(|(_, c)| *c)
            }
        };
        if let Some(counter) = counter {
            counter.increment();
        }
    }
}
