//! Where a model's record is kept.
//!
//! Proxies' shared data has no delete, so there is a fixed number of slots. A model has four of
//! them that its name's hash chooses, and its record is in the first that no other model had taken:
//! slots are never given back, so whoever looks for it in that order finds it. Each record says by a
//! longer hash whose it is; no two models ever learn from each other.

/// How many there are; each holds less than 256 bytes.
pub const SLOTS: u16 = 1024;

/// The number of a slot.
pub type Slot = u16;

/// Which model a record belongs to.
pub fn fingerprint(model: &str) -> u64 {
    // FNV-1a, and a last stir, because the low bits alone choose the slot.
    let hash = model.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash ^ hash >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ hash >> 32
}

/// The slots in which a model's record may be, in the order in which to look.
pub fn slots(fingerprint: u64) -> [Slot; 4] {
    [0, 16, 32, 48].map(|shift| (fingerprint >> shift) as Slot % SLOTS)
}
