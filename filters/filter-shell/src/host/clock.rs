//! The proxy's clocks.

use std::time::Duration;

use super::ffi;

/// A clock that never goes back; the same one in all workers. Zero where there is none.
pub fn monotonic() -> Duration {
    ffi::monotonic_nanoseconds().map_or(Duration::ZERO, Duration::from_nanos)
}

/// Time since 1970, as far as the machine knows. It can jump; for dates that others have written only.
pub(crate) fn wall() -> Duration {
    ffi::wall_nanoseconds().map_or(Duration::ZERO, Duration::from_nanos)
}
