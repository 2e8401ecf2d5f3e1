//! How a message is framed: Envoy keeps framing out of its header maps, and puts it in on the way out.

use crate::{host::Protocol, model::headers::HeaderMap};

/// Whether the headers ask for another protocol on this connection.
pub(crate) fn is_upgrade(headers: &HeaderMap) -> bool {
    let asks = headers.text("connection").is_some_and(|value| {
        value.split(',').any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
    });
    asks && headers.contains(b"upgrade")
}

/// Whether the request is a CONNECT, plain or extended.
pub(crate) fn is_connect(headers: &HeaderMap) -> bool {
    headers.get(b":method").is_some_and(|method| &method[..] == b"CONNECT")
}

/// What a message can have behind its headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follows {
    /// A body.
    Body,
    /// Nothing, and that is said by a length of 0.
    Nothing,
    /// Nothing, and no length may be said: the status or the method rules a body out.
    Never,
    /// Nothing, but the headers are those of a response with a body: a HEAD is answered.
    Elsewhere,
    /// Bytes of another protocol.
    Tunnel,
}

/// Puts in the framing that HTTP/1 needs. HTTP/2 frames every message itself.
pub(crate) fn frame(headers: &mut HeaderMap, protocol: Protocol, follows: Follows) {
    if protocol == Protocol::Http2 || headers.contains(b"content-length") {
        return;
    }
    match follows {
        Follows::Nothing => headers.append("content-length", "0"),
        Follows::Body | Follows::Elsewhere if protocol == Protocol::Http11 => {
            headers.append("transfer-encoding", "chunked");
        }
        Follows::Body | Follows::Elsewhere | Follows::Never | Follows::Tunnel => {}
    }
}

/// A request whose method does not expect a body.
pub(crate) fn method_without_body(headers: &HeaderMap) -> bool {
    let method = headers.text(":method").unwrap_or_default();
    matches!(method, "GET" | "HEAD" | "DELETE" | "TRACE" | "CONNECT")
}

/// A response that cannot have a body, nor say a length.
pub(crate) fn status_without_body(code: u64) -> bool {
    code < 200 || code == 204
}

/// Whether HTTP/1's codec leaves the body of such a response out, whoever gave it one.
pub(crate) fn leaves_body_out(code: Option<u32>) -> bool {
    matches!(code, Some(204 | 304))
}

/// Whether a request may lead to bytes of another protocol.
pub(crate) fn is_tunnel(headers: &HeaderMap) -> bool {
    is_upgrade(headers) || is_connect(headers)
}
