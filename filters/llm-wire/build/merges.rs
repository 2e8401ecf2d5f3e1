//! How each token comes out of two others.
//!
//! The encoder joins the two neighbours that make the token of the lowest rank, again and again.
//! Whenever a token is made, in whatever text, its bytes went through the same steps as if they
//! stood alone: joins within it are chosen in the order of their ranks, and a join across its
//! border would have kept it from being made. So each token has one pair that it is made of, and
//! the pairs, not all the ways to cut a token in two, are what the counter needs to know.

use std::collections::BTreeMap;
use std::error::Error;

use super::perfect::Key;
use super::vocabulary::Vocabulary;

/// The pair of each token.
pub(super) struct Merges {
    bytes: Vec<u32>,
    of: BTreeMap<(u32, u32), u32>,
}

impl Merges {
    /// Finds the pairs, lowest rank first.
    pub(super) fn of(vocabulary: &Vocabulary) -> Result<Self, Box<dyn Error>> {
        let mut merges = Self { bytes: vocabulary.bytes()?, of: BTreeMap::new() };
        for (rank, token) in (0..).zip(vocabulary.tokens()) {
            match merges.encode(token).as_slice() {
                [_] => {}
                [left, right] => {
                    merges.of.insert((*left, *right), rank);
                }
                parts => {
                    return Err(format!(
                        "token {rank} is made of {} parts: no encoder makes it",
                        parts.len()
                    )
                    .into());
                }
            }
        }
        Ok(merges)
    }

    /// The tokens of a text, as far as the pairs are known.
    fn encode(&self, text: &[u8]) -> Vec<u32> {
        let mut parts: Vec<u32> =
            text.iter().filter_map(|&byte| self.bytes.get(usize::from(byte)).copied()).collect();
        loop {
            let pairs = parts.iter().zip(parts.iter().skip(1)).enumerate();
            let lowest = pairs
                .filter_map(|(at, (&left, &right))| Some((*self.of.get(&(left, right))?, at)))
                .min();
            let Some((rank, at)) = lowest else { return parts };
            parts.splice(at..at + 2, [rank]);
        }
    }

    /// The pairs and what they make.
    pub(super) fn pairs(&self) -> Vec<(u64, u32)> {
        self.of
            .iter()
            .map(|(&(left, right), &rank)| (u64::from(left) << 18 | u64::from(right), rank))
            .collect()
    }

    /// What each pair of bytes makes.
    pub(super) fn pairs_of_bytes(&self) -> Vec<u32> {
        let bytes = &self.bytes;
        let right = |left: u32| {
            bytes.iter().map(move |&right| self.of.get(&(left, right)).copied().unwrap_or(u32::MAX))
        };
        bytes.iter().flat_map(|&left| right(left)).collect()
    }
}

/// The token of each character of two or three bytes.
///
/// What a token is made of has lower ranks than itself, so a character is put together before any
/// join of a higher rank.
pub(super) fn chars(vocabulary: &Vocabulary) -> Vec<u32> {
    let mut chars = vec![u32::MAX; 0x1_0000];
    for (rank, token) in (0..).zip(vocabulary.tokens()) {
        let Ok(text) = std::str::from_utf8(token) else { continue };
        let mut all = text.chars();
        if let (Some(char), None) = (all.next(), all.next())
            && char.len_utf8() > 1
            && let Some(place) = chars.get_mut(char as usize)
        {
            *place = rank;
        }
    }
    chars
}

impl Key for (u64, u32) {
    fn key(&self) -> u64 {
        self.0
    }
}

impl Key for (u64, u64) {
    fn key(&self) -> u64 {
        if self.1 == 0 { self.0 } else { super::hash::halves(self.0, self.1) }
    }
}
