//! A perfect hash of a fixed set of keys: each has a place of its own, found by two reads.
//!
//! Keys are gathered into buckets, and for each bucket a seed is searched that leads its keys to
//! places that are still free; the fullest buckets choose first. A lookup reads the bucket's seed
//! and the one place it leads to, whether the key is there or not. The common open tables take one
//! read for what is there, but several for what is not, and most pairs of tokens are not there.

use std::error::Error;

/// Nineteen of twenty places are taken.
const LOAD: (usize, usize) = (19, 20);

/// The seeds, and how many places there are.
pub(super) struct Perfect {
    pub(super) seeds: Vec<u8>,
    places: usize,
}

impl Perfect {
    /// Searches seeds for these keys, which must be different.
    pub(super) fn of(keys: impl ExactSizeIterator<Item = u64>) -> Result<Self, Box<dyn Error>> {
        let keys: Vec<u64> = keys.collect();
        let fewest = (keys.len() / 3).next_power_of_two().max(2);
        let found = (0..3).find_map(|more| Self::with_buckets(&keys, fewest << more));
        found.ok_or_else(|| {
            "no seeds lead all keys to places of their own; is one there twice?".into()
        })
    }

    fn with_buckets(keys: &[u64], count: usize) -> Option<Self> {
        let places = keys.len() * LOAD.1 / LOAD.0 + 1;
        let mut buckets = vec![Vec::new(); count];
        for &key in keys {
            buckets.get_mut(bucket(key, count))?.push(key);
        }
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(buckets.get(at).map_or(0, Vec::len)));
        let mut taken = vec![false; places];
        let mut seeds = vec![0; count];
        for at in order {
            let keys = buckets.get(at).map_or(&[][..], Vec::as_slice);
            let found = (0..=u8::MAX).find_map(|seed| {
                let mut wanted: Vec<usize> =
                    keys.iter().map(|&key| place(key, seed, places)).collect();
                wanted.sort_unstable();
                let free = wanted.iter().all(|&at| taken.get(at) == Some(&false));
                (free && wanted.windows(2).all(|two| two.first() != two.last()))
                    .then_some((seed, wanted))
            });
            let (seed, wanted) = found?;
            wanted.iter().for_each(|&at| {
                if let Some(place) = taken.get_mut(at) {
                    *place = true
                }
            });
            if let Some(place) = seeds.get_mut(at) {
                *place = seed;
            }
        }
        Some(Self { seeds, places })
    }

    /// The values at the places of their keys; `empty` where none is.
    pub(super) fn place<T: Key, V: Clone>(
        &self,
        values: &[T],
        empty: V,
        to: impl Fn(&T) -> V,
    ) -> Vec<V> {
        let mut slots = vec![empty; self.places];
        for value in values {
            let key = value.key();
            let seed = self.seeds.get(bucket(key, self.seeds.len())).copied().unwrap_or_default();
            if let Some(slot) = slots.get_mut(place(key, seed, self.places)) {
                *slot = to(value);
            }
        }
        slots
    }
}

/// Two bits in one of 16,384 words for each key, so that most of what is no key is told at once.
pub(super) fn filter(keys: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut words = vec![0; 1 << 14];
    for hash in keys.map(|key| mix(key).wrapping_mul(MIX)) {
        if let Some(word) = words.get_mut((hash >> 50) as usize) {
            *word |= 1 << (hash >> 44 & 63) | 1 << (hash >> 38 & 63);
        }
    }
    words
}

/// What is looked up.
pub(super) trait Key {
    fn key(&self) -> u64;
}

// The same arithmetic as in `src/exact/perfect.rs`; the counters' tests would notice if it were not.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
const SPREAD: u64 = 0xd6e8_feb8_6659_fd93;

fn mix(key: u64) -> u64 {
    let mixed = (key ^ SPREAD).wrapping_mul(MIX);
    mixed ^ (mixed >> 32)
}

fn bucket(key: u64, buckets: usize) -> usize {
    (mix(key).wrapping_mul(MIX) >> (64 - buckets.trailing_zeros())) as usize
}

fn place(key: u64, seed: u8, places: usize) -> usize {
    let spread = mix(key).wrapping_mul(SPREAD.wrapping_add(u64::from(seed) << 1)) >> 32;
    ((spread * places as u64) >> 32) as usize
}
