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

/// Puts in the framing that HTTP/1 needs. HTTP/2 frames every message itself.
///
/// `bodiless`: nothing can follow, whatever the headers say, so no length is declared either.
pub(crate) fn frame(
    headers: &mut HeaderMap,
    protocol: Protocol,
    end_stream: bool,
    bodiless: bool,
    tunnel: bool,
) {
    if protocol == Protocol::Http2 || headers.contains(b"content-length") {
        return;
    }
    if end_stream {
        if !bodiless {
            headers.append("content-length", "0");
        }
    } else if protocol == Protocol::Http11 && !tunnel && !bodiless {
        headers.append("transfer-encoding", "chunked");
    }
}

/// A request whose method does not expect a body.
pub(crate) fn method_without_body(headers: &HeaderMap) -> bool {
    let method = headers.text(":method").unwrap_or_default();
    matches!(method, "GET" | "HEAD" | "DELETE" | "TRACE" | "CONNECT")
}

/// A response that cannot have a body.
pub(crate) fn status_without_body(code: u16) -> bool {
    code < 200 || code == 204
}
