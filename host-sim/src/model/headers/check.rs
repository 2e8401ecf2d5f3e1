//! What Envoy asks of headers before it hands them to a connection.
//!
//! Plugins may write anything into a map; nothing is refused while they write. A request is checked when
//! it reaches the connection to a server, so that a later plugin can still repair it. Of a response
//! nothing but its status is checked: what else is broken goes out, and the client has to cope.

use super::HeaderMap;

/// Why a request cannot be sent, in Envoy's words: no value, or the first name or value that no request
/// can have.
pub(crate) fn request(headers: &HeaderMap) -> Result<(), String> {
    let has = |name: &str| headers.contains(name.as_bytes());
    let connects = headers.get(b":method").is_some_and(|method| &method[..] == b"CONNECT");
    let missing = match connects {
        _ if !has(":method") => Some(":method"),
        true if !has(":authority") => Some(":authority"),
        // Only a CONNECT that names a protocol has a path, and it must have one.
        true if has(":path") && !has(":protocol") => Some(":protocol"),
        true if !has(":path") && has(":protocol") => Some(":path"),
        false if !has(":path") => Some(":path"),
        _ => None,
    };
    if let Some(name) = missing {
        return Err(format!("missing required header: {name}"));
    }
    for (name, value) in headers.iter() {
        if !is_name(name) {
            return Err(format!("invalid header name: {}", escaped(name)));
        }
        if !value.iter().all(|byte| is_in_value(*byte)) {
            return Err(format!("invalid header value for: {}", escaped(name)));
        }
    }
    Ok(())
}

/// The status of a response as the number that Envoy reads in it; none if it is none.
pub(crate) fn status(headers: &HeaderMap) -> Option<u64> {
    let text = headers.text(":status")?.trim_ascii();
    let digits = text.strip_prefix('+').unwrap_or(text);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// What Envoy's HTTP/1 codec reads beyond the end of.
pub(crate) fn undefined_in_http1(headers: &HeaderMap) -> Option<&'static str> {
    headers.contains(b"").then_some("a header without a name is sent over HTTP/1")
}

/// An empty name passes, as in Envoy; servers refuse it.
fn is_name(name: &[u8]) -> bool {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    match name.strip_prefix(b":") {
        Some(rest) => !rest.is_empty() && rest.iter().all(token),
        None => name.iter().all(token),
    }
}

const fn is_in_value(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// As in a JSON text; names are told to clients.
fn escaped(name: &[u8]) -> String {
    let text = serde_json::Value::from(String::from_utf8_lossy(name)).to_string();
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    inner.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(edit: impl FnOnce(&mut HeaderMap)) -> String {
        let request = [(":authority", "a"), (":path", "/"), (":method", "GET"), ("x-a", "\tb é")];
        let mut headers: HeaderMap = request.into_iter().collect();
        edit(&mut headers);
        super::request(&headers).err().unwrap_or_default()
    }

    #[test]
    fn the_first_thing_that_is_missing_or_broken_is_told() {
        assert_eq!(checked(|_| {}), "");
        assert_eq!(checked(|map| map.append("", "v")), "");
        assert_eq!(checked(|map| map.set(":weird", "v")), "");
        assert_eq!(checked(|map| map.set(":", "v")), "invalid header name: :");
        assert_eq!(checked(|map| map.set("x-a", "\u{7f}")), "invalid header value for: x-a");
        assert_eq!(
            checked(|map| map.set("x\r\n\u{1}\"", "")),
            r#"invalid header name: x\r\n\u0001\""#
        );
        let removed =
            |name: &'static str| checked(|map| assert_eq!(map.remove(name.as_bytes()), 1));
        assert_eq!(removed(":method"), "missing required header: :method");
        assert_eq!(removed(":path"), "missing required header: :path");
        assert_eq!(removed(":authority"), "");
    }

    #[test]
    fn a_connect_has_a_path_if_and_only_if_it_has_a_protocol() {
        let connect = |edit: fn(&mut HeaderMap)| {
            checked(|map| {
                map.set(":method", "CONNECT");
                edit(map);
            })
        };
        assert_eq!(connect(|_| {}), "missing required header: :protocol");
        assert_eq!(connect(|map| map.set(":protocol", "websocket")), "");
        assert_eq!(
            connect(|map| map.retain(|name, _| name != b":authority")),
            "missing required header: :authority"
        );
        assert_eq!(connect(|map| map.retain(|name, _| name != b":path")), "");
    }

    #[test]
    fn a_status_is_any_number_that_can_be_read() {
        let read = |text: &'static str| status(&[(":status", text)].into_iter().collect());
        assert_eq!(read(" 0200 "), Some(200));
        assert_eq!(read("+99"), Some(99));
        assert_eq!(read("65736"), Some(65_736));
        for none in ["", "-1", "abc", "2e2", "+", "99999999999999999999"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
