//! What the client's HTTP library would not send as it is written.
//!
//! The simulator has no such library, and would send it: so it is refused, instead of being two different
//! requests on two hosts. `raw` is sent as it is.

use http::uri::PathAndQuery;

use crate::scenario::step::{Http, Request};

/// Trailers that stay out of HTTP/2, and those that stay out of HTTP/1.
const OF_HTTP2_CONNECTIONS: [&str; 5] =
    ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
const NOT_BEHIND_HTTP1: [&str; 12] = [
    "authorization",
    "cache-control",
    "content-encoding",
    "content-length",
    "content-range",
    "content-type",
    "host",
    "max-forwards",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
];

/// What was found, what is allowed and the cure; none: it is sent as it is written.
pub(super) fn problem(request: &Request) -> Option<(String, &'static str, &'static str)> {
    if request.raw.is_some() {
        return None;
    }
    if let Some((name, _)) = request.trailers.iter().find(|(name, value)| match request.http {
        Http::V2 if name == "te" => value != "trailers",
        Http::V2 => OF_HTTP2_CONNECTIONS.contains(&name.as_str()) || name == "content-length",
        _ => NOT_BEHIND_HTTP1.contains(&name.as_str()),
    }) {
        let found = format!("the trailer `{name}`");
        return Some((found, "trailers that the client's library sends", "let a plugin write it"));
    }
    let announced = request.headers.iter().find(|(name, _)| name == "content-length");
    let announced = announced.and_then(|(_, length)| length.parse::<usize>().ok());
    let length = request.body.as_ref().map_or(0, |body| body.len());
    if let Some(announced) = announced.filter(|announced| *announced < length)
        && request.http != Http::V2
    {
        let found = format!("a content-length of {announced} and a body of {length} bytes");
        let allowed = "as many bytes as are announced, because the library sends no more";
        return Some((found, allowed, "write it with `raw`"));
    }
    let path = request.path.as_str();
    let as_written = match request.method.as_str() {
        "CONNECT" => path.is_empty(),
        _ => {
            path.is_empty()
                || path == "*"
                || path.starts_with('/')
                    && path.parse::<PathAndQuery>().is_ok_and(|parsed| parsed.as_str() == path)
        }
    };
    (!as_written).then(|| {
        let allowed = "a path from `/` on without a fragment, or none with CONNECT";
        (format!("the path `{path}`"), allowed, "write it with `raw`")
    })
}
