//! Reads the string that holds a medium, or says where it is, as it streams by.
//!
//! It is an URL, a `data:` URL with base64 in it, or base64 alone. Only as much of the base64 is
//! decoded as the file's head takes; the rest is measured, not read. JSON may write any of its
//! characters as an escape, and some libraries do (`\/`, `\u002b`).

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::head::HeadReader;
use super::{Head, Sight};

/// Padding or not, and whatever the last bits are: only the head is of interest.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// So many characters are decoded at a time.
const BATCH: usize = 32;
/// So many characters are decoded at most: 256 KiB of the file.
const MOST: u64 = 256 * 1024 / 3 * 4;
/// What stands before the comma of a `data:` URL is not longer.
const LONGEST_TYPE: u64 = 256;

/// One such string.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    escape: Escape,
    stage: Stage,
    /// Characters that were not looked at yet.
    batch: [u8; BATCH],
    held: usize,
    /// The characters until now: all of them, and those that are no base64.
    length: u64,
    before: u64,
    reader: HeadReader,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// The first characters tell what it is.
    #[default]
    Scheme,
    /// Before the comma of a `data:` URL.
    Type,
    Base64,
    /// The head is known, or will not be.
    Rest,
    /// The medium is elsewhere.
    Url,
}

/// What is known of a character that is written as an escape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    Begun,
    /// Of `\uXXXX`: how many digits, and what they make.
    Code(u8, u16),
}

const SCHEME: usize = 5;

impl Source {
    /// The next bytes of the string, as JSON writes them.
    pub(crate) fn feed(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some((&byte, after)) = rest.split_first() {
            if matches!(self.stage, Stage::Rest | Stage::Url) {
                break;
            }
            rest = after;
            if let Some(char) = self.escape.character(byte) {
                self.character(char);
            }
        }
        self.length = self.length.saturating_add(rest.len() as u64);
    }

    /// The string is complete.
    pub(crate) fn end(mut self) -> Sight {
        if self.stage == Stage::Scheme {
            self.stage = Stage::Base64;
        }
        if self.stage == Stage::Base64 {
            self.decode();
        }
        if self.stage == Stage::Url {
            return Sight::Elsewhere;
        }
        let head = self.reader.found().unwrap_or(Head::Unknown);
        let bytes = self.length.saturating_sub(self.before).saturating_mul(3) / 4;
        Sight::Inline { head, bytes }
    }

    fn character(&mut self, char: u8) {
        self.length += 1;
        match self.stage {
            Stage::Scheme => {
                self.hold(char);
                if self.held == SCHEME {
                    self.scheme();
                }
            }
            Stage::Type => {
                self.before += 1;
                if char == b',' {
                    self.stage = Stage::Base64;
                } else if self.before > LONGEST_TYPE {
                    self.stage = Stage::Rest;
                }
            }
            // What has a colon is an URL of another kind.
            Stage::Base64 if char == b':' => self.stage = Stage::Url,
            Stage::Base64 => {
                self.hold(char);
                if self.held == BATCH {
                    self.decode();
                }
            }
            Stage::Rest | Stage::Url => {}
        }
    }

    fn hold(&mut self, char: u8) {
        // Old MIME libraries break base64 into lines, and some servers pass over the breaks.
        let char = match char {
            b'\r' | b'\n' | b' ' => {
                self.before += 1;
                return;
            }
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        };
        if let Some(place) = self.batch.get_mut(self.held) {
            *place = char;
            self.held += 1;
        }
    }

    fn scheme(&mut self) {
        let mut scheme = [0; SCHEME];
        scheme.copy_from_slice(self.batch.get(..SCHEME).unwrap_or(&[0; SCHEME]));
        scheme.make_ascii_lowercase();
        self.stage = match &scheme {
            b"data:" => {
                self.held = 0;
                self.before = self.length;
                Stage::Type
            }
            b"https" => Stage::Url,
            other if other.contains(&b':') => Stage::Url,
            _ => Stage::Base64,
        };
    }

    fn decode(&mut self) {
        let mut bytes = [0; BATCH];
        let batch = self.batch.get(..self.held).unwrap_or_default();
        let decoded = BASE64.decode_slice(batch, &mut bytes);
        self.held = 0;
        match decoded {
            Ok(length) => self.reader.push(bytes.get(..length).unwrap_or_default()),
            Err(_) => self.stage = Stage::Rest,
        }
        if self.reader.found().is_some() || self.length > MOST {
            self.stage = Stage::Rest;
        }
    }
}

impl Escape {
    /// The character that a byte completes, if it does. What is no ASCII is told as 255.
    fn character(&mut self, byte: u8) -> Option<u8> {
        let (next, char) = match (*self, byte) {
            (Self::None, b'\\') => (Self::Begun, None),
            (Self::None, _) => (Self::None, Some(byte)),
            (Self::Begun, b'u') => (Self::Code(0, 0), None),
            (Self::Begun, b'n' | b'r' | b't') => (Self::None, Some(b'\n')),
            (Self::Begun, _) => (Self::None, Some(byte)),
            (Self::Code(digits, code), _) => {
                let digit = char::from(byte).to_digit(16).unwrap_or(0xf);
                let code = code << 4 | u16::try_from(digit).unwrap_or(0xf);
                if digits == 3 {
                    (Self::None, Some(u8::try_from(code).unwrap_or(0xff)))
                } else {
                    (Self::Code(digits + 1, code), None)
                }
            }
        };
        *self = next;
        char
    }
}
