//! Where a key is looked for. The build script places keys by the same functions, of this same file.

const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
const SPREAD: u64 = 0xd6e8_feb8_6659_fd93;

/// How many words of 64 bits a filter has.
pub(super) const FILTER_WORDS: usize = 1 << 14;

#[inline(always)]
fn mix(key: u64) -> u64 {
    // Without the first step a key of nothing but zeros would stay at its place whatever the seed.
    let mixed = (key ^ SPREAD).wrapping_mul(MIX);
    mixed ^ (mixed >> 32)
}

/// The bucket of a key, among as many as the shift leaves.
#[inline(always)]
pub(super) fn bucket(key: u64, shift: u32) -> usize {
    (mix(key).wrapping_mul(MIX) >> shift) as usize
}

/// The shift for a number of buckets, a power of two.
pub(super) const fn shift(buckets: usize) -> u32 {
    64 - buckets.trailing_zeros()
}

/// The place to which its bucket's seed leads a key.
#[inline(always)]
pub(super) fn place(key: u64, seed: u8, places: u64) -> usize {
    let spread = mix(key).wrapping_mul(SPREAD.wrapping_add(u64::from(seed) << 1)) >> 32;
    ((spread * places) >> 32) as usize
}

/// The word of a filter that a key is noted in, and its two bits there.
#[inline(always)]
pub(super) fn filter(key: u64) -> (usize, u64) {
    let hash = mix(key).wrapping_mul(MIX);
    ((hash >> 50) as usize, 1 << (hash >> 44 & 63) | 1 << (hash >> 38 & 63))
}

/// One key of sixteen bytes.
#[inline(always)]
pub(super) fn halves(low: u64, high: u64) -> u64 {
    low ^ high.wrapping_mul(MIX).rotate_left(32)
}
