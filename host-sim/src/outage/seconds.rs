//! What is counted, second by second of virtual time.

use std::collections::BTreeMap;

use super::client::{Failure, Outcome};
use super::state::State;
use crate::host::Nanos;

/// One second.
#[derive(Debug, Clone, Default)]
pub struct Second {
    /// Requests that clients sent.
    pub requests: u64,
    /// Of them those that were led around a member which is left out.
    pub diverted: u64,
    /// Attempts behind the first one of their request.
    pub retried: u64,
    /// Prompt tokens of attempts that gave their client nothing, by when that was known.
    pub wasted_tokens: u64,
    /// Clients that saw a failure.
    pub failures: BTreeMap<Failure, u64>,
    /// Into which states members went, and how often.
    pub transitions: BTreeMap<State, u64>,
    /// In the order of [`super::Record::members`].
    pub members: Vec<MemberSecond>,
    /// Milliseconds that clients had waited for the first tokens that came.
    first_tokens: Vec<u64>,
}

/// One second of a member.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemberSecond {
    /// Requests that reached it.
    pub requests: u64,
    /// Its state at the end.
    pub state: State,
    /// Requests of its pool that did not want it.
    pub(super) unwanted: u64,
}

impl Second {
    /// All failures.
    #[must_use]
    pub fn client_failures(&self) -> u64 {
        self.failures.values().sum()
    }

    /// What this share of clients had waited at most for their first token, in milliseconds.
    #[must_use]
    pub fn first_token_ms(&self, percent: usize) -> Option<u64> {
        quantile(&self.first_tokens, percent)
    }

    fn is_empty(&self) -> bool {
        self.requests + self.retried + self.client_failures() + self.wasted_tokens == 0
            && self.transitions.is_empty()
    }
}

/// What this share of them does not exceed.
pub(super) fn quantile(times: &[u64], percent: usize) -> Option<u64> {
    let mut times = times.to_vec();
    times.sort_unstable();
    let last = times.len().checked_sub(1)?;
    times.get(last * percent.min(100) / 100).copied()
}

/// Seconds as they pass.
#[derive(Debug)]
pub(super) struct Seconds {
    all: Vec<Second>,
    members: usize,
}

/// Seconds of a run; nobody waits that long behind the last request.
const MOST: usize = 100_000;

impl Seconds {
    pub(super) fn new(members: usize) -> Self {
        Self { all: Vec::new(), members }
    }

    /// The second of this instant, changed by `change`.
    pub(super) fn at<T>(&mut self, now: Nanos, change: impl FnOnce(&mut Second) -> T) -> Option<T> {
        let place = usize::try_from(now / 1_000_000_000).unwrap_or(MOST).min(MOST);
        while self.all.len() <= place {
            let before = self.all.last().map(|before| before.members.clone());
            let mut members = before.unwrap_or_else(|| vec![MemberSecond::default(); self.members]);
            for member in &mut members {
                *member = MemberSecond { state: member.state, ..MemberSecond::default() };
            }
            self.all.push(Second { members, ..Second::default() });
        }
        self.all.get_mut(place).map(change)
    }

    /// How many have begun.
    pub(super) fn begun(&self) -> usize {
        self.all.len()
    }

    /// A client has its answer, or what it takes for one.
    pub(super) fn ended(&mut self, now: Nanos, outcome: Outcome, wasted_tokens: u64) {
        self.at(now, |second| {
            second.wasted_tokens += wasted_tokens;
            if let Err(failure) = outcome {
                *second.failures.entry(failure).or_default() += 1;
            }
        });
    }

    /// A client has its first token.
    pub(super) fn first_token(&mut self, began: Nanos, now: Nanos) {
        self.at(now, |second| second.first_tokens.push((now - began) / 1_000_000));
    }

    /// Those in which something happened, and what is between them.
    pub(super) fn done(mut self) -> Vec<Second> {
        while self.all.last().is_some_and(Second::is_empty) {
            self.all.pop();
        }
        self.all
    }
}
