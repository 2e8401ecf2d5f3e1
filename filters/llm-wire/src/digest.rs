//! A number for bytes that come in pieces, the same however they were cut.
//!
//! For telling texts apart of which nothing may be kept. It is no secret and withstands no attacker: who wants
//! to be taken for somebody else need only send the same text.

/// Adds up bytes, eight at a time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Digest {
    state: u64,
    /// Bytes that do not make a word yet, the first one lowest.
    rest: u64,
    length: u64,
}

/// Odd, and without a pattern: the golden ratio's bits.
const STIR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Digest {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let held = (self.length % 8) as usize;
        let (head, rest) = bytes.split_at_checked(8 - held).unwrap_or((bytes, &[]));
        if held > 0 || head.len() < 8 {
            head.iter().for_each(|byte| self.byte(*byte));
        } else {
            self.word(word(head));
            self.length += 8;
        }
        let (words, rest) = rest.as_chunks::<8>();
        words.iter().for_each(|bytes| self.word(u64::from_le_bytes(*bytes)));
        self.length = self.length.wrapping_add(8 * words.len() as u64);
        rest.iter().for_each(|byte| self.byte(*byte));
    }

    fn byte(&mut self, byte: u8) {
        let held = self.length % 8;
        self.rest |= u64::from(byte) << (8 * held);
        self.length = self.length.wrapping_add(1);
        if held == 7 {
            let word = std::mem::take(&mut self.rest);
            self.word(word);
        }
    }

    fn word(&mut self, word: u64) {
        let mixed = (self.state ^ word).wrapping_mul(STIR);
        self.state = mixed ^ mixed >> 32;
    }

    pub(crate) fn finish(mut self) -> u64 {
        self.word(self.rest);
        self.word(self.length);
        self.state
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pieces: &[&[u8]]) -> u64 {
        let mut digest = Digest::default();
        pieces.iter().for_each(|piece| digest.add(piece));
        digest.finish()
    }

    #[test]
    fn how_bytes_are_cut_does_not_matter() {
        let bytes: Vec<u8> = (0..40).map(|n: u8| n.wrapping_mul(7)).collect();
        let whole = of(&[&bytes]);
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(of(&pieces), whole, "cut at {first} and {second}");
            }
        }
    }

    #[test]
    fn bytes_that_differ_have_other_numbers() {
        let texts: std::collections::BTreeSet<u64> =
            (0..100_000_u32).map(|n| of(&[format!("user {n}").as_bytes()])).collect();
        assert_eq!(texts.len(), 100_000);
        assert_ne!(of(&[b"a"]), of(&[b"a\0"]));
    }
}
