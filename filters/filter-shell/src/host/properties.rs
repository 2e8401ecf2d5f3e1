//! Properties: attributes of the request, and filter state.

use super::{Result, ffi};

/// Filter state written by a plugin: readable by every later one, and in access logs as
/// `%FILTER_STATE(wasm.NAME:PLAIN)%`.
pub(crate) fn state(name: &str) -> Result<Vec<u8>> {
    ffi::property(name.as_bytes())
}

/// Writes filter state. Costs about ten times as much as reading it.
pub(crate) fn set_state(name: &str, value: &[u8]) -> Result<()> {
    ffi::set_property(name.as_bytes(), value)
}

/// Bytes of the request so far, headers included, as the proxy has counted them.
pub(crate) fn request_total_size() -> Option<u64> {
    let bytes = ffi::property(b"request\0total_size").ok()?;
    bytes.first_chunk::<8>().map(|number| u64::from_le_bytes(*number))
}

/// The identity in the peer's certificate.
pub(crate) fn peer_principal() -> Option<Vec<u8>> {
    ffi::property(b"connection\0uri_san_peer_certificate").ok()
}

/// The name of the route that was chosen.
pub(crate) fn route_name() -> Option<String> {
    ffi::property(b"xds\0route_name").ok().and_then(|name| String::from_utf8(name).ok())
}

/// Whether it was the client who ended the exchange, as the proxy's details say: by closing its
/// connection, or by resetting its stream. There once it has ended.
pub(crate) fn client_has_gone() -> bool {
    const WORDS: [&[u8]; 3] = [b"downstream", b"http2.remote", b"http3.remote"];
    ffi::property(b"response\0code_details")
        .is_ok_and(|details| WORDS.iter().any(|word| details.starts_with(word)))
}

/// How many attempts at an answer there were.
pub(crate) fn attempts() -> Option<u64> {
    let bytes = ffi::property(b"upstream\0request_attempt_count").ok()?;
    bytes.first_chunk::<8>().map(|number| u64::from_le_bytes(*number))
}

/// The address of the server that was asked last.
pub(crate) fn upstream_address() -> Option<String> {
    ffi::property(b"upstream\0address").ok().and_then(|name| String::from_utf8(name).ok())
}

/// Whether the proxy has refused a request because its own limits for the servers were met.
pub(crate) fn is_overflow() -> bool {
    let details = ffi::property(b"response\0code_details").unwrap_or_default();
    details.windows(8).any(|word| word == b"overflow")
}

/// The root id of this plugin.
pub(crate) fn root_id() -> Option<Vec<u8>> {
    ffi::property(b"plugin_root_id").ok()
}
