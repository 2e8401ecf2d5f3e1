//! Values that all workers of the proxy share, and that outlive configurations.

use super::{Result, ffi};

/// A number that no value has: with it, `set` makes a value that is not there, and no other.
pub(crate) const ABSENT: u32 = u32::MAX;

/// A value, and the number that says whether it was changed since.
pub(crate) fn get(key: &str) -> Result<(Vec<u8>, u32)> {
    ffi::shared_data(key.as_bytes())
}

/// Sets a value, if it still is the one that came with this number; `CasMismatch` otherwise.
pub(crate) fn set(key: &str, value: &[u8], number: u32) -> Result<()> {
    // 0 would set it whatever there is.
    ffi::set_shared_data(key.as_bytes(), value, if number == 0 { ABSENT } else { number })
}
