//! The special tokens of `o200k_harmony`, found in text that streams by.
//!
//! Servers of gpt-oss take `<|start|>`, `<|message|>` and their like in a raw prompt for one token
//! each, because that is how clients write conversations into it. They cut the text before
//! anything else does: what stands between two of them is encoded by itself. In a conversation that
//! the server puts together they are text like any other.

use super::counter::Counter;

/// All but the reserved ones.
const NAMES: [&[u8]; 10] = [
    b"startoftext",
    b"endoftext",
    b"endofprompt",
    b"return",
    b"constrain",
    b"channel",
    b"start",
    b"end",
    b"message",
    b"call",
];
/// `<|reserved_200000|>`.
const LONGEST: usize = 19;

/// What may be the beginning of a special token.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Special {
    held: [u8; LONGEST],
    length: usize,
}

impl Special {
    /// How much of the text waits for what follows.
    pub(super) fn held(&self) -> usize {
        self.length
    }

    /// The next bytes of the text.
    pub(super) fn feed(&mut self, mut text: &[u8], counter: &mut Counter) {
        while let Some((&byte, rest)) = text.split_first() {
            if self.length == 0 {
                let plain = memchr::memchr(b'<', text).unwrap_or(text.len());
                let (before, from) = text.split_at(plain);
                counter.feed(before);
                let Some((&first, rest)) = from.split_first() else { return };
                self.hold(first);
                text = rest;
            } else if self.may_hold(byte) {
                self.hold(byte);
                text = rest;
                if byte == b'>' {
                    self.token(counter);
                }
            } else {
                self.release(counter);
            }
        }
    }

    /// What waited is text.
    pub(super) fn release(&mut self, counter: &mut Counter) {
        counter.feed(self.held.get(..self.length).unwrap_or_default());
        self.length = 0;
    }

    fn hold(&mut self, byte: u8) {
        if let Some(place) = self.held.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }

    /// No special token has a `<` but its first, so that what cannot go on begins no later either.
    fn may_hold(&self, byte: u8) -> bool {
        let has_room = self.length < LONGEST;
        has_room && matches!(byte, b'|' | b'>' | b'_' | b'a'..=b'z' | b'0'..=b'9')
    }

    fn token(&mut self, counter: &mut Counter) {
        let held = self.held.get(..self.length).unwrap_or_default();
        let name = held.strip_prefix(b"<|").and_then(|rest| rest.strip_suffix(b"|>"));
        if name.is_some_and(is_special) {
            self.length = 0;
            counter.end();
            counter.add_token();
        } else {
            self.release(counter);
        }
    }
}

fn is_special(name: &[u8]) -> bool {
    let Some(number) = name.strip_prefix(b"reserved_") else {
        return NAMES.contains(&name);
    };
    let number = str::from_utf8(number).ok().filter(|digits| digits.len() == 6);
    let number = number.and_then(|digits| digits.parse::<u32>().ok());
    matches!(number, Some(200_000 | 200_001 | 200_004 | 200_009..=200_011 | 200_013..=201_087))
}
