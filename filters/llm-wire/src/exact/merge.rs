//! Joins at most 64 bytes into tokens, as the encoder does it.
//!
//! A part stands where its first byte is, and the places that hold a part are a set of 64 bits: a
//! neighbour is found by counting zeros, and nothing is moved or allocated. What a part joins to
//! with the next one stands beside it, with its place in the lowest bits, so that the smallest of
//! these numbers is the next join, and the leftmost among equals.

use wide::u32x4;

use super::split::split;
use super::vocabulary::{NONE, Vocabulary};

/// The most bytes that are joined at a time.
pub(super) const MOST: usize = 64;

/// How many tokens `text` makes, of which the first 64 bytes count.
pub(super) fn count(vocabulary: &Vocabulary, text: &[u8]) -> u32 {
    let mut parts = Parts { tokens: [0; MOST], joins: [[NONE; 4]; MOST / 4], starts: 0 };
    let text = text.get(..MOST).unwrap_or(text);
    split(vocabulary, text, |at, token, join| {
        parts.starts |= 1 << at;
        parts.set(at, token);
        parts.can_join(at, join);
    });
    let used = text.len().div_ceil(4);
    while let Some((at, token)) = parts.lowest(used) {
        parts.join(vocabulary, at, token);
    }
    parts.starts.count_ones()
}

struct Parts {
    tokens: [u32; MOST],
    joins: [[u32; 4]; MOST / 4],
    starts: u64,
}

impl Parts {
    #[inline(always)]
    fn set(&mut self, at: usize, token: u32) {
        if let Some(place) = self.tokens.get_mut(at % MOST) {
            *place = token;
        }
    }

    #[inline(always)]
    fn token(&self, at: usize) -> u32 {
        self.tokens.get(at % MOST).copied().unwrap_or_default()
    }

    #[inline(always)]
    fn can_join(&mut self, at: usize, token: u32) {
        let joins = self.joins.as_flattened_mut();
        if let Some(place) = joins.get_mut(at % MOST) {
            *place = if token == NONE { NONE } else { token << 6 | at as u32 };
        }
    }

    /// The next join, among the first fours of places.
    #[inline(always)]
    fn lowest(&self, used: usize) -> Option<(usize, u32)> {
        let joins = self.joins.get(..used).unwrap_or(&self.joins);
        let lowest = joins.iter().fold(u32x4::MAX, |low, four| low.min(u32x4::new(*four)));
        let lowest = lowest.to_array().into_iter().fold(NONE, u32::min);
        (lowest != NONE).then_some(((lowest & 63) as usize, lowest >> 6))
    }

    /// Joins the part at a place with the next one.
    #[inline(always)]
    fn join(&mut self, vocabulary: &Vocabulary, at: usize, token: u32) {
        let later = self.starts & !1 << at;
        let gone = later & later.wrapping_neg();
        let earlier = self.starts & ((1 << at) - 1);
        self.starts ^= gone;
        self.can_join(gone.trailing_zeros() as usize, NONE);
        self.set(at, token);
        let later = later ^ gone;
        let with_next = if later == 0 {
            NONE
        } else {
            vocabulary.join(token, self.token(later.trailing_zeros() as usize))
        };
        self.can_join(at, with_next);
        if earlier != 0 {
            let before = 63 - earlier.leading_zeros() as usize;
            let joined = vocabulary.join(self.token(before), token);
            self.can_join(before, joined);
        }
    }
}
