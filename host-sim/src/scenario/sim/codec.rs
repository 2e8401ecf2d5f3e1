//! What the codecs of a real connection do to messages on their way into the host and out of it.
//!
//! `Host` becomes `:authority`, a body without a length is chunked in HTTP/1.1, and so on. On a
//! real Envoy these are its codecs and the client's library; the simulator has no sockets, so the
//! driver does it.

use bytes::Bytes;

use crate::fields;
use crate::host::Protocol;
use crate::model::HeaderMap;
use crate::model::effect::AccessEntry;
use crate::scenario::observation::{Access, Fields, MARK, Received, Response};
use crate::scenario::step::{Http, Request};
use crate::upstream;

pub(super) fn protocol(http: Http) -> Protocol {
    match http {
        Http::V1_0 => Protocol::Http10,
        Http::V1_1 => Protocol::Http11,
        Http::V2 => Protocol::Http2,
    }
}

/// Request headers as the host gets them, and whether the request ends with them.
pub(super) fn request_headers(request: &Request, number: usize) -> (HeaderMap, bool) {
    let mut headers = HeaderMap::new();
    let upgrade = request.headers.iter().find(|(name, _)| name == "upgrade");
    let extended = upgrade.filter(|_| request.http == Http::V2);
    let method = if extended.is_some() { "CONNECT" } else { &request.method };
    headers.append(":method", method.to_owned());
    if let Some((_, protocol)) = extended {
        headers.append(":protocol", protocol.clone());
    }
    // The order of the client's library.
    if !request.path.is_empty() && request.http == Http::V2 {
        headers.append(":scheme", "http");
    }
    headers.append(":authority", request.authority.clone());
    if !request.path.is_empty() {
        headers.append(":path", request.path.clone());
    }
    // The client's library adds its own fields behind those that it is given.
    let mark = [(MARK.to_owned(), number.to_string())];
    // An expectation of its own takes the place of another one.
    let own =
        request.headers.iter().filter(|(name, _)| !request.expect_continue || name != "expect");
    for (name, value) in own.chain(&mark).chain(&framing(request)) {
        if extended.is_none() || (name != "upgrade" && name != "connection") {
            headers.append(name.clone(), value.clone());
        }
    }
    let ends = request.body.is_none() && request.trailers.is_empty() && !request.is_tunnel();
    (headers, ends)
}

/// Fields that say where the body ends.
pub(crate) fn framing(request: &Request) -> Vec<(String, String)> {
    let field = |name: &str, value: String| (name.to_owned(), value);
    let mut fields = Vec::new();
    if request.http == Http::V1_1 && !request.trailers.is_empty() {
        let names: Vec<&str> = request.trailers.iter().map(|(name, _)| name.as_str()).collect();
        fields.push(field("trailer", names.join(", ")));
    }
    if let Some(body) = request.body.as_ref().filter(|_| !request.is_tunnel()) {
        let has_length = request.headers.iter().any(|(name, _)| name == "content-length");
        if request.content_length && !has_length && request.trailers.is_empty() {
            fields.push(field("content-length", body.len().to_string()));
        } else if request.http == Http::V1_1 && !has_length {
            fields.push(field("transfer-encoding", "chunked".to_owned()));
        }
    }
    if request.expect_continue {
        fields.push(field("expect", "100-continue".to_owned()));
    }
    fields
}

pub(super) fn request_trailers(request: &Request) -> Option<HeaderMap> {
    let trailers = request.trailers.iter().map(|(name, value)| (name.clone(), value.clone()));
    (!request.trailers.is_empty()).then(|| trailers.collect())
}

/// Response headers as the client gets them.
pub(super) fn response(request: &Request, headers: HeaderMap, end: bool, response: &mut Response) {
    let status = headers.text(":status").and_then(|status| status.parse::<u16>().ok());
    response.status = status;
    response.headers = fields(&headers);
    let is_framed = headers.contains(b"content-length") || headers.contains(b"transfer-encoding");
    let bodiless = matches!(status, Some(100..=199 | 204 | 304)) || request.method == "HEAD";
    if request.http == Http::V2 || is_framed || bodiless || request.method == "CONNECT" {
        return;
    }
    let mut add = |name: &str, value: &str| {
        response.headers.0.push((name.to_owned(), value.to_owned()));
    };
    match (end, request.http) {
        (true, _) => add("content-length", "0"),
        (false, Http::V1_1) if !headers.contains(b"transfer-encoding") => {
            add("transfer-encoding", "chunked");
        }
        (false, _) => {}
    }
}

/// Fields without pseudo headers, as text.
pub(super) fn fields(headers: &HeaderMap) -> Fields {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let plain = headers.iter().filter(|(name, _)| !name.starts_with(b":"));
    Fields(plain.map(|(name, value)| (text(name), text(value))).collect())
}

pub(super) fn access(entry: &AccessEntry) -> Access {
    Access {
        code: entry.response_code.unwrap_or(0),
        flags: entry.flags.clone(),
        details: entry.details.clone(),
        lines: entry.lines.iter().map(|line| line.trim_end().to_owned()).collect(),
    }
}

/// What a server gets to see of the host's request headers.
pub(super) fn request(
    headers: &HeaderMap,
    end: bool,
    http2: bool,
    index: usize,
) -> upstream::Received {
    let text = |name: &str| headers.text(name).unwrap_or_default().to_owned();
    let authority = text(":authority");
    let mut fields: fields::Fields = Vec::new();
    if let Some(host) = headers.get(b":authority").filter(|_| !http2) {
        fields.push((Bytes::from_static(b"host"), host.clone()));
    }
    for (name, value) in headers.iter().filter(|(name, _)| !name.starts_with(b":")) {
        fields.push((name.clone(), value.clone()));
    }
    let method = text(":method");
    let pairs = headers.iter().map(|(name, value)| (&name[..], &value[..]));
    let upgrades = fields::ask_upgrade(pairs) || method == "CONNECT";
    let framed = headers.contains(b"content-length") || headers.contains(b"transfer-encoding");
    if !http2 && !end && !framed && !upgrades {
        fields.push((Bytes::from_static(b"transfer-encoding"), Bytes::from_static(b"chunked")));
    }
    upstream::Received {
        index,
        http2,
        method,
        path: text(":path"),
        authority,
        headers: fields,
        ended: end,
        ..upstream::Received::default()
    }
}

/// A server's record as a scenario's observation has it.
pub(crate) fn observed(cluster: String, request: upstream::Received) -> Received {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let fields = |fields: fields::Fields| {
        Fields(fields.iter().map(|(name, value)| (text(name), text(value))).collect())
    };
    Received {
        cluster,
        method: request.method,
        path: request.path,
        headers: fields(request.headers),
        body: Bytes::from(request.body),
        trailers: fields(request.trailers),
        complete: request.ended,
    }
}
