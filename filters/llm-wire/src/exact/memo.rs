//! Remembers how many tokens short strings make that are no token themselves.
//!
//! Names, hashes and typing errors come again and again in one prompt, and joining their bytes
//! costs many times what a look at this table does. A string has one place; the last one stays.

/// How many strings are remembered.
const PLACES: usize = 4096;

/// The strings and their tokens.
#[derive(Clone, Debug)]
pub(super) struct Memo {
    words: Box<[u128; PLACES]>,
    tokens: Box<[u8; PLACES]>,
}

impl Default for Memo {
    fn default() -> Self {
        Self { words: Box::new([0; PLACES]), tokens: Box::new([0; PLACES]) }
    }
}

impl Memo {
    /// The tokens of a string of at most sixteen bytes, the last not NUL.
    #[inline(always)]
    pub(super) fn tokens(&mut self, word: u128, count: impl FnOnce() -> u32) -> u32 {
        let (low, high) = (word as u64, (word >> 64) as u64);
        let mixed = (low ^ high.rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let at = (mixed >> (64 - PLACES.trailing_zeros())) as usize;
        let (Some(place), Some(tokens)) = (self.words.get_mut(at), self.tokens.get_mut(at)) else {
            return count();
        };
        if *place != word {
            *place = word;
            // At most a token for each byte.
            *tokens = count() as u8;
        }
        u32::from(*tokens)
    }
}
