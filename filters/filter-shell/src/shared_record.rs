//! A record that all workers of the proxy share, changed by compare-and-swap.
//!
//! Whoever lost reads again what the winner wrote, and decides anew: so a change is a function of what is
//! there, and counts are exact however many workers write. After [`TRIES`] it gives up, which loses one
//! piece of evidence and disturbs no request.

use crate::host::{Status, shared_data};
use crate::metrics::Counter;
use traffic_policy::record::fingerprint;

/// With a conflict in fifty writes, which is what a busy key has, this is never seen.
const TRIES: usize = 16;

/// A proxy never forgets a key, so there are so many of one kind at most. Names of a configuration are few:
/// two of a hundred have the same slot once in fourteen configurations, and then forget each other's state.
const SLOTS: u64 = 1 << 16;

/// One record.
#[derive(Debug, Clone)]
pub struct SharedRecord {
    key: String,
    given_up: Counter,
}

impl SharedRecord {
    /// The record of this name, of this kind.
    pub fn of(kind: &str, name: &str) -> Self {
        let given_up = Counter::declare("llm_limit_hits_total", &[("limit", "shared_data_tries")]);
        Self { key: format!("llm/1/{kind}/{}", fingerprint(name) % SLOTS), given_up }
    }

    /// What is there, if anything.
    pub fn read(&self) -> Option<Vec<u8>> {
        shared_data::get(&self.key).ok().map(|(value, _)| value)
    }

    /// Changes it. `change` is given what is there, and says what is to be there, if that is something
    /// else, and what came of it. It is called again if somebody else was quicker. None: it could not be done.
    pub fn update<R>(
        &self,
        mut change: impl FnMut(Option<&[u8]>) -> (Option<Vec<u8>>, R),
    ) -> Option<R> {
        for _ in 0..TRIES {
            let there = shared_data::get(&self.key).ok();
            let (value, number) = match &there {
                Some((value, number)) => (Some(value.as_slice()), *number),
                None => (None, shared_data::ABSENT),
            };
            let (wanted, result) = change(value);
            let Some(wanted) = wanted else { return Some(result) };
            match shared_data::set(&self.key, &wanted, number) {
                Ok(()) => return Some(result),
                Err(Status::CasMismatch) => {}
                Err(_) => return None,
            }
        }
        self.given_up.increment();
        None
    }
}
