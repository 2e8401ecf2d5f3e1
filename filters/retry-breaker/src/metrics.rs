//! What the filter counts, for each pool that it watches.
//!
//! Everything a configuration can lead to is declared when it is read, from the names that it has.

use filter_shell::{Counter, Gauge};
use traffic_policy::attempt::Verdict;

/// Counters of one pool.
pub(crate) struct Metrics {
    transitions: Vec<(&'static str, Counter)>,
    diverted: Vec<(String, Counter)>,
    attempts: Vec<(&'static str, Counter)>,
    denied: Vec<(&'static str, Counter)>,
    pub(crate) refused: Counter,
    pub(crate) retried_tokens: Counter,
    pub(crate) ejected: Gauge,
}

/// The only reason for which a request goes elsewhere than it was sent.
pub(crate) const EJECTED: &str = "diverted_ejected";

/// Why an attempt was made that is not the first, where nobody saw the one before it.
pub(crate) const UNSEEN: &str = "unseen";

const STATES: [&str; 4] = ["ejected", "probing", "restoring", "healthy"];
/// Why a request may be sent only once.
const DENIED: [&str; 2] = ["budget", "body_limit"];

impl Metrics {
    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    pub(crate) fn declare<'a>(pool: &'a str, fallback: impl Iterator<Item = &'a str>) -> Self {
        let with = |name, key, value| Counter::declare(name, &[("pool", pool), (key, value)]);
        let diverted = |to: &str| {
            let labels = [("pool", pool), ("to", to), ("reason", EJECTED)];
            (to.to_owned(), Counter::declare("llm_breaker_diverted_total", &labels))
        };
        let reasons = Verdict::ALL.into_iter().map(Verdict::as_str).chain([UNSEEN]);
        let one = |name| Counter::declare(name, &[("pool", pool)]);
        Self {
            transitions: STATES
                .map(|to| (to, with("llm_breaker_transitions_total", "to", to)))
                .into(),
            diverted: fallback.map(diverted).collect(),
            attempts: reasons.map(|r| (r, with("llm_retry_attempts_total", "reason", r))).collect(),
            denied: DENIED.map(|r| (r, with("llm_retry_denied_total", "reason", r))).into(),
            refused: one("llm_breaker_refused_total"),
            retried_tokens: one("llm_retry_tokens_total"),
            ejected: Gauge::declare("llm_breaker_ejected", &[("pool", pool)]),
        }
    }

    pub(crate) fn transition(&self, to: &str) {
        count(&self.transitions, to);
    }

    pub(crate) fn diverted(&self, to: &str) {
        if let Some((_, counter)) = self.diverted.iter().find(|(pool, _)| pool == to) {
            counter.increment();
        }
    }

    /// An attempt was made because the one before it ended so.
    pub(crate) fn attempt(&self, reason: &str) {
        count(&self.attempts, reason);
    }

    pub(crate) fn denied(&self, reason: &str) {
        count(&self.denied, reason);
    }
}

fn count(counters: &[(&'static str, Counter)], which: &str) {
    if let Some((_, counter)) = counters.iter().find(|(name, _)| *name == which) {
        counter.increment();
    }
}
