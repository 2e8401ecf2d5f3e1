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
        let mixed = (key ^ SPREAD).wrapping_mul(MIX);
        let mixed = mixed ^ (mixed >> 32);
        let bucket = (mixed.wrapping_mul(MIX) >> self.shift) as usize;
        let seed = self.seeds.get(bucket).copied().unwrap_or_default();
        let spread = mixed.wrapping_mul(SPREAD.wrapping_add(u64::from(seed) << 1)) >> 32;
        ((spread * self.places) >> 32) as usize
    }
}
