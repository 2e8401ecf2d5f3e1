//! The state of the members, as far as it shows from outside.
//!
//! The filters publish for each pool how often it went into which state, and name the endpoints that they
//! still want in the requests to the others; of Envoy's outlier detection the model knows who is left out.
//! Nobody reads the filters' records in shared data: their form is the filters' own affair.

use std::collections::BTreeMap;

use crate::labels::label;
use crate::model::metric::{MetricValue, Metrics, PREFIX};

/// What a member gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Its share of the requests.
    #[default]
    Healthy,
    /// Nothing.
    Ejected,
    /// A request now and then, to see whether it answers.
    Probing,
    /// A share that grows.
    Restoring,
}

impl State {
    /// In the order in which a member passes through them.
    pub const ALL: [Self; 4] = [Self::Healthy, Self::Ejected, Self::Probing, Self::Restoring];

    /// Its name in metrics and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Ejected => "ejected",
            Self::Probing => "probing",
            Self::Restoring => "restoring",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// How many steps further `to` is.
    fn steps_to(self, to: Self) -> usize {
        let place = |state| Self::ALL.iter().position(|one| *one == state).unwrap_or(0);
        (place(to) + Self::ALL.len() - place(self) - 1) % Self::ALL.len()
    }
}

const TRANSITIONS: &str = "llm_breaker_transitions_total";

/// What pools have been through so far, by their metrics.
#[derive(Debug, Default)]
pub(super) struct Pools {
    counted: BTreeMap<String, u64>,
    phases: BTreeMap<String, State>,
}

impl Pools {
    /// The state into which one of the pool's members went last.
    pub(super) fn phase(&self, pool: &str) -> State {
        self.phases.get(pool).copied().unwrap_or_default()
    }

    /// What has happened since the last look, pool by pool, in the order in which it must have.
    pub(super) fn look(&mut self, metrics: &Metrics) -> Vec<(String, State)> {
        let mut moved: BTreeMap<String, Vec<State>> = BTreeMap::new();
        for (name, value) in metrics.iter() {
            let Some(labels) = name.strip_prefix(PREFIX).and_then(|n| n.strip_prefix(TRANSITIONS))
            else {
                continue;
            };
            let (MetricValue::Counter(count), Some(pool), Some(to)) =
                (value, label(labels, "pool"), label(labels, "to").and_then(State::named))
            else {
                continue;
            };
            let before = self.counted.insert(name.to_owned(), *count).unwrap_or(0);
            for _ in before..*count {
                moved.entry(pool.to_owned()).or_default().push(to);
            }
        }
        let mut all = Vec::new();
        for (pool, mut states) in moved {
            let now = self.phase(&pool);
            states.sort_by_key(|to| now.steps_to(*to));
            if let Some(last) = states.last() {
                self.phases.insert(pool.clone(), *last);
            }
            all.extend(states.into_iter().map(|to| (pool.clone(), to)));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_between_two_looks_is_put_in_the_order_in_which_it_must_have() {
        let mut states = vec![State::Restoring, State::Ejected, State::Probing];
        states.sort_by_key(|to| State::Ejected.steps_to(*to));
        assert_eq!(states, [State::Probing, State::Restoring, State::Ejected]);
    }
}
