//! Header and trailer fields as an ordered list, and their way into and out of the `http` crate.
//!
//! Tests compare what was sent with what arrived, order included, so lists are the common form here;
//! the `http` crate's map keeps the order of names only by accident.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// Fields in order, names in lower case.
pub type Fields = Vec<(Bytes, Bytes)>;

/// One field from texts.
#[must_use]
pub fn field(name: &str, value: &str) -> (Bytes, Bytes) {
    (Bytes::from(name.to_ascii_lowercase()), Bytes::copy_from_slice(value.as_bytes()))
}

/// The first value of a field, by its lower-case name.
#[must_use]
pub fn value<'a>(fields: &'a Fields, name: &str) -> Option<&'a [u8]> {
    fields.iter().find(|(key, _)| key == name.as_bytes()).map(|(_, value)| value.as_ref())
}

/// Whether HTTP/1.1 fields ask for another protocol on the connection. `upgrade` alone does not:
/// without being named by `connection` it is a field like any other; and an upgrade to HTTP/2 is one
/// that no proxy takes up.
pub(crate) fn ask_upgrade<'a>(fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> bool {
    let (mut named, mut there) = (false, false);
    for (name, value) in fields {
        there |= name.eq_ignore_ascii_case(b"upgrade") && !value.eq_ignore_ascii_case(b"h2c");
        named |= name.eq_ignore_ascii_case(b"connection")
            && value
                .split(|byte| *byte == b',')
                .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"));
    }
    named && there
}

/// The same of a map.
pub(crate) fn map_asks_upgrade(map: &HeaderMap) -> bool {
    ask_upgrade(map.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes())))
}

/// The fields of a map.
#[must_use]
pub fn from_http(map: &HeaderMap) -> Fields {
    let copy = Bytes::copy_from_slice;
    map.iter()
        .map(|(name, value)| (copy(name.as_str().as_bytes()), copy(value.as_bytes())))
        .collect()
}

/// A map of fields. What HTTP cannot carry is left out; neither end could have sent it.
pub fn to_http<'a>(fields: impl IntoIterator<Item = (&'a Bytes, &'a Bytes)>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_maybe_shared(value.clone())) {
            map.append(name, value);
        }
    }
    map
}
