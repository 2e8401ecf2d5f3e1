//! What the HTTP libraries of clients and servers make of headers that break the rules.
//!
//! Envoy sends on much of what plugins write, and the other end has to cope. For a real Envoy that end is
//! hyper. What it would read from an HTTP/1 connection is found by its own parser, from the bytes that Envoy
//! would write; the rules of its HTTP/2 are here in short.
//!
//! # Limits
//! Of a request whose trailers nobody can read a server never heard, as if all of it came in one read.
//! One message at a time: what is left of a message behind its announced length, and what a broken
//! connection means for other streams on it, is not seen.

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};

use crate::fields::{Fields, field};
use crate::model::HeaderMap;

/// More fields than any scenario's message has.
const FIELDS_MAX: usize = 128;

/// What a reader makes of a message's headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    /// These.
    Message(HeaderMap),
    /// An interim response.
    Interim(u16),
    /// A message that is none; an HTTP/2 stream is reset for it.
    Malformed,
    /// Nothing that could be read; the connection is closed for it.
    Unreadable,
}

/// A server reads a request.
pub(super) fn request(headers: &HeaderMap, end: bool, http2: bool) -> Heard {
    let heard = if http2 { http2_request(headers, end) } else { http1_request(headers) };
    heard.map_or_else(|broken| broken, Heard::Message)
}

/// A client reads a response.
pub(super) fn response(headers: &HeaderMap, http2: bool) -> Heard {
    let heard = if http2 { http2_response(headers) } else { http1_response(headers) };
    heard.unwrap_or_else(|broken| broken)
}

/// Either end reads trailers of HTTP/2: pseudo headers in them are passed over, and lengths are not looked at.
pub(super) fn http2_trailers(trailers: HeaderMap) -> Result<HeaderMap, Heard> {
    let mut fields = trailers;
    let mut checked = fields.clone();
    checked.remove(b"content-length");
    http2_fields(&checked)?;
    fields.retain(|name, _| !name.starts_with(b":"));
    Ok(fields)
}

/// The fields of the 400 with which an HTTP/1 library answers what it cannot read.
pub(super) fn bad_request() -> Fields {
    vec![field("connection", "close"), field("content-length", "0")]
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a [u8] {
    headers.get(name.as_bytes()).map_or(&[], |value| &value[..])
}

/// The fields as Envoy writes them behind the first line.
fn written(first: &[&[u8]], headers: &HeaderMap) -> Vec<u8> {
    let mut bytes = [&first.concat()[..], b"\r\n"].concat();
    for (name, value) in headers.iter() {
        let name: &[u8] = if name == ":authority" { b"host" } else { name };
        if !name.starts_with(b":") {
            bytes.extend([name, b": ", value, b"\r\n"].concat());
        }
    }
    bytes.extend(b"\r\n");
    bytes
}

fn fields(into: &mut HeaderMap, parsed: &[httparse::Header<'_>]) -> Result<(), Heard> {
    for field in parsed {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Heard::Unreadable)?;
        into.append(name.as_str().to_owned(), field.value.to_vec());
    }
    Ok(())
}

fn http1_request(headers: &HeaderMap) -> Result<HeaderMap, Heard> {
    let (method, path) = (text(headers, ":method"), text(headers, ":path"));
    let connects = method == b"CONNECT";
    let target = if connects { text(headers, ":authority") } else { path };
    let bytes = written(&[method, b" ", target, b" HTTP/1.1"], headers);
    let mut storage = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut parsed = httparse::Request::new(&mut storage);
    if !parsed.parse(&bytes).is_ok_and(|done| done.is_complete()) {
        return Err(Heard::Unreadable);
    }
    let mut heard = HeaderMap::new();
    let uri: Uri = parsed.path.unwrap_or("").parse().map_err(|_| Heard::Unreadable)?;
    heard.append(":method", parsed.method.unwrap_or("").to_owned());
    let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    heard.append(
        ":path",
        if connects { String::from_utf8_lossy(text(headers, ":path")).into() } else { path },
    );
    fields(&mut heard, parsed.headers)?;
    let chunked =
        heard.get_all(b"transfer-encoding").last().map(|coding| coding.to_ascii_lowercase());
    match chunked {
        Some(coding) if coding.ends_with(b"chunked") => {
            heard.remove(b"content-length");
        }
        Some(_) => return Err(Heard::Unreadable),
        None if !heard.get_all(b"content-length").all(|length| is_length(length)) => {
            return Err(Heard::Unreadable);
        }
        None => {}
    }
    // Elsewhere in the simulator an authority is no field.
    if let Some(host) = heard.get(b"host").cloned() {
        heard.remove(b"host");
        heard.append(":authority", host);
    }
    Ok(heard)
}

fn http1_response(headers: &HeaderMap) -> Result<Heard, Heard> {
    let bytes = written(&[b"HTTP/1.1 ", text(headers, ":status"), b" Reason"], headers);
    let mut storage = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut parsed = httparse::Response::new(&mut storage);
    if !parsed.parse(&bytes).is_ok_and(|done| done.is_complete()) {
        return Err(Heard::Unreadable);
    }
    let code = StatusCode::from_u16(parsed.code.unwrap_or(0)).map_err(|_| Heard::Unreadable)?;
    if code.is_informational() && code != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Heard::Interim(code.as_u16()));
    }
    let mut heard = HeaderMap::new();
    heard.append(":status", code.as_str().to_owned());
    fields(&mut heard, parsed.headers)?;
    let lengths: Vec<Bytes> = heard.get_all(b"content-length").cloned().collect();
    let mut lengths =
        lengths.iter().flat_map(|list| list.split(|byte| *byte == b',')).map(<[u8]>::trim_ascii);
    let first = lengths.next();
    let chunked = heard.contains(b"transfer-encoding");
    match first {
        Some(first) if !chunked && (!is_length(first) || lengths.any(|next| next != first)) => {
            Err(Heard::Unreadable)
        }
        _ => Ok(Heard::Message(heard)),
    }
}

fn is_length(value: &[u8]) -> bool {
    !value.is_empty() && value.len() < 20 && value.iter().all(u8::is_ascii_digit)
}

/// What holds for every HTTP/2 message; unreadable things come first, because the whole block is decoded
/// before anybody looks at the message.
fn http2_fields(headers: &HeaderMap) -> Result<(), Heard> {
    for (name, value) in headers.iter() {
        let readable = match &name[..] {
            b":method" => Method::from_bytes(value).is_ok(),
            b":status" => StatusCode::from_bytes(value).is_ok(),
            b":authority" | b":path" | b":scheme" | b":protocol" => {
                std::str::from_utf8(value).is_ok()
            }
            _ => HeaderName::from_lowercase(name).is_ok() && HeaderValue::from_bytes(value).is_ok(),
        };
        if !readable {
            return Err(Heard::Unreadable);
        }
    }
    let of_connection = |name: &[u8], value: &[u8]| match name {
        b"connection" | b"transfer-encoding" | b"upgrade" | b"keep-alive" | b"proxy-connection" => {
            true
        }
        b"te" => value != b"trailers",
        b"content-length" => !is_length(value),
        _ => false,
    };
    if headers.iter().any(|(name, value)| of_connection(name, value)) {
        return Err(Heard::Malformed);
    }
    Ok(())
}

fn http2_request(headers: &HeaderMap, end: bool) -> Result<HeaderMap, Heard> {
    http2_fields(headers)?;
    let mut heard = headers.clone();
    let (connects, extended) =
        (text(headers, ":method") == b"CONNECT", headers.contains(b":protocol"));
    let authority = |value: &Bytes| Authority::from_maybe_shared(value.clone()).is_ok();
    let good = !headers.contains(b":status")
        && (connects || !extended)
        && headers.get(b":authority").is_none_or(authority)
        && (connects || headers.contains(b":scheme"))
        && !(end
            && headers
                .get(b"content-length")
                .is_some_and(|length| length.iter().any(|d| *d != b'0')));
    if !good {
        return Err(Heard::Malformed);
    }
    if !connects {
        let path = text(headers, ":path");
        let parsed = PathAndQuery::try_from(path).ok().filter(|_| !path.is_empty());
        let parsed =
            parsed.filter(|_| matches!(path.first(), Some(b'/' | b'?' | b'#')) || path == b"*");
        heard.set(":path", parsed.ok_or(Heard::Malformed)?.to_string());
    }
    Ok(heard)
}

fn http2_response(headers: &HeaderMap) -> Result<Heard, Heard> {
    http2_fields(headers)?;
    let status = headers.text(":status").unwrap_or_default();
    // Interim responses come from nobody here, and this end does not expect them.
    if status.starts_with('1') {
        Err(Heard::Unreadable)
    } else {
        Ok(Heard::Message(headers.clone()))
    }
}

#[cfg(test)]
mod tests;
