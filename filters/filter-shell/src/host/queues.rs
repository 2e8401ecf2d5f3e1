//! Shared queues: the way to a callback on the next turn of a worker's event loop.

use super::{Result, ffi};

/// Registers a queue, for which this root context will get `on_queue_ready`.
pub(crate) fn register(name: &str) -> Result<u32> {
    ffi::register_queue(name.as_bytes())
}

/// Puts a message into the queue with this token.
pub(crate) fn send(token: u32, message: &[u8]) -> Result<()> {
    ffi::enqueue(token, message)
}

/// Takes the next message, if there is one.
pub(crate) fn take(token: u32) -> Option<Vec<u8>> {
    ffi::dequeue(token).ok()
}
