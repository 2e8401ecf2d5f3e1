//! What the versions of a pool had to do, counted by all workers together.
//!
//! The counts only grow. Who moves the weights takes what has been added since the last time; so nobody has to
//! be told when to begin anew, and a worker that ends in the middle leaves nothing behind that is never taken
//! away again, as it would with a number of requests that are on their way.

use std::time::Duration;

use super::By;
use crate::record::{open, seal, take};
use crate::split::MOST_ARMS;

/// What one version had to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// How many answers had a first token, and how long these took together, in milliseconds.
    first_tokens: [u64; 2],
    /// The tokens of each request times the milliseconds that it took.
    token_milliseconds: u64,
}

impl Load {
    /// A request has ended that took so long and had so many tokens, of its prompt and of its answer.
    pub fn record(&mut self, first_token: Option<Duration>, tokens: u64, took: Duration) {
        let milliseconds = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        if let Some(first_token) = first_token {
            self.add(&Self { first_tokens: [1, milliseconds(first_token)], ..Self::default() });
        }
        let token_milliseconds = tokens.saturating_mul(milliseconds(took));
        self.add(&Self { token_milliseconds, ..Self::default() });
    }

    /// This and that.
    pub fn add(&mut self, more: &Self) {
        for (count, more) in self.first_tokens.iter_mut().zip(more.first_tokens) {
            *count = count.saturating_add(more);
        }
        self.token_milliseconds = self.token_milliseconds.saturating_add(more.token_milliseconds);
    }

    /// What it comes to since an earlier state, which is so long ago: the mean time to the first token in
    /// milliseconds, or the tokens that were outstanding. None if that cannot be told.
    pub fn since(&self, before: &Self, by: By, elapsed: Duration) -> Option<f64> {
        let [count, total] = self.first_tokens;
        let [count_before, total_before] = before.first_tokens;
        let [over, part] = match by {
            By::FirstToken => {
                [total.checked_sub(total_before)? as f64, count.checked_sub(count_before)? as f64]
            }
            By::OutstandingTokens => {
                let added = self.token_milliseconds.checked_sub(before.token_milliseconds)?;
                [added as f64, elapsed.as_millis() as f64]
            }
        };
        (part > 0.0).then_some(over / part)
    }
}

/// The record of all versions; what cannot be read is none, and begins anew.
pub fn read(bytes: Option<&[u8]>) -> Vec<Load> {
    let Some(mut rest) = bytes.and_then(open) else { return Vec::new() };
    let mut loads = Vec::new();
    while let Some(fields) = fields(&mut rest).filter(|_| loads.len() < MOST_ARMS) {
        let [count, total, token_milliseconds] = fields;
        loads.push(Load { first_tokens: [count, total], token_milliseconds });
    }
    loads
}

fn fields(rest: &mut &[u8]) -> Option<[u64; 3]> {
    let mut next = || take::<8>(rest).map(u64::from_le_bytes);
    Some([next()?, next()?, next()?])
}

/// The record.
pub fn write(loads: &[Load]) -> Vec<u8> {
    let fields = |load: &Load| {
        let [count, total] = load.first_tokens;
        [count, total, load.token_milliseconds].map(u64::to_le_bytes).concat()
    };
    seal(loads.iter().flat_map(fields).collect())
}

/// These and those.
pub fn add(loads: &mut Vec<Load>, more: &[Load]) {
    loads.resize(loads.len().max(more.len()), Load::default());
    loads.iter_mut().zip(more).for_each(|(load, more)| load.add(more));
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_is_measured_is_what_was_added() {
        let mut before = Load::default();
        before.record(Some(SECOND), 1_000, SECOND);
        let mut now = before;
        now.record(Some(3 * SECOND), 500, 4 * SECOND);
        now.record(None, 100, 2 * SECOND);
        assert_eq!(now.since(&before, By::FirstToken, SECOND), Some(3_000.0));
        // 500 tokens for 4 s and 100 for 2 s, in 10 s.
        assert_eq!(now.since(&before, By::OutstandingTokens, 10 * SECOND), Some(220.0));
        assert_eq!(before.since(&before, By::FirstToken, SECOND), None);
        assert_eq!(before.since(&before, By::OutstandingTokens, Duration::ZERO), None);
        assert_eq!(before.since(&now, By::FirstToken, SECOND), None, "it began anew");
    }

    #[test]
    fn a_record_comes_back_and_what_is_none_is_empty() {
        let mut load = Load::default();
        load.record(Some(SECOND), u64::MAX, SECOND);
        let mut loads = Vec::new();
        add(&mut loads, &[Load::default(), load]);
        let bytes = write(&loads);
        assert_eq!(read(Some(&bytes)), loads);
        assert_eq!(read(None), []);
        for cut in 0..bytes.len() {
            assert_eq!(read(bytes.get(..cut)), [], "cut at {cut}");
        }
    }
}
