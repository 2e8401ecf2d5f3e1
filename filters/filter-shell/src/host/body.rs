//! Bytes that a callback brings: a frame of a body, or the configuration.

use super::{Result, ffi};

/// Request body; ABI buffer 0.
const REQUEST: u32 = 0;

/// Response body; ABI buffer 1.
const RESPONSE: u32 = 1;

/// ABI buffer 7.
const PLUGIN_CONFIGURATION: u32 = 7;

/// At most `max` bytes of the request's body from `start` on; fewer where there are fewer.
///
/// Without a pause `start` counts from the frame of this callback, after one from the beginning
/// of all that is held.
pub(crate) fn request(start: usize, max: usize) -> Result<Vec<u8>> {
    ffi::buffer_bytes(REQUEST, start, max)
}

/// The same of the frame of the response's body that this callback brings.
pub(crate) fn response(start: usize, max: usize) -> Result<Vec<u8>> {
    ffi::buffer_bytes(RESPONSE, start, max)
}

/// Replaces the first `length` bytes of the request's body, and leaves the rest.
pub(crate) fn replace_beginning(length: usize, by: &[u8]) -> Result<()> {
    ffi::set_buffer_bytes(REQUEST, 0, length, by)
}

/// The plugin's configuration; there only while it is being configured.
pub(crate) fn configuration() -> Result<Vec<u8>> {
    ffi::buffer_bytes(PLUGIN_CONFIGURATION, 0, usize::MAX >> 1)
}
