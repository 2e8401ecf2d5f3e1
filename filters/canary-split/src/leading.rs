//! Who of the workers acts for all of them.
//!
//! Whoever holds the lease. It lasts for a few ticks and is renewed with each; so if the worker that has it ends,
//! or waits for something, another one takes over, and nobody has to notice.

use std::time::Duration;

use filter_shell::{Now, SharedRecord};
use traffic_policy::lease::{self, Lease};

use crate::known::chance;

/// Five ticks.
const LASTS: Duration = Duration::from_secs(5);

/// This worker's part in it.
pub(crate) struct Leading {
    record: SharedRecord,
    me: u64,
    /// Which configuration it is: an older one that is still there gives way.
    generation: u64,
}

impl Leading {
    /// `configuration` is a number for what the filter was configured with.
    pub(crate) fn new(name: &str, configuration: u64) -> Self {
        let counted = SharedRecord::of("canary-generation", name)
            .update(|bytes| lease::generation(bytes, configuration));
        let record = SharedRecord::of("canary-lease", name);
        Self { record, me: chance(0), generation: counted.unwrap_or(0) }
    }

    /// Whether it is this one, for the time until the next tick.
    pub(crate) fn leads(&self, now: Now) -> bool {
        let (me, generation) = (self.me, self.generation);
        let taken = self.record.update(|bytes| {
            let lease = Lease::take(bytes, me, generation, now.monotonic, LASTS);
            let is_mine = lease.is_some();
            (lease, is_mine)
        });
        taken.unwrap_or(false)
    }

    /// A number that is this worker's own.
    pub(crate) fn me(&self) -> u64 {
        self.me
    }
}
