//! Bytes that a callback brings: a frame of a body, or the configuration.

use std::ops::{ControlFlow, Range};

use super::{Result, ffi};

/// Request body; ABI buffer 0.
const REQUEST: u32 = 0;

/// Response body; ABI buffer 1.
const RESPONSE: u32 = 1;

/// ABI buffer 7.
const PLUGIN_CONFIGURATION: u32 = 7;

/// One callback may bring a megabyte; it is read in pieces, so that the copy stays small.
const PIECE: usize = 64 * 1024;

/// Reads a range of the request's body in pieces, until there is no more or `visit` has enough.
///
/// Without a pause places count from the frame of this callback, after one from the beginning
/// of all that is held.
pub(crate) fn request(range: Range<usize>, visit: impl FnMut(&[u8]) -> ControlFlow<()>) {
    in_pieces(REQUEST, range, visit);
}

/// The same of the frame of the response's body that this callback brings.
pub(crate) fn response(range: Range<usize>, visit: impl FnMut(&[u8]) -> ControlFlow<()>) {
    in_pieces(RESPONSE, range, visit);
}

fn in_pieces(
    buffer: u32,
    mut range: Range<usize>,
    mut visit: impl FnMut(&[u8]) -> ControlFlow<()>,
) {
    while !range.is_empty() {
        let Ok(bytes) = ffi::buffer_bytes(buffer, range.start, PIECE.min(range.len())) else {
            return;
        };
        if bytes.is_empty() || visit(&bytes).is_break() {
            return;
        }
        range.start += bytes.len();
    }
}

/// What the request's body begins with, in one piece, to be written anew; shorter where there is less.
pub(crate) fn beginning(length: usize) -> Result<Vec<u8>> {
    ffi::buffer_bytes(REQUEST, 0, length)
}

/// Replaces the frame of the response's body that this callback brings.
pub(crate) fn replace_response(length: usize, by: &[u8]) -> Result<()> {
    ffi::set_buffer_bytes(RESPONSE, 0, length, by)
}

/// Puts bytes behind the frame of the response's body that this callback brings, or behind all that is held.
pub(crate) fn append_response(length: usize, more: &[u8]) -> Result<()> {
    ffi::set_buffer_bytes(RESPONSE, length, 0, more)
}

/// Replaces the first `length` bytes of the request's body, and leaves the rest.
pub(crate) fn replace_beginning(length: usize, by: &[u8]) -> Result<()> {
    ffi::set_buffer_bytes(REQUEST, 0, length, by)
}

/// The plugin's configuration; there only while it is being configured.
pub(crate) fn configuration() -> Result<Vec<u8>> {
    ffi::buffer_bytes(PLUGIN_CONFIGURATION, 0, usize::MAX >> 1)
}
