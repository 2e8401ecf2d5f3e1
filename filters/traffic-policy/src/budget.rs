//! How much of the servers' work may be done twice.
//!
//! A share of the prompt tokens that were asked lately, and a floor so that little traffic can be tried
//! again at all. Tokens and not requests, because a prompt of a hundred thousand tokens costs the servers
//! more than a thousand greetings, and a budget of requests would let all of them through alike.
//!
//! # What it does not limit
//! It is asked before a request is sent, and told when its attempts are known. Those that are on their way
//! together are each judged by what was known when they came: before the first of them has failed, that is
//! nothing. What they spend counts against those that come after them.

use std::time::Duration;

use crate::invalid::Invalid;
use crate::recent::Recent;
use crate::record::{open, seal, take};
use crate::units::Span;

/// How much may be done twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetPolicy {
    percent: u32,
    floor: u64,
    window: Duration,
}

/// The shortest and the longest window.
const WINDOWS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3600)];

/// With three attempts twice the work is all there is; beyond ten times nothing is limited.
const MOST_PERCENT: u32 = 1_000;

impl BudgetPolicy {
    /// Retries may take so many tokens for a hundred that were asked in the window, and the floor in any
    /// case.
    ///
    /// # Errors
    /// When the share or the window is none that makes sense.
    pub fn new(percent: u32, floor: u64, window: Span) -> Result<Self, Invalid> {
        if percent > MOST_PERCENT {
            let problem = format!("found `{percent}`; allowed 0 to {MOST_PERCENT}; lower it");
            return Err(Invalid::new("token_budget_percent", problem));
        }
        let [least, most] = WINDOWS.map(Span);
        if !(least..=most).contains(&window) {
            let cure = if window < least { "raise it" } else { "lower it" };
            let problem = format!("found `{window}`; allowed {least} to {most}; {cure}");
            return Err(Invalid::new("budget_window", problem));
        }
        Ok(Self { percent, floor, window: window.0 })
    }
}

/// What was asked and retried in a pool lately, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget<'a> {
    policy: &'a BudgetPolicy,
    /// Tokens asked, and tokens asked again.
    recent: Recent,
    is_damaged: bool,
}

const VERSION: u8 = 1;

impl<'a> Budget<'a> {
    /// Reads a record, at this time of the clock that all workers have.
    pub fn read(bytes: Option<&[u8]>, policy: &'a BudgetPolicy, now: Duration) -> Self {
        let known = bytes.map(decode);
        let is_damaged = matches!(known, Some(None));
        let mut recent = known.flatten().unwrap_or_default();
        recent.slide(now, policy.window);
        Self { policy, recent, is_damaged }
    }

    /// The record.
    pub fn write(&self) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend(self.recent.newest.to_le_bytes());
        let sums = self.recent.buckets.as_flattened().iter();
        sums.for_each(|sum| out.extend(sum.to_le_bytes()));
        seal(out)
    }

    /// Whether there was a record that could not be read, and counts as none.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// A request with so many prompt tokens has come.
    pub fn asked(&mut self, tokens: u64) {
        self.recent.add([tokens, 0]);
    }

    /// So many prompt tokens were sent again.
    pub fn retried(&mut self, tokens: u64) {
        self.recent.add([0, tokens]);
    }

    /// Whether so many prompt tokens may be sent again.
    pub fn allows(&self, tokens: u64) -> bool {
        tokens <= self.left()
    }

    /// How many prompt tokens may be sent again.
    pub fn left(&self) -> u64 {
        let [asked, retried] = self.recent.sums();
        let share = u128::from(asked) * u128::from(self.policy.percent) / 100;
        let share = u64::try_from(share).unwrap_or(u64::MAX);
        share.max(self.policy.floor).saturating_sub(retried)
    }
}

fn decode(bytes: &[u8]) -> Option<Recent> {
    let mut rest = open(bytes)?.strip_prefix(&[VERSION])?;
    let mut number = || Some(u64::from_le_bytes(take(&mut rest)?));
    let mut recent = Recent { newest: number()?, ..Recent::default() };
    for sum in recent.buckets.as_flattened_mut() {
        *sum = number()?;
    }
    rest.is_empty().then_some(recent)
}

#[cfg(test)]
mod tests;
