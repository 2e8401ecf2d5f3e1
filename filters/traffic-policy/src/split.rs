//! Which version a request gets.
//!
//! Weighted rendezvous hashing, told as a race: for a user's key every version draws a time, exponentially
//! distributed and always the same for the two of them, and is as much faster as its weight is larger. The
//! first one home gets the user. The first of several exponential times is each one's with the probability
//! of its rate among all rates, so the shares are those of the weights, whatever their sum.
//!
//! # Why not a ring or ranges of a hash
//! A raised weight makes one version faster and changes no other one's time. So who moves, moves *to* the
//! raised version, and with a lowered one *away* from it; with ranges laid side by side everybody behind
//! the moved bound would change. What a transfer between two of several versions costs more than it has
//! to is told by [`moved()`]: no assignment that remembers nothing avoids it.
//!
//! # Why it is exact
//! Times are whole numbers and are compared as fractions, `time / weight`, by multiplying crosswise. So
//! nothing is rounded when weights change, and the two properties above hold for every key and not for
//! most. The logarithm is the crate's and not the platform's: natively and in wasm every bit is the same.
//!
//! # Limits
//! Weights that change at different moments on different proxies are different weights for that long.

mod config;
mod force;
mod key;
mod moved;

pub use config::RawArm;
pub use force::{Force, RawForce};
pub use key::{BodyField, Cookie, Key, RawKey, SameSite, sticky};
pub use moved::{Moves, moved};

/// So many versions one split chooses between.
pub const MOST_ARMS: usize = 16;

/// The largest weight.
pub const MOST_WEIGHT: u32 = (1 << 31) - 1;

/// One version, and how much of the traffic it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arm {
    /// What `x-llm-version` says.
    pub version: String,
    /// As written in the configuration; a rollout or an adjustment may have others.
    pub weight: u32,
    /// The model that its servers run, if it is not the pool's.
    pub model: Option<String>,
    /// What its times are drawn from. The pool has a part in it, so that the users who try the new version
    /// of one pool are not those who try all others as well.
    seed: u64,
}

/// The versions of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    arms: Vec<Arm>,
}

impl Split {
    /// The versions, in the order of the configuration.
    pub fn arms(&self) -> &[Arm] {
        &self.arms
    }

    /// The weights as they are written.
    pub fn weights(&self) -> Vec<u32> {
        self.arms.iter().map(|arm| arm.weight).collect()
    }

    /// The place of a version.
    pub fn position(&self, version: &str) -> Option<usize> {
        self.arms.iter().position(|arm| arm.version == version)
    }

    /// The version that a key gets with these weights, which are in the order of the arms; none if no
    /// version has a weight.
    ///
    /// The key may be any number, small ones too. Where a request has none, a random one is a random
    /// choice.
    pub fn assign(&self, key: u64, weights: &[u32]) -> Option<usize> {
        let mut first: Option<(usize, u64, u32)> = None;
        for (index, (arm, weight)) in self.arms.iter().zip(weights).enumerate() {
            let time = time(key, arm.seed);
            // Crosswise is `time / weight < best / its weight`, exactly; the earlier arm wins a tie.
            let is_first = first.is_none_or(|(_, best, its)| {
                u128::from(time) * u128::from(its) < u128::from(best) * u128::from(*weight)
            });
            if *weight > 0 && is_first {
                first = Some((index, time, *weight));
            }
        }
        first.map(|(index, ..)| index)
    }
}

/// How finely time is counted: the longest time there is, 36.8, still fits.
const TICKS: f64 = (1_u64 << 57) as f64;

/// An exponentially distributed time, in ticks, the same for a key and a seed for ever; never zero.
fn time(key: u64, seed: u64) -> u64 {
    let draw = stir(stir(key).wrapping_add(seed));
    // 52 bits and a half: strictly between 0 and 1, and not rounded.
    let uniform = ((draw >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
    (-libm::log(uniform) * TICKS) as u64
}

/// Every bit of the number has a part in every bit of the result (`SplitMix64`'s last step).
fn stir(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests;
