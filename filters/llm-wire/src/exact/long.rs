//! Joins up to 1,024 bytes into tokens, as the encoder does it.
//!
//! As in `merge`, but with the lowest join of every sixteen places beside, so that the lowest of
//! all is found without looking at all of them.

use wide::u32x4;

use super::split::split;
use super::vocabulary::{NONE, Vocabulary};

/// The most bytes that are joined at a time.
pub(super) const MOST: usize = 1024;
const BLOCK: usize = 16;
const AT_BITS: u32 = MOST.trailing_zeros();

/// The memory that joining takes; kept, so that it is not cleared again for each text.
#[derive(Clone, Debug)]
pub(super) struct Long {
    tokens: [u32; MOST],
    joins: [[[u32; 4]; BLOCK / 4]; MOST / BLOCK],
    lowest: [[u32; 4]; MOST / BLOCK / 4],
    /// Where the part after and the part before a part begin; of places without a part, nothing.
    next: [u16; MOST],
    before: [u16; MOST],
    end: usize,
    /// What was joined last. A run of one character is the same window over and over.
    text: [u8; MOST],
}

impl Default for Long {
    fn default() -> Self {
        Self {
            tokens: [0; MOST],
            joins: [[[NONE; 4]; BLOCK / 4]; MOST / BLOCK],
            lowest: [[NONE; 4]; MOST / BLOCK / 4],
            next: [0; MOST],
            before: [0; MOST],
            end: 0,
            text: [0; MOST],
        }
    }
}

impl Long {
    /// Joins the first 1,024 bytes of `text`.
    pub(super) fn merge(&mut self, vocabulary: &Vocabulary, text: &[u8]) {
        let text = text.get(..MOST).unwrap_or(text);
        if self.text.get(..self.end) == Some(text) {
            return;
        }
        self.end = text.len();
        self.text.iter_mut().zip(text).for_each(|(place, byte)| *place = *byte);
        self.joins = [[[NONE; 4]; BLOCK / 4]; MOST / BLOCK];
        self.lowest = [[NONE; 4]; MOST / BLOCK / 4];
        let mut last = None;
        split(vocabulary, text, |at, token, join| {
            put(&mut self.tokens, at, token);
            put(self.joins.as_flattened_mut().as_flattened_mut(), at, packed(at, join));
            if let Some(last) = last {
                put(&mut self.next, last, at as u16);
            }
            put(&mut self.before, at, last.unwrap_or(MOST) as u16);
            last = Some(at);
        });
        put(&mut self.next, last.unwrap_or_default(), self.end as u16);
        for block in 0..self.end.div_ceil(BLOCK) {
            self.update(block);
        }
        let used = self.end.div_ceil(BLOCK * 4);
        while let Some((at, token)) = self.next_join(used) {
            self.join(vocabulary, at, token);
        }
    }

    /// Where each token ends, in order.
    pub(super) fn ends(&self) -> impl Iterator<Item = usize> {
        let next = |at: &usize| (*at < self.end).then(|| usize::from(get(&self.next, *at)));
        std::iter::successors(Some(0).filter(|_| self.end > 0), next).skip(1)
    }

    fn next_join(&self, used: usize) -> Option<(usize, u32)> {
        let blocks = self.lowest.get(..used).unwrap_or(&self.lowest);
        let lowest = least(blocks);
        (lowest != NONE).then_some(((lowest & (MOST as u32 - 1)) as usize, lowest >> AT_BITS))
    }

    fn join(&mut self, vocabulary: &Vocabulary, at: usize, token: u32) {
        let gone = usize::from(get(&self.next, at));
        let next = usize::from(get(&self.next, gone));
        let before = usize::from(get(&self.before, at));
        put(&mut self.tokens, at, token);
        put(&mut self.next, at, next as u16);
        put(&mut self.before, next, at as u16);
        let with_next =
            if next < self.end { vocabulary.join(token, get(&self.tokens, next)) } else { NONE };
        let joins = self.joins.as_flattened_mut().as_flattened_mut();
        put(joins, gone, NONE);
        put(joins, at, packed(at, with_next));
        if before < MOST {
            let joined = vocabulary.join(get(&self.tokens, before), token);
            put(joins, before, packed(before, joined));
            if before / BLOCK != at / BLOCK {
                self.update(before / BLOCK);
            }
        }
        self.update(at / BLOCK);
        if gone / BLOCK != at / BLOCK {
            self.update(gone / BLOCK);
        }
    }

    fn update(&mut self, block: usize) {
        let lowest = self.joins.get(block).map_or(NONE, |joins| least(joins));
        put(self.lowest.as_flattened_mut(), block, lowest);
    }
}

fn packed(at: usize, join: u32) -> u32 {
    if join == NONE { NONE } else { join << AT_BITS | at as u32 }
}

fn least(fours: &[[u32; 4]]) -> u32 {
    let least = fours.iter().fold(u32x4::MAX, |least, four| least.min(u32x4::new(*four)));
    least.to_array().into_iter().fold(NONE, u32::min)
}

fn put<T>(all: &mut [T], at: usize, value: T) {
    if let Some(place) = all.get_mut(at) {
        *place = value;
    }
}

fn get<T: Copy + Default>(all: &[T], at: usize) -> T {
    all.get(at).copied().unwrap_or_default()
}
