//! What HTTP/1's codec makes of the head of a request, and what it refuses.
//!
//! [`check`] is for a head that somebody has read already, [`read`] for bytes.
//!
//! # Limits
//! The head of one request at a time: what follows a complete request on its connection is not read.

use bytes::Bytes;

use super::Malformed;
use crate::model::headers::HeaderMap;

/// As many bytes as the head may have.
pub(super) const BYTES_MAX: usize = 60 * 1024;
/// As many fields, the host among them.
pub(super) const FIELDS_MAX: usize = 100;
/// `connection` may name fewer than so many.
const NOMINATED_MAX: usize = 10;

/// Methods that the codec knows; others it cannot read.
const METHODS: [&str; 35] = [
    "ACL",
    "BIND",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "DELETE",
    "GET",
    "HEAD",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MOVE",
    "MSEARCH",
    "NOTIFY",
    "OPTIONS",
    "PATCH",
    "POST",
    "PROPFIND",
    "PROPPATCH",
    "PURGE",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "SOURCE",
    "SUBSCRIBE",
    "TRACE",
    "UNBIND",
    "UNLINK",
    "UNLOCK",
    "UNSUBSCRIBE",
];

/// A head that was read from bytes.
pub(crate) struct Head {
    /// With pseudo headers.
    pub(crate) headers: HeaderMap,
    /// It says HTTP/1.0, or anything else that is not HTTP/1.1, which counts as that.
    pub(crate) old: bool,
}

/// Reads a request line and fields, without the empty line behind them.
pub(crate) fn read(head: &[u8]) -> Result<Head, Malformed> {
    let mut lines: Vec<&[u8]> = head.split(|byte| *byte == b'\n').collect();
    for line in &mut lines {
        *line = line.strip_suffix(b"\r").unwrap_or(line);
    }
    let mut lines = lines.into_iter().skip_while(|line| line.is_empty());
    let first = lines.next().ok_or(Malformed::Codec)?;
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let words: Vec<&[u8]> = first.split(blank).filter(|word| !word.is_empty()).collect();
    let (method, target, version) = match words.as_slice() {
        [method, target] => (*method, *target, &b""[..]),
        [method, target, version] => (*method, *target, *version),
        _ => return Err(Malformed::Codec),
    };
    if !is_method(method) {
        return Err(Malformed::Codec);
    }
    let old = match version {
        b"HTTP/1.1" => false,
        // A target that looks like a version stands where the target is missing.
        b"" if target.starts_with(b"HTTP/") => return Err(Malformed::Codec),
        b"" => true,
        other if other.starts_with(b"HTTP/") => true,
        _ => return Err(Malformed::Codec),
    };
    let mut headers = HeaderMap::new();
    headers.append(":method", method.to_vec());
    headers.append(if method == b"CONNECT" { ":authority" } else { ":path" }, target.to_vec());
    let mut fields: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for line in lines {
        if line.first().is_some_and(blank) {
            // A field that goes on in the next line.
            let (_, value) = fields.last_mut().ok_or(Malformed::Codec)?;
            value.extend_from_slice(line.trim_ascii_end());
            continue;
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or(Malformed::Codec)?;
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if !is_token(name) {
            return Err(Malformed::Codec);
        }
        fields.push((name.to_vec(), value.to_vec()));
    }
    for (name, value) in fields {
        let name = name.to_ascii_lowercase();
        // The target of a CONNECT is its host.
        if name != b"host" || method != b"CONNECT" {
            headers.append(name, value);
        }
    }
    Ok(Head { headers, old })
}

/// What is wrong with a head, if anything is.
pub(crate) fn check(headers: &HeaderMap) -> Result<(), Malformed> {
    let value = |name: &str| headers.get(name.as_bytes());
    let method = value(":method").map(|method| &method[..]).unwrap_or_default();
    if !is_method(method) {
        return Err(Malformed::Codec);
    }
    let target = value(":path").map(|path| &path[..]);
    if let Some(path) = target {
        check_characters(path)?;
        if path.iter().any(|byte| !(b'!'..=b'~').contains(byte)) {
            return Err(Malformed::Codec);
        }
    }
    let fields = || headers.iter().filter(|(name, _)| !name.starts_with(b":"));
    if fields().any(|(name, _)| !is_token(name)) {
        return Err(Malformed::Codec);
    }
    check_target(method, target, value(":authority"))?;
    check_body(headers)?;
    let line = method.len() + target.map_or(0, <[u8]>::len) + b"  HTTP/1.1\r\n\r\n".len();
    let size = |(name, value): (&Bytes, &Bytes)| name.len() + value.len() + b": \r\n".len();
    let host = value(":authority").filter(|_| !headers.contains(b"host"));
    let host_size = host.map_or(0, |host| b"host: \r\n".len() + host.len());
    if line + host_size + fields().map(size).sum::<usize>() > BYTES_MAX {
        return Err(Malformed::TooLarge);
    }
    if fields().count() + usize::from(host.is_some()) > FIELDS_MAX {
        return Err(Malformed::TooMany);
    }
    for (_, value) in fields() {
        check_characters(value)?;
    }
    if let Some(connection) = headers.text("connection")
        && connection.split(',').count() >= NOMINATED_MAX
    {
        return Err(Malformed::Connection);
    }
    match value(":authority").into_iter().chain(headers.get_all(b"host")).all(|one| is_host(one)) {
        true => Ok(()),
        false => Err(Malformed::Authority),
    }
}

fn check_target(method: &[u8], path: Option<&[u8]>, host: Option<&Bytes>) -> Result<(), Malformed> {
    let Some(path) = path else {
        let port = host.and_then(|host| host.iter().rposition(|byte| *byte == b':'));
        return match (method, port) {
            (b"CONNECT", None) => Err(Malformed::Url),
            _ => Ok(()),
        };
    };
    match path {
        b"*" if method != b"OPTIONS" => Err(Malformed::Url),
        b"*" | [b'/', ..] => Ok(()),
        _ => {
            let at = path.windows(3).position(|three| three == b"://");
            let (scheme, rest) = path.split_at(at.ok_or(Malformed::Codec)?);
            let http = scheme.eq_ignore_ascii_case(b"http");
            match rest.get(3..).and_then(<[u8]>::first) {
                _ if !http && !scheme.eq_ignore_ascii_case(b"https") => Err(Malformed::Scheme),
                None | Some(b'/' | b'?') => Err(Malformed::Url),
                Some(_) => Ok(()),
            }
        }
    }
}

fn check_body(headers: &HeaderMap) -> Result<(), Malformed> {
    let mut lengths = headers.get_all(b"content-length");
    let length = lengths.next();
    if lengths.next().is_some() || length.is_some_and(|length| !is_length(length)) {
        return Err(Malformed::Codec);
    }
    let mut codings = headers.get_all(b"transfer-encoding");
    let Some(coding) = codings.next() else { return Ok(()) };
    if codings.next().is_some() || !coding.eq_ignore_ascii_case(b"chunked") {
        return Err(Malformed::TransferEncoding);
    }
    if length.is_some() { Err(Malformed::LengthAndChunks) } else { Ok(()) }
}

/// Whether it is a number that a length can be.
pub(super) fn is_length(value: &[u8]) -> bool {
    value.iter().all(u8::is_ascii_digit)
        && std::str::from_utf8(value).is_ok_and(|text| text.parse::<u64>().is_ok())
}

fn check_characters(value: &[u8]) -> Result<(), Malformed> {
    match value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        true => Err(Malformed::Characters),
        false => Ok(()),
    }
}

fn is_method(method: &[u8]) -> bool {
    METHODS.iter().any(|known| known.as_bytes() == method)
}

pub(super) fn is_token(name: &[u8]) -> bool {
    let other = |byte: &u8| b"!#$%&'*+-.^_`|~".contains(byte);
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || other(byte))
}

/// Whether these characters can be in a host.
pub(super) fn is_host(host: &[u8]) -> bool {
    let other = |byte: &u8| b"!$%&'()*+,-.:;=@[]_~".contains(byte);
    host.iter().all(|byte| byte.is_ascii_alphanumeric() || other(byte))
}
