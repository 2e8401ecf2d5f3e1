//! Counters and histograms of the proxy.

use super::{Result, ffi};

/// A counter; ABI metric type 0.
const COUNTER: u32 = 0;

/// Defines a counter. Every call uses up an id for ever, so: once, at configuration.
pub(crate) fn define_counter(name: &str) -> Result<u32> {
    ffi::define_metric(COUNTER, name.as_bytes())
}

/// A gauge; ABI metric type 1.
const GAUGE: u32 = 1;

/// Defines a gauge, with what is said of counters.
pub(crate) fn define_gauge(name: &str) -> Result<u32> {
    ffi::define_metric(GAUGE, name.as_bytes())
}

/// A histogram; ABI metric type 2.
const HISTOGRAM: u32 = 2;

/// Defines a histogram, with what is said of counters.
pub(crate) fn define_histogram(name: &str) -> Result<u32> {
    ffi::define_metric(HISTOGRAM, name.as_bytes())
}

/// Puts a value into a histogram, or says what a gauge is.
pub(crate) fn record(id: u32, value: u64) -> Result<()> {
    ffi::record_metric(id, value)
}

/// Adds to a counter; the proxy refuses 0.
pub(crate) fn increment(id: u32, by: i64) -> Result<()> {
    ffi::increment_metric(id, by)
}
