//! What is looked up of a vocabulary.
//!
//! Everything is a constant in the module's data, written by the build script. There is no list of
//! tokens: to count, it is enough to know which neighbours join to what, and, for speed, which
//! short strings are tokens as a whole.

use super::hash::{self, FILTER_WORDS};
use super::perfect::{Filter, Perfect};

/// No token.
pub(super) const NONE: u32 = u32::MAX;

/// The tables of one encoding.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(super) bytes: &'static [[u8; 4]],
    pub(super) pairs_of_bytes: &'static [[u8; 4]],
    pub(super) chars: &'static [[u8; 4]],
    pub(super) straddlers: &'static [[u8; 4]],
    pub(super) pair_filter: Filter,
    pub(super) pairs: Perfect,
    pub(super) pair_slots: &'static [[u8; 8]],
    pub(super) short: Perfect,
    pub(super) short_slots: &'static [[u8; 8]],
    pub(super) medium: Perfect,
    pub(super) medium_slots: &'static [[u8; 16]],
}

/// The tables that the build script has written for an encoding.
macro_rules! vocabulary {
    ($name:literal) => {{
        macro_rules! table {
            ($file:literal) => {
                include_bytes!(concat!(env!("OUT_DIR"), "/", $name, "/", $file))
            };
        }
        const PAIRS: &[[u8; 8]] = table!("pairs.bin").as_chunks().0;
        const SHORT: &[[u8; 8]] = table!("short.bin").as_chunks().0;
        const FILTER: &[[u8; 8]; FILTER_WORDS] =
            match table!("pairs.filter").as_chunks().0.as_array() {
                Some(words) => words,
                None => &[[u8::MAX; 8]; FILTER_WORDS],
            };
        const MEDIUM: &[[u8; 16]] = table!("medium.bin").as_chunks().0;
        Vocabulary {
            bytes: table!("bytes.bin").as_chunks().0,
            pairs_of_bytes: table!("pairs_of_bytes.bin").as_chunks().0,
            chars: table!("chars.bin").as_chunks().0,
            straddlers: table!("straddlers.bin").as_chunks().0,
            pair_filter: Filter(FILTER),
            pairs: Perfect::new(table!("pairs.seeds"), PAIRS.len()),
            pair_slots: PAIRS,
            short: Perfect::new(table!("short.seeds"), SHORT.len()),
            short_slots: SHORT,
            medium: Perfect::new(table!("medium.seeds"), MEDIUM.len()),
            medium_slots: MEDIUM,
        }
    }};
}

/// `o200k_base`, of GPT-4o and later.
#[cfg(feature = "exact-o200k")]
pub(super) static O200K: Vocabulary = vocabulary!("o200k_base");

/// `cl100k_base`, of GPT-4 and the embeddings.
#[cfg(feature = "exact-cl100k")]
pub(super) static CL100K: Vocabulary = vocabulary!("cl100k_base");

impl Vocabulary {
    /// The token of a byte.
    #[inline(always)]
    pub(super) fn byte(&self, byte: u8) -> u32 {
        number(self.bytes, usize::from(byte))
    }

    /// The token of two bytes, or [`NONE`].
    #[inline(always)]
    pub(super) fn two_bytes(&self, left: u8, right: u8) -> u32 {
        number(self.pairs_of_bytes, usize::from(left) << 8 | usize::from(right))
    }

    /// What two tokens join to, or [`NONE`].
    #[inline(always)]
    pub(super) fn join(&self, left: u32, right: u32) -> u32 {
        let key = u64::from(left) << 18 | u64::from(right);
        if !self.pair_filter.may_have(key) {
            return NONE;
        }
        let slot =
            self.pair_slots.get(self.pairs.place(key)).map_or(0, |slot| u64::from_le_bytes(*slot));
        if slot >> 18 == key { slot as u32 & 0x3_ffff } else { NONE }
    }

    /// The token of a character of two or three bytes if nothing can keep it from being put
    /// together first: neither what stands before it nor what follows.
    #[inline(always)]
    pub(super) fn char(&self, code: u32, before: u32, after: u32) -> u32 {
        let token = number(self.chars, code as usize);
        if token < before && token < after { token } else { NONE }
    }

    /// The lowest rank of what crosses the boundary between two characters, given its two bytes.
    #[inline(always)]
    pub(super) fn straddler(&self, last: u8, first: u8) -> u32 {
        let column = if first < 0x80 { 0 } else { first & 63 };
        number(self.straddlers, usize::from(last) << 6 | usize::from(column))
    }

    /// Whether these bytes, at most eight and the last not NUL, are one token.
    #[inline(always)]
    pub(super) fn is_short(&self, word: u64) -> bool {
        self.short_slots
            .get(self.short.place(word))
            .is_some_and(|slot| u64::from_le_bytes(*slot) == word)
    }

    /// Whether these bytes, nine to sixteen and the last not NUL, are one token.
    #[inline(always)]
    pub(super) fn is_medium(&self, word: u128) -> bool {
        let (low, high) = (word as u64, (word >> 64) as u64);
        let key = hash::halves(low, high);
        self.medium_slots
            .get(self.medium.place(key))
            .is_some_and(|slot| u128::from_le_bytes(*slot) == word)
    }
}

#[inline(always)]
fn number(table: &[[u8; 4]], at: usize) -> u32 {
    table.get(at).map_or(NONE, |bytes| u32::from_le_bytes(*bytes))
}
