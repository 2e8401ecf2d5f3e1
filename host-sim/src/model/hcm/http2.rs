//! What HTTP/2's codec refuses of the fields of a request.

use super::{
    Malformed,
    http1::{BYTES_MAX, FIELDS_MAX, is_host, is_length, is_token},
};

/// Fields that belong to a connection of HTTP/1.
const OF_CONNECTIONS: [&[u8]; 5] =
    [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"];

/// What is wrong with the fields, in the order in which they came; `extended`: CONNECT may name a protocol.
pub(crate) fn check(
    fields: &[(&[u8], &[u8])],
    end_stream: bool,
    extended: bool,
) -> Result<(), Malformed> {
    if fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > BYTES_MAX {
        return Err(Malformed::TooLarge);
    }
    if fields.len() > FIELDS_MAX {
        return Err(Malformed::TooMany);
    }
    let mut body_of_fields = false;
    for (place, (name, value)) in fields.iter().enumerate() {
        let pseudo = name.starts_with(b":");
        body_of_fields |= !pseudo;
        let once = pseudo || matches!(*name, b"host" | b"content-length");
        let before = fields.get(..place).unwrap_or_default();
        let again = once && before.iter().any(|(other, _)| other == name);
        let allowed = if pseudo {
            !body_of_fields && is_pseudo(name, value, extended)
        } else {
            is_token(name) && !name.iter().any(u8::is_ascii_uppercase) && is_field(name, value)
        };
        if again || !allowed || value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
            return Err(Malformed::Field);
        }
    }
    let value = |wanted: &[u8]| fields.iter().find(|(name, _)| *name == wanted).map(|(_, v)| *v);
    let (scheme, path) = (value(b":scheme"), value(b":path"));
    let host = value(b":authority").or_else(|| value(b"host"));
    let whole = match value(b":method") {
        None => false,
        Some(b"CONNECT") if value(b":protocol").is_none() => {
            host.is_some() && scheme.is_none() && path.is_none()
        }
        Some(method) => {
            let rooted = path
                .is_some_and(|path| path.starts_with(b"/") || path == b"*" && method == b"OPTIONS");
            rooted && scheme.is_some() && host.is_some()
        }
    };
    let length = value(b"content-length").and_then(|length| std::str::from_utf8(length).ok());
    let promised = length.and_then(|length| length.parse::<u64>().ok()).unwrap_or(0) > 0;
    if !whole || end_stream && promised { Err(Malformed::Rule) } else { Ok(()) }
}

fn is_pseudo(name: &[u8], value: &[u8], extended: bool) -> bool {
    match name {
        b":method" => is_token(value),
        b":scheme" => !value.is_empty(),
        b":authority" => !value.is_empty() && is_host(value),
        b":path" => !value.is_empty() && !value.contains(&b' '),
        b":protocol" => extended,
        _ => false,
    }
}

fn is_field(name: &[u8], value: &[u8]) -> bool {
    match name {
        b"te" => value == b"trailers",
        b"content-length" => is_length(value),
        b"host" => is_host(value),
        _ => !OF_CONNECTIONS.contains(&name),
    }
}
