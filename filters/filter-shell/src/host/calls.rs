//! Calls to other servers, and what they answer.
//!
//! This is the one host call that is left to the SDK: it keeps a list of the calls it has sent, and panics at an
//! answer to one that is not in it. Of the results that it does not expect, and panics at too, a proxy gives none:
//! it is `Ok`, `BadArgument` (no such cluster) or `InternalFailure` (nobody to ask).

use std::time::Duration;

use super::headers::Pairs;
use super::{Result, Status, ffi};

/// The body of an answer to a call; ABI buffer 4.
const ANSWER: u32 = 4;

/// Its headers; ABI map 6.
const HEADERS: u32 = 6;

/// Sends a GET and gives the number that its answer will have.
pub(crate) fn get(cluster: &str, authority: &str, path: &str, timeout: Duration) -> Result<u32> {
    let headers = vec![
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", authority),
        (":path", path),
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
    ];
    send(cluster, headers, timeout)
}

#[cfg(target_family = "wasm")]
fn send(cluster: &str, headers: Vec<(&str, &str)>, timeout: Duration) -> Result<u32> {
    proxy_wasm::hostcalls::dispatch_http_call(cluster, headers, None, Vec::new(), timeout)
        .map_err(|status| Status::check(status as u32).err().unwrap_or(Status::Unknown))
}

/// Outside of wasm there is nobody to ask.
#[cfg(not(target_family = "wasm"))]
fn send(_: &str, _: Vec<(&str, &str)>, _: Duration) -> Result<u32> {
    Err(Status::Unimplemented)
}

/// The status of the answer that this callback brings; none where there is none, since the call has failed.
pub(crate) fn status() -> Option<u16> {
    let pairs = Pairs::new(ffi::header_pairs(HEADERS).ok()?);
    let (_, status) = pairs.iter().find(|(name, _)| *name == b":status")?;
    std::str::from_utf8(status).ok()?.parse().ok()
}

/// The body of the answer that this callback brings.
pub(crate) fn body(length: usize) -> Result<Vec<u8>> {
    ffi::buffer_bytes(ANSWER, 0, length)
}
