//! Base64, the form in which protobuf's JSON carries bytes.
//!
//! Twenty lines; the two places that need it do not justify a dependency.

/// Decodes the standard or the URL alphabet, padded or not; `None` for anything else.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut buffer, mut bits) = (0_u32, 0_u32);
    for byte in text.bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return None,
        };
        buffer = (buffer << 6 | u32::from(six)) & 0xff_ffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(buffer >> bits & 0xff).ok()?);
        }
    }
    // One left-over character carries less than a byte.
    (bits < 6).then_some(bytes)
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
