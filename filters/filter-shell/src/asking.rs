//! Which servers do not want to be asked for usage.
//!
//! One that refused the option is not asked again for a while. The workers share what they know, or each
//! of them would fail a request to find out: the record lies in the proxy's shared data. What is taken for
//! a refusal, and for how long, says [`traffic_policy::asking`].

use std::cell::{RefCell, RefMut};

use traffic_policy::asking::{self, LEAVE_FOR, SLOTS, Servers};

use crate::host::{clock, shared_data};
use crate::metrics::Counter;

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
        !shared_data::get(&key(pool))
            .is_ok_and(|(record, _)| asking::is_left(&record, clock::monotonic()))
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
        let _ = shared_data::set(&key, &asking::leave(clock::monotonic()), number);
        log::warn!(
            "llm-mesh: a server of pool `{pool}` refuses stream_options, so its streams are not asked for usage for {} s; set token_metrics.ask_for_usage: false if it never learns it",
            LEAVE_FOR.as_secs()
        );
    }

    fn servers<T: Default>(&self, pool: &str, tell: impl FnOnce(&mut Servers) -> T) -> T {
        let servers = self.servers.try_borrow_mut().ok();
        let mut servers = servers.map(|all| RefMut::map(all, <[Servers; SLOTS]>::as_mut_slice));
        let mine = servers.as_mut().and_then(|all| all.get_mut(asking::slot(pool)));
        mine.map(tell).unwrap_or_default()
    }
}

fn key(pool: &str) -> String {
    format!("llm/1/usage/refused/{}", asking::slot(pool))
}
