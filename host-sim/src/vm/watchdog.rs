//! Ends calls that run for too long.
//!
//! Compiled code looks at a counter in every loop and at every entry of a function; a thread
//! advances the counter. A guest that is still running when its deadline comes traps.
//!
//! # Why a wall clock, when everything else is deterministic
//! Counting instructions instead ("fuel") would give the same answer on every machine and costs
//! about as much as the guest itself. The limit is so far above what any callback takes that it
//! decides only between an error and a run that never ends.

use std::{thread, time::Duration};

use wasmtime::Engine;

/// How often the counter advances; a deadline is met to within one step.
const STEP: Duration = Duration::from_millis(50);

/// Starts the thread; it ends by itself when the engine is gone.
pub(super) fn start(engine: &Engine) {
    let engine = engine.weak();
    // A thread that cannot be started leaves endless loops endless, as they are in Envoy.
    let _ = thread::Builder::new().name("wasm watchdog".to_owned()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(STEP);
        }
    });
}

/// The limit in steps of the counter; at least one whole step.
pub(super) fn steps(limit: Duration) -> u64 {
    let steps = limit.as_millis().div_ceil(STEP.as_millis()).saturating_add(1);
    u64::try_from(steps).unwrap_or(u64::MAX / 2)
}
