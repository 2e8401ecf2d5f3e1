//! An `Any` that a plugin receives as bytes: plugin and VM configurations.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::{message::CURE, struct_value::encode_struct};
use crate::yaml::{Error, Reader};

/// What the guest reads: a `StringValue`'s text, a `BytesValue`'s bytes, a `Struct` as protobuf.
pub(super) fn bytes(reader: &Reader<'_>) -> Result<Vec<u8>, Error> {
    let mut object = reader.object()?;
    let url = object.required("@type")?;
    let bytes = match url.string()? {
        "type.googleapis.com/google.protobuf.StringValue" => {
            object.optional("value").map_or(Ok(""), |value| value.string())?.as_bytes().to_vec()
        }
        "type.googleapis.com/google.protobuf.BytesValue" => {
            object.optional("value").map_or(Ok(Vec::new()), |value| base64_text(&value))?
        }
        "type.googleapis.com/google.protobuf.Struct" => {
            let value = object.required("value")?;
            match value.node().to_json()? {
                Value::Object(fields) => encode_struct(&fields),
                _ => return Err(value.expected("an object")),
            }
        }
        other => {
            let has = "google.protobuf.StringValue, BytesValue and Struct";
            return Err(url.not_modelled(&format!("`{other}`"), has, CURE));
        }
    };
    object.finish()?;
    Ok(bytes)
}

/// Bytes written in base64.
pub(super) fn base64_text(reader: &Reader<'_>) -> Result<Vec<u8>, Error> {
    decode(reader.string()?).ok_or_else(|| reader.expected("bytes in base64"))
}

/// Decodes base64 as protobuf's JSON accepts it: the standard or the URL alphabet, padded or not.
fn decode(text: &str) -> Option<Vec<u8>> {
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    GeneralPurpose::new(alphabet, lenient).decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn both_alphabets_with_and_without_padding() {
        assert_eq!(decode("aGk/").as_deref(), Some(&b"hi?"[..]));
        assert_eq!(decode("aGk_").as_deref(), Some(&b"hi?"[..]));
        assert_eq!(decode("aA==").as_deref(), Some(&b"h"[..]));
        assert_eq!(decode("aA").as_deref(), Some(&b"h"[..]));
        assert_eq!(decode(""), Some(vec![]));
        assert_eq!(decode("a"), None);
        assert_eq!(decode("a b="), None);
    }
}
