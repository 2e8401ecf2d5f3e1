//! Which servers do not want to be asked for usage.
//!
//! One that refused the option is not asked again for [`LEAVE_FOR`]. The workers share what they
//! know, or each of them would fail a request to find out: the end of that time lies in the proxy's
//! shared data, by the clock that all of them have. Servers are told apart by their pool, in a fixed
//! number of slots; two pools in one slot are left in peace together, which costs a guess in the
//! place of a report and nothing else.

use std::cell::{RefCell, RefMut};
use std::time::Duration;

use traffic_policy::asking::Servers;

use crate::host::{clock, shared_data};
use crate::metrics::Counter;

/// How long a server is not asked again.
pub(crate) const LEAVE_FOR: Duration = Duration::from_secs(600);

/// How many pools can be told apart.
const SLOTS: usize = 64;

/// The first byte of a record; one that begins otherwise is none.
const VERSION: u8 = 1;

/// Asks, and remembers who refused.
pub(crate) struct Asking {
    pub(crate) counters: Counters,
    servers: RefCell<[Servers; SLOTS]>,
}

/// What is counted of it.
pub(crate) struct Counters {
    /// Streams that were asked for usage.
    pub(crate) asked: Counter,
    /// Usage that came and was taken out of the answer again.
    pub(crate) removed: Counter,
    /// Usage that came in an event that was too long to be held, so that the client saw it.
    pub(crate) kept: Counter,
    /// Requests that a server refused for being asked.
    pub(crate) refused: Counter,
}

impl Asking {
    pub(crate) fn declare() -> Self {
        let asked = |outcome| Counter::declare("llm_usage_ask_total", &[("outcome", outcome)]);
        let [removed, kept, refused] = ["removed", "kept", "refused"].map(asked);
        let counters = Counters { asked: asked("asked"), removed, kept, refused };
        Self { counters, servers: RefCell::new([Servers::default(); SLOTS]) }
    }

    /// Whether this pool may be asked.
    pub(crate) fn may(&self, pool: &str) -> bool {
        let until = shared_data::get(&key(pool)).ok().and_then(|(record, _)| decode(&record));
        until.is_none_or(|until| until <= clock::monotonic())
    }

    /// A server of this pool has answered with usage.
    pub(crate) fn accepted(&self, pool: &str) {
        self.servers(pool, Servers::accepted);
    }

    /// A server of this pool has refused a request that asked, in these words.
    pub(crate) fn refused(&self, pool: &str, words: &[u8]) {
        if !self.servers(pool, |servers| servers.refused(words)) || !self.may(pool) {
            return;
        }
        self.counters.refused.increment();
        let key = key(pool);
        let number = shared_data::get(&key).map_or(shared_data::ABSENT, |(_, number)| number);
        // Whoever was quicker has written nearly the same.
        let _ = shared_data::set(&key, &encode(clock::monotonic() + LEAVE_FOR), number);
        log::warn!(
            "llm-mesh: a server of pool `{pool}` refuses stream_options, so its streams are not asked for usage for {} s; set token_metrics.ask_for_usage: false if it never learns it",
            LEAVE_FOR.as_secs()
        );
    }

    fn servers<T: Default>(&self, pool: &str, tell: impl FnOnce(&mut Servers) -> T) -> T {
        let servers = self.servers.try_borrow_mut().ok();
        let mut servers = servers.map(|all| RefMut::map(all, <[Servers; SLOTS]>::as_mut_slice));
        let mine = servers.as_mut().and_then(|all| all.get_mut(slot(pool)));
        mine.map(tell).unwrap_or_default()
    }
}

fn slot(pool: &str) -> usize {
    // FNV-1a: the same number in every build.
    let hash = pool
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    usize::try_from(hash).unwrap_or(0) % SLOTS
}

fn key(pool: &str) -> String {
    format!("llm/1/usage/refused/{}", slot(pool))
}

fn encode(until: Duration) -> Vec<u8> {
    let milliseconds = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
    let mut record = vec![VERSION];
    record.extend(milliseconds.to_le_bytes());
    record
}

fn decode(record: &[u8]) -> Option<Duration> {
    let number: [u8; 8] = record.strip_prefix(&[VERSION])?.try_into().ok()?;
    Some(Duration::from_millis(u64::from_le_bytes(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written_and_no_other_is() {
        let until = Duration::from_millis(1_234_567);
        assert_eq!(decode(&encode(until)), Some(until));
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[2, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(decode(&encode(until)[..5]), None);
    }

    #[test]
    fn slots_are_few() {
        let keys: std::collections::BTreeSet<_> =
            (0..10_000).map(|n| key(&format!("pool-{n}"))).collect();
        assert_eq!(keys.len(), 64);
    }
}
