//! Encodes a `google.protobuf.Struct` as binary protobuf.
//!
//! A plugin whose configuration is given as a `Struct` receives this and not JSON; people meet it
//! as a parse error in their plugin, so the model has to show it too. Field order inside a struct
//! is not defined by protobuf: here it is alphabetical, Envoy's differs from run to run.

use serde_json::{Map, Value};

/// The message's bytes.
pub(super) fn encode_struct(fields: &Map<String, Value>) -> Vec<u8> {
    let mut out = Vec::new();
    for (key, value) in fields {
        let mut entry = Vec::new();
        length_delimited(&mut entry, 1, key.as_bytes());
        length_delimited(&mut entry, 2, &encode_value(value));
        length_delimited(&mut out, 1, &entry);
    }
    out
}

fn encode_value(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    match value {
        Value::Null => out.extend([tag(1, VARINT), 0]),
        Value::Number(number) => {
            out.push(tag(2, FIXED64));
            out.extend(number.as_f64().unwrap_or_default().to_le_bytes());
        }
        Value::String(text) => length_delimited(&mut out, 3, text.as_bytes()),
        Value::Bool(flag) => out.extend([tag(4, VARINT), u8::from(*flag)]),
        Value::Object(fields) => length_delimited(&mut out, 5, &encode_struct(fields)),
        Value::Array(items) => {
            let mut list = Vec::new();
            for item in items {
                length_delimited(&mut list, 1, &encode_value(item));
            }
            length_delimited(&mut out, 6, &list);
        }
    }
    out
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const LENGTH_DELIMITED: u8 = 2;

const fn tag(field: u8, wire: u8) -> u8 {
    field << 3 | wire
}

fn length_delimited(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(tag(field, LENGTH_DELIMITED));
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn encoded(value: Value) -> Vec<u8> {
        encode_struct(value.as_object().unwrap())
    }

    #[test]
    fn each_kind_of_value_has_its_field() {
        assert_eq!(encoded(json!({"a": "b"})), b"\x0a\x08\x0a\x01a\x12\x03\x1a\x01b");
        assert_eq!(encoded(json!({"a": true})), b"\x0a\x07\x0a\x01a\x12\x02\x20\x01");
        assert_eq!(encoded(json!({"a": null})), b"\x0a\x07\x0a\x01a\x12\x02\x08\x00");
        assert_eq!(
            encoded(json!({"a": 1})),
            b"\x0a\x0e\x0a\x01a\x12\x09\x11\x00\x00\x00\x00\x00\x00\xf0\x3f"
        );
        assert_eq!(encoded(json!({"a": {}})), b"\x0a\x07\x0a\x01a\x12\x02\x2a\x00");
        assert_eq!(
            encoded(json!({"a": [null]})),
            b"\x0a\x0b\x0a\x01a\x12\x06\x32\x04\x0a\x02\x08\x00"
        );
    }

    #[test]
    fn long_texts_have_two_bytes_of_length() {
        let bytes = encoded(json!({"a": "x".repeat(200)}));
        assert_eq!(&bytes[..11], b"\x0a\xd1\x01\x0a\x01a\x12\xcb\x01\x1a\xc8");
        assert_eq!(bytes.len(), 212);
    }
}
