//! Counters of the proxy.

use super::{Result, ffi};

/// A counter; ABI metric type 0.
const COUNTER: u32 = 0;

/// Defines a counter. Every call uses up an id for ever, so: once, at configuration.
pub(crate) fn define_counter(name: &str) -> Result<u32> {
    ffi::define_metric(COUNTER, name.as_bytes())
}

/// Adds to a counter; the proxy refuses 0.
pub(crate) fn increment(id: u32, by: i64) -> Result<()> {
    ffi::increment_metric(id, by)
}
