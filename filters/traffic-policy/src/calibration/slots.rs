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

/// The slots in which a model's record may be, in the order in which to look.
pub fn slots(fingerprint: u64) -> [Slot; 4] {
    [0, 16, 32, 48].map(|shift| (fingerprint >> shift) as Slot % SLOTS)
}
