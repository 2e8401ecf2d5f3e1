//! Decodes one short string: a member's name, a model's.
//!
//! Nearly every name arrives whole and without an escape, and is then used where it lies. Only
//! the others are decoded into the one buffer there is, which never grows over its limit.

#[derive(Clone, Debug)]
pub(super) struct Capture {
    decoded: Vec<u8>,
    limit: usize,
    too_long: bool,
    /// The value is the last slice itself.
    in_place: bool,
    state: State,
    /// The first half of a surrogate pair, waiting for the second.
    high: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Plain,
    Backslash,
    /// So many digits of `\u` are still to come; the others make this number.
    Hex(u8, u16),
}

impl Capture {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            decoded: Vec::new(),
            limit,
            too_long: false,
            in_place: false,
            state: State::Plain,
            high: None,
        }
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.decoded.capacity()
    }

    pub(super) fn clear(&mut self) {
        self.decoded.clear();
        self.too_long = false;
        self.in_place = false;
        self.state = State::Plain;
        self.high = None;
    }

    /// Takes the next bytes; `is_last` when the string ends with them.
    ///
    /// # Errors
    /// The place of a byte that makes an escape JSON does not have.
    pub(super) fn push(&mut self, bytes: &[u8], is_last: bool) -> Result<(), usize> {
        let begins = self.decoded.is_empty() && !self.too_long && self.is_plain();
        if begins && is_last && !bytes.contains(&b'\\') {
            self.in_place = true;
            self.too_long = bytes.len() > self.limit;
            return Ok(());
        }
        for (at, &byte) in bytes.iter().enumerate() {
            self.decode(byte).ok_or(at)?;
        }
        if is_last {
            if self.state != State::Plain {
                return Err(bytes.len());
            }
            self.lone_surrogate();
        }
        Ok(())
    }

    /// The value, once the string has ended; `last` is the slice that was pushed last.
    pub(super) fn decoded<'a>(&'a self, last: &'a [u8]) -> Option<&'a [u8]> {
        match (self.too_long, self.in_place) {
            (true, _) => None,
            (false, true) => Some(last),
            (false, false) => Some(&self.decoded),
        }
    }

    fn is_plain(&self) -> bool {
        self.state == State::Plain && self.high.is_none()
    }

    fn decode(&mut self, byte: u8) -> Option<()> {
        match self.state {
            State::Plain if byte == b'\\' => self.state = State::Backslash,
            State::Plain => self.append(&[byte]),
            State::Backslash => {
                self.state = State::Plain;
                let meant = match byte {
                    b'"' | b'\\' | b'/' => byte,
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'u' => {
                        self.state = State::Hex(4, 0);
                        return Some(());
                    }
                    _ => return None,
                };
                self.append(&[meant]);
            }
            State::Hex(left, value) => {
                let digit = char::from(byte).to_digit(16)?;
                let value = value << 4 | u16::try_from(digit).unwrap_or_default();
                if left > 1 {
                    self.state = State::Hex(left - 1, value);
                } else {
                    self.state = State::Plain;
                    self.unit(value);
                }
            }
        }
        Some(())
    }

    /// Takes one UTF-16 unit.
    fn unit(&mut self, unit: u16) {
        if let (Some(high), 0xdc00..=0xdfff) = (self.high, unit) {
            self.high = None;
            let scalar = 0x10000 + (u32::from(high & 0x3ff) << 10 | u32::from(unit & 0x3ff));
            self.append_char(char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER));
            return;
        }
        match unit {
            0xd800..=0xdbff => {
                self.lone_surrogate();
                self.high = Some(unit);
            }
            0xdc00..=0xdfff => self.append_char(char::REPLACEMENT_CHARACTER),
            _ => self.append_char(
                char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER),
            ),
        }
    }

    /// Half a surrogate pair is no character; it becomes U+FFFD, which no real name holds.
    fn lone_surrogate(&mut self) {
        if self.high.take().is_some() {
            self.store("\u{fffd}".as_bytes());
        }
    }

    fn append_char(&mut self, char: char) {
        let mut utf8 = [0; 4];
        self.append(char.encode_utf8(&mut utf8).as_bytes());
    }

    fn append(&mut self, bytes: &[u8]) {
        self.lone_surrogate();
        self.store(bytes);
    }

    fn store(&mut self, bytes: &[u8]) {
        if self.decoded.len() + bytes.len() > self.limit {
            self.too_long = true;
        } else if !self.too_long {
            self.decoded.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes in slices of every size; all must agree.
    fn decode(text: &str, limit: usize) -> Result<Option<Vec<u8>>, usize> {
        let mut results = (1..=text.len().max(1)).map(|size| {
            let mut capture = Capture::new(limit);
            let mut pieces: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            let last = pieces.pop().unwrap_or_default();
            let mut at = 0;
            for piece in pieces {
                capture.push(piece, false).map_err(|bad| at + bad)?;
                at += piece.len();
            }
            capture.push(last, true).map_err(|bad| at + bad)?;
            Ok(capture.decoded(last).map(<[u8]>::to_vec))
        });
        let first = results.next().unwrap();
        assert!(results.all(|other| other == first), "{text}: depends on the split");
        first
    }

    fn decoded(text: &str) -> String {
        String::from_utf8(decode(text, 100).unwrap().unwrap()).unwrap()
    }

    #[test]
    fn escapes_become_what_they_mean() {
        assert_eq!(decoded(r#"a\"\\\/\b\f\n\r\tz"#), "a\"\\/\u{8}\u{c}\n\r\tz");
        assert_eq!(decoded(r"mod\u0065l"), "model");
        assert_eq!(decoded(r"\u00e9\u4E2d"), "é中");
        assert_eq!(decoded(""), "");
    }

    #[test]
    fn surrogate_pairs_become_one_character() {
        assert_eq!(decoded(r"\ud83d\ude00!"), "😀!");
    }

    #[test]
    fn a_surrogate_without_its_other_half_becomes_the_replacement_character() {
        assert_eq!(decoded(r"\ud83d"), "\u{fffd}");
        assert_eq!(decoded(r"a\ud83db"), "a\u{fffd}b");
        assert_eq!(decoded(r"\ude00\ud83d"), "\u{fffd}\u{fffd}");
        assert_eq!(decoded(r"\ud83d\ud83d\ude00"), "\u{fffd}😀");
    }

    #[test]
    fn unknown_and_unfinished_escapes_are_errors() {
        for (text, at) in [(r"\x", 1), (r"\u12", 4), (r"\u12g4", 4), (r"\u+123", 2), (r"a\'", 2)] {
            assert_eq!(decode(text, 100), Err(at), "{text}");
        }
    }

    #[test]
    fn a_value_over_the_limit_is_lost_and_takes_no_more_memory() {
        assert_eq!(decode("abcd", 4).unwrap().unwrap(), b"abcd");
        assert_eq!(decode("abcde", 4).unwrap(), None);
        assert_eq!(decode(r"abcd\n", 4).unwrap(), None);
        assert_eq!(decode(r"ab\u4e2d", 4).unwrap(), None);
        let mut capture = Capture::new(4);
        for _ in 0..1000 {
            capture.push(b"abcdefgh\\n", false).unwrap();
        }
        assert!(capture.decoded.capacity() <= 8);
    }
}
