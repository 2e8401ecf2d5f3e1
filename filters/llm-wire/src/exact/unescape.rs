//! Turns the inside of a JSON string into the text it stands for, piece by piece.
//!
//! What cannot be text becomes U+FFFD, as encoders make it: halves of surrogate pairs, and bytes
//! that are no UTF-8. An escape that JSON does not have stands for the character after the
//! backslash; a server would refuse the body. At most four bytes are kept between slices.

use memchr::memchr;

const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();

/// The state between two slices.
#[derive(Clone, Debug, Default)]
pub(super) struct Unescape {
    escape: Escape,
    /// The first half of a surrogate pair.
    high: Option<u32>,
    /// The beginning of a character, and its length.
    cut: [u8; 4],
    cut_length: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum Escape {
    #[default]
    None,
    /// After a backslash.
    Begun,
    /// Inside `\uXXXX`: how many digits came, and what they make.
    Hex(u32, u32),
}

impl Unescape {
    /// The next bytes of a string. `out` gets valid UTF-8.
    #[inline]
    pub(super) fn feed(&mut self, mut bytes: &[u8], out: &mut impl FnMut(&[u8])) {
        while let Some((&byte, rest)) = bytes.split_first() {
            match self.escape {
                Escape::None => {
                    let plain = memchr(b'\\', bytes).unwrap_or(bytes.len());
                    let (text, later) = bytes.split_at(plain);
                    if !text.is_empty() {
                        self.lone(out);
                        self.text(text, out);
                    }
                    bytes = match later {
                        [_, rest @ ..] => {
                            self.uncut(out);
                            self.escape = Escape::Begun;
                            rest
                        }
                        [] => later,
                    };
                }
                Escape::Begun => {
                    self.begun(byte, out);
                    bytes = rest;
                }
                Escape::Hex(digits, value) => {
                    let Some(digit) = (byte as char).to_digit(16) else {
                        self.escape = Escape::None;
                        self.lone(out);
                        out(REPLACEMENT);
                        continue;
                    };
                    self.escape = Escape::Hex(digits + 1, value << 4 | digit);
                    if digits == 3 {
                        self.escape = Escape::None;
                        self.unit(value << 4 | digit, out);
                    }
                    bytes = rest;
                }
            }
        }
    }

    /// Bytes that are not escaped.
    #[inline]
    pub(super) fn raw(&mut self, bytes: &[u8], out: &mut impl FnMut(&[u8])) {
        self.text(bytes, out);
    }

    /// The string ends.
    pub(super) fn end(&mut self, out: &mut impl FnMut(&[u8])) {
        self.uncut(out);
        self.lone(out);
        if !matches!(self.escape, Escape::None) {
            out(REPLACEMENT);
        }
        *self = Self::default();
    }

    fn begun(&mut self, byte: u8, out: &mut impl FnMut(&[u8])) {
        self.escape = Escape::None;
        if byte == b'u' {
            self.escape = Escape::Hex(0, 0);
            return;
        }
        self.lone(out);
        let control = match byte {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'b' => 8,
            b'f' => 12,
            other => other,
        };
        self.text(&[control], out);
    }

    /// A `\uXXXX` is complete.
    fn unit(&mut self, unit: u32, out: &mut impl FnMut(&[u8])) {
        let code = match (self.high, unit) {
            (Some(high), 0xdc00..=0xdfff) => {
                self.high = None;
                0x1_0000 + ((high - 0xd800) << 10) + (unit - 0xdc00)
            }
            (_, 0xd800..=0xdbff) => {
                self.lone(out);
                self.high = Some(unit);
                return;
            }
            _ => {
                self.lone(out);
                unit
            }
        };
        let char = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        out(char.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// A first half without its second.
    fn lone(&mut self, out: &mut impl FnMut(&[u8])) {
        if self.high.take().is_some() {
            out(REPLACEMENT);
        }
    }

    /// A character that was cut and does not go on.
    fn uncut(&mut self, out: &mut impl FnMut(&[u8])) {
        if std::mem::take(&mut self.cut_length) > 0 {
            out(REPLACEMENT);
        }
    }

    #[inline]
    fn text(&mut self, mut bytes: &[u8], out: &mut impl FnMut(&[u8])) {
        while self.cut_length > 0 {
            let Some((&byte, rest)) = bytes.split_first() else { return };
            if let Some(place) = self.cut.get_mut(self.cut_length) {
                *place = byte;
            }
            let whole = self.cut.get(..=self.cut_length).unwrap_or(&self.cut);
            match std::str::from_utf8(whole).map_err(|why| why.error_len()) {
                Ok(char) => {
                    out(char.as_bytes());
                    self.cut_length = 0;
                    bytes = rest;
                }
                Err(None) => {
                    self.cut_length += 1;
                    bytes = rest;
                }
                Err(Some(_)) => self.uncut(out),
            }
        }
        loop {
            let why = match std::str::from_utf8(bytes) {
                Ok(_) => {
                    out(bytes);
                    return;
                }
                Err(why) => why,
            };
            let (valid, rest) = bytes.split_at(why.valid_up_to());
            out(valid);
            let Some(length) = why.error_len() else {
                self.cut_length = rest.len();
                self.cut.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
                return;
            };
            out(REPLACEMENT);
            bytes = rest.get(length..).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unescaped(slices: &[&[u8]]) -> String {
        let mut text = Vec::new();
        let mut unescape = Unescape::default();
        let mut out = |bytes: &[u8]| text.extend_from_slice(bytes);
        slices.iter().for_each(|slice| unescape.feed(slice, &mut out));
        unescape.end(&mut out);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn what_cannot_be_text_becomes_the_replacement_character() {
        for (escaped, text) in [
            (&br#"\ud83d\ude00"#[..], "😀"),
            (br#"\ud83dx"#, "\u{fffd}x"),
            (br#"\ude00"#, "\u{fffd}"),
            (br#"\ud83d\ud83d\ude00"#, "\u{fffd}😀"),
            (br#"\ud83d\n"#, "\u{fffd}\n"),
            (br#"\ud83d"#, "\u{fffd}"),
            (b"a\xe4\xb8", "a\u{fffd}"),
            (b"\xe4\xb8\\n", "\u{fffd}\n"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            (br#"\u12"#, "\u{fffd}"),
            (br#"\u12x"#, "\u{fffd}x"),
            (br#"\q\/\"\\"#, r#"q/"\"#),
        ] {
            assert_eq!(unescaped(&[escaped]), text, "{}", String::from_utf8_lossy(escaped));
            let bytes: Vec<&[u8]> = escaped.chunks(1).collect();
            assert_eq!(unescaped(&bytes), text, "byte by byte");
        }
    }

    proptest! {
        #[test]
        fn what_json_has_escaped_comes_back_however_it_was_cut(
            text in any::<String>(), at in any::<prop::sample::Index>(),
        ) {
            let escaped = serde_json::to_string(&text).unwrap();
            let inside = &escaped.as_bytes()[1..escaped.len() - 1];
            let ascii: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            for escaped in [inside, ascii.as_bytes()] {
                let (a, b) = escaped.split_at(at.index(escaped.len() + 1));
                prop_assert_eq!(unescaped(&[a, b]), text.clone());
            }
        }
    }
}
