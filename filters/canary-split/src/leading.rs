//! Who of the workers acts for all of them.
//!
//! Whoever holds the lease. It lasts for a few ticks and is renewed with each; so if the worker that has it ends,
//! or waits for something, another one takes over, and nobody has to notice.

use std::time::Duration;

use filter_shell::{Now, SharedRecord};
use traffic_policy::lease::Lease;

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
        let generation = generation(name, configuration);
        Self { record: SharedRecord::of("canary-lease", name), me: chance(), generation }
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

fn chance() -> u64 {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_or(0, |()| u64::from_le_bytes(bytes))
}

/// The how many-th configuration it is. The workers are told of it one after the other: the first one counts, and
/// the others find it there.
fn generation(name: &str, configuration: u64) -> u64 {
    let counted = SharedRecord::of("canary-generation", name).update(|bytes| {
        let [known, generation] = bytes.and_then(numbers).unwrap_or([0; 2]);
        if known == configuration {
            return (None, generation);
        }
        let next = generation.wrapping_add(1);
        (Some([configuration, next].map(u64::to_le_bytes).concat()), next)
    });
    counted.unwrap_or(0)
}

fn numbers(bytes: &[u8]) -> Option<[u64; 2]> {
    match bytes.as_chunks() {
        ([one, other], []) => Some([*one, *other].map(u64::from_le_bytes)),
        _ => None,
    }
}
