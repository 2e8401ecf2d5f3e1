//! A perfect hash of a fixed set of keys: each has a place of its own, found by two reads.
//!
//! Keys are gathered into buckets, and for each bucket a seed is searched that leads its keys to
//! places that are still free; the fullest buckets choose first. A lookup reads the bucket's seed
//! and the one place it leads to, whether the key is there or not. The common open tables take one
//! read for what is there, but several for what is not, and most pairs of tokens are not there.

use std::error::Error;

use super::hash;

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
            buckets.get_mut(hash::bucket(key, hash::shift(count)))?.push(key);
        }
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(buckets.get(at).map_or(0, Vec::len)));
        let mut taken = vec![false; places];
        let mut seeds = vec![0; count];
        for at in order {
            let keys = buckets.get(at).map_or(&[][..], Vec::as_slice);
            let found = (0..=u8::MAX).find_map(|seed| {
                let mut wanted: Vec<usize> =
                    keys.iter().map(|&key| hash::place(key, seed, places as u64)).collect();
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
        let shift = hash::shift(self.seeds.len());
        for value in values {
            let key = value.key();
            let seed = self.seeds.get(hash::bucket(key, shift)).copied().unwrap_or_default();
            if let Some(slot) = slots.get_mut(hash::place(key, seed, self.places as u64)) {
                *slot = to(value);
            }
        }
        slots
    }
}

/// Two bits in one of 16,384 words for each key, so that most of what is no key is told at once.
pub(super) fn filter(keys: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut words = vec![0; hash::FILTER_WORDS];
    for (at, bits) in keys.map(hash::filter) {
        if let Some(word) = words.get_mut(at) {
            *word |= bits;
        }
    }
    words
}

/// What is looked up.
pub(super) trait Key {
    fn key(&self) -> u64;
}
