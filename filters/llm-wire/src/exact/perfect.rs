//! Looks a key up in a perfect hash: one read for the seed, one for the place.
//!
//! The tables are made by the build script, where `build/perfect.rs` says how and why.

use super::hash;

/// Where the keys of one table are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Perfect {
    seeds: &'static [u8],
    shift: u32,
    places: u64,
}

impl Perfect {
    pub(super) const fn new(seeds: &'static [u8], places: usize) -> Self {
        Self { seeds, shift: hash::shift(seeds.len()), places: places as u64 }
    }

    /// The only place where the key can be.
    #[inline(always)]
    pub(super) fn place(&self, key: u64) -> usize {
        let seed = self.seeds.get(hash::bucket(key, self.shift)).copied().unwrap_or_default();
        hash::place(key, seed, self.places)
    }
}

/// Which keys may be in a table, in two bits each: of those that are not, a tenth may seem to be.
///
/// Most pairs of tokens join to nothing. The table is too large for a processor's near memory, and
/// this is not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter(pub(super) &'static [[u8; 8]; hash::FILTER_WORDS]);

impl Filter {
    #[inline(always)]
    pub(super) fn may_have(&self, key: u64) -> bool {
        let (at, bits) = hash::filter(key);
        let word = self.0.get(at).map_or(0, |word| u64::from_le_bytes(*word));
        word & bits == bits
    }
}
