//! A client's headers in the form in which Envoy's filters see them.
//!
//! Codecs put pseudo headers into a fixed order, take host and path out of a full URL, and remove what
//! belongs to the connection only.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::{
    bootstrap::ConnectionManager,
    host::Protocol,
    model::headers::{HeaderMap, MapKind},
};

/// The order in which Envoy's codecs fill the map.
pub(super) fn in_order(mut headers: HeaderMap, protocol: Protocol) -> HeaderMap {
    let mut ordered = HeaderMap::new();
    let hosts: Vec<Bytes> = headers.get_all(b"host").cloned().collect();
    let host = (!hosts.is_empty()).then(|| Bytes::from(hosts.join(&b","[..])));
    if protocol != Protocol::Http2 {
        let headers = &mut headers;
        // A client of HTTP/1 names no scheme but in a full URL.
        headers.remove(b":scheme");
        if let Some((scheme, authority, path)) = headers.text(":path").and_then(absolute_form) {
            headers.set(":authority", authority);
            headers.set(":path", path);
            headers.set(":scheme", scheme);
        }
        for name in [":authority", ":scheme", ":path", ":method"] {
            if let Some(value) = headers.get(name.as_bytes()) {
                ordered.append(name, value.clone());
            } else if let (":authority", Some(host)) = (name, &host) {
                ordered.append(name, host.clone());
            }
        }
    } else if let (false, Some(host)) = (headers.contains(b":authority"), host) {
        ordered.append(":authority", host);
    }
    for (name, value) in headers {
        let known = name.starts_with(b":") && ordered.contains(&name);
        if known || name == "host" {
            continue;
        }
        match ordered.get(b"cookie").filter(|_| name == "cookie" && protocol == Protocol::Http2) {
            Some(first) => {
                let joined = [&first[..], b"; ", &value[..]].concat();
                ordered.set("cookie", joined);
            }
            None if name == ":scheme" => ordered.append(name, value.to_ascii_lowercase()),
            None => ordered.add(MapKind::Request, name, value),
        }
    }
    ordered
}

/// Scheme, host and path of a request line that names the whole URL, as clients of a proxy write it.
fn absolute_form(target: &str) -> Option<(String, String, String)> {
    let (scheme, rest) = target.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(&*scheme, "http" | "https") {
        return None;
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let path = if path.is_empty() { "/" } else { path };
    Some((scheme, authority.to_owned(), path.to_owned()))
}

pub(super) fn is_grpc(content_type: &str) -> bool {
    let rest = content_type.strip_prefix("application/grpc");
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('+'))
}

pub(super) fn closes_connection(headers: &HeaderMap, protocol: Protocol) -> bool {
    let option = |name: &str, wanted: &str| {
        headers.text(name).is_some_and(|value| {
            value.split(',').any(|option| option.trim().eq_ignore_ascii_case(wanted))
        })
    };
    match protocol {
        Protocol::Http10 => !option("connection", "keep-alive"),
        Protocol::Http11 => option("connection", "close") || option("proxy-connection", "close"),
        Protocol::Http2 => false,
    }
}

pub(super) fn strip_port(
    headers: &mut HeaderMap,
    settings: &ConnectionManager,
    own: Option<SocketAddr>,
) {
    let Some(host) = headers.text(":authority") else { return };
    let mut host = host.to_owned();
    if settings.strip_trailing_host_dot {
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (host.as_str(), None),
        };
        if let Some(name) = name.strip_suffix('.') {
            host = port.map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        }
    }
    if let Some((name, port)) = host.rsplit_once(':')
        && let Ok(port) = port.parse::<u16>()
        && (settings.strip_any_host_port
            || settings.strip_matching_host_port && own.is_some_and(|own| own.port() == port))
    {
        host = name.to_owned();
    }
    headers.set(":authority", host);
}

/// Removes what the `connection` header names, and an upgrade to HTTP/2, which is not taken up; false:
/// it names what must not be removed.
pub(super) fn sanitize_connection(headers: &mut HeaderMap) -> bool {
    let Some(value) = headers.text("connection").map(str::to_ascii_lowercase) else { return true };
    let h2c = headers.text("upgrade").is_some_and(|name| name.eq_ignore_ascii_case("h2c"));
    if h2c {
        headers.remove_all(&["upgrade", "connection", "http2-settings"]);
    }
    for name in value.split(',').map(str::trim) {
        match name {
            "" | "close" | "keep-alive" | "upgrade" | "http2-settings" | "connection" | "te" => {}
            "x-forwarded-for" | "x-forwarded-host" | "x-forwarded-proto" => return false,
            _ if name.starts_with(':') => return false,
            _ => {
                headers.remove(MapKind::Request.entry_name(name.as_bytes()));
            }
        }
    }
    true
}
