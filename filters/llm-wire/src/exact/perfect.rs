//! Looks a key up in a perfect hash: one read for the seed, one for the place.
//!
//! The tables are made by the build script, where `build/perfect.rs` says how and why.

/// Where the keys of one table are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Perfect {
    seeds: &'static [u8],
    shift: u32,
    places: u64,
}

const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
const SPREAD: u64 = 0xd6e8_feb8_6659_fd93;

impl Perfect {
    pub(super) const fn new(seeds: &'static [u8], places: usize) -> Self {
        Self { seeds, shift: 64 - seeds.len().trailing_zeros(), places: places as u64 }
    }

    /// The only place where the key can be.
    #[inline(always)]
    pub(super) fn place(&self, key: u64) -> usize {
        let mixed = mix(key);
        let bucket = (mixed.wrapping_mul(MIX) >> self.shift) as usize;
        let seed = self.seeds.get(bucket).copied().unwrap_or_default();
        let spread = mixed.wrapping_mul(SPREAD.wrapping_add(u64::from(seed) << 1)) >> 32;
        ((spread * self.places) >> 32) as usize
    }
}

/// Which keys may be in a table, in two bits each: of those that are not, a tenth may seem to be.
///
/// Most pairs of tokens join to nothing. The table is too large for a processor's near memory, and
/// this is not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter(pub(super) &'static [[u8; 8]; 1 << 14]);

impl Filter {
    #[inline(always)]
    pub(super) fn may_have(&self, key: u64) -> bool {
        let hash = mix(key).wrapping_mul(MIX);
        let bits = 1 << (hash >> 44 & 63) | 1 << (hash >> 38 & 63);
        let word = self.0.get((hash >> 50) as usize).map_or(0, |word| u64::from_le_bytes(*word));
        word & bits == bits
    }
}

#[inline(always)]
fn mix(key: u64) -> u64 {
    let mixed = (key ^ SPREAD).wrapping_mul(MIX);
    mixed ^ (mixed >> 32)
}
