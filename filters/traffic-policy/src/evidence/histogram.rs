//! How long or how many: counts in buckets, four to an octave.
//!
//! Each bucket is at most a quarter wider than the one before, whatever the scale, and the place of a value
//! is found with shifts: no logarithm, no table, the same in every build.

/// So many buckets; the last one has all from 1,835,008.
pub const BUCKETS: usize = 80;

/// Counts by size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Histogram {
    /// For each bucket, from small to large.
    pub counts: [u64; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS] }
    }
}

impl Histogram {
    /// The bucket of a value.
    pub fn place(value: u64) -> usize {
        let octave = value.max(1).ilog2().saturating_sub(2);
        let place = u64::from(octave * 4) + (value >> octave);
        usize::try_from(place).unwrap_or(BUCKETS).min(BUCKETS - 1)
    }

    /// The smallest value of a bucket.
    pub fn least(place: usize) -> u64 {
        let place = place as u64;
        let octave = (place / 4).saturating_sub(1).min(56);
        (place - octave * 4) << octave
    }

    /// A value more.
    pub fn record(&mut self, value: u64) {
        if let Some(count) = self.counts.get_mut(Self::place(value)) {
            *count = count.saturating_add(1);
        }
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// How many are in this bucket or in one above it.
    pub fn from(&self, place: usize) -> u64 {
        self.counts.iter().skip(place).fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The value that this share of all is below, taken as evenly spread within its bucket; none if there is
    /// nothing.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let wanted = share.clamp(0.0, 1.0) * total as f64;
        let mut below = 0.0;
        for (place, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let count = *count as f64;
            if below + count >= wanted {
                let (least, next) = (Self::least(place) as f64, Self::least(place + 1) as f64);
                return Some(least + (next - least) * ((wanted - below) / count).clamp(0.0, 1.0));
            }
            below += count;
        }
        None
    }

    /// These and those.
    pub fn add(&mut self, more: &Self) {
        for (count, more) in self.counts.iter_mut().zip(more.counts) {
            *count = count.saturating_add(more);
        }
    }

    /// What has been added since an earlier state of it; none if something has gone.
    pub(super) fn since(&self, before: &Self) -> Option<Self> {
        let mut since = *self;
        for (count, before) in since.counts.iter_mut().zip(before.counts) {
            *count = count.checked_sub(before)?;
        }
        Some(since)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_value_is_in_the_bucket_whose_bounds_it_is_between(value in 0_u64..1 << 21) {
            let place = Histogram::place(value);
            prop_assert!(Histogram::least(place) <= value);
            prop_assert!(value < Histogram::least(place + 1));
        }

        #[test]
        fn quantiles_are_ordered_and_near_what_they_stand_for(
            values in prop::collection::vec(4_u64..1 << 20, 1..200), share in 0.0..1.0_f64,
        ) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|value| histogram.record(*value));
            let mut sorted = values;
            sorted.sort_unstable();
            let wanted = ((share * sorted.len() as f64).ceil() as usize).clamp(1, sorted.len());
            let exact = sorted[wanted - 1] as f64;
            let found = histogram.quantile(share).unwrap();
            prop_assert!(found >= exact / 1.25 - 1.0 && found <= exact * 1.25 + 1.0, "{exact} {found}");
            prop_assert!(found <= histogram.quantile(1.0).unwrap());
        }
    }

    #[test]
    fn what_is_too_large_is_in_the_last_bucket_and_counts_do_not_overflow() {
        assert_eq!(Histogram::place((1 << 21) - 1), BUCKETS - 1);
        assert_eq!(Histogram::place(u64::MAX), BUCKETS - 1);
        let mut histogram = Histogram { counts: [u64::MAX; BUCKETS] };
        histogram.record(1);
        assert_eq!(histogram.total(), u64::MAX);
        assert!(histogram.quantile(0.5).is_some());
        assert_eq!(Histogram::default().quantile(0.5), None);
    }
}
