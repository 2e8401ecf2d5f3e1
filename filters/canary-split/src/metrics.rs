//! What the filter counts, for each pool that it splits.

use filter_shell::{Counter, Gauge};
use traffic_policy::split::{Key, Split};

use crate::known::RANDOM;

/// Counters of one pool: a row for each version.
pub(crate) struct Metrics {
    rows: Vec<Row>,
}

struct Row {
    requests: Vec<(&'static str, Counter)>,
    weight: Gauge,
}

/// A tester has asked for it.
pub(crate) const FORCED: &str = "forced";

impl Metrics {
    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    pub(crate) fn declare(pool: &str, split: &Split, sticky: &[Key]) -> Self {
        let mut reasons: Vec<&'static str> = sticky.iter().map(Key::as_str).collect();
        reasons.extend([RANDOM, FORCED]);
        reasons.sort_unstable();
        reasons.dedup();
        let row = |version: &str| Row {
            requests: reasons
                .iter()
                .map(|reason| {
                    let labels = [("pool", pool), ("version", version), ("reason", *reason)];
                    (*reason, Counter::declare("llm_split_requests_total", &labels))
                })
                .collect(),
            weight: Gauge::declare("llm_split_weight", &[("pool", pool), ("version", version)]),
        };
        Self { rows: split.arms().iter().map(|arm| row(&arm.version)).collect() }
    }

    pub(crate) fn weights(&self, weights: &[u32]) {
        for (row, weight) in self.rows.iter().zip(weights) {
            row.weight.set(u64::from(*weight));
        }
    }

    pub(crate) fn count(&self, arm: usize, reason: &str) {
        let requests = self.rows.get(arm).map(|row| &row.requests);
        let counter = requests.and_then(|all| all.iter().find(|(name, _)| *name == reason));
        if let Some((_, counter)) = counter {
            counter.increment();
        }
    }
}
