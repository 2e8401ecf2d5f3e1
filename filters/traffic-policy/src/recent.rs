//! Two sums over what happened lately: in a window that slides in steps.
//!
//! A few buckets in the place of a list of events: a fixed size whatever the traffic, and nothing to tidy
//! up, because old buckets are overwritten by new ones. The window is therefore not sharp. The sums cover
//! at least the window that was asked for and at most a fifth more, and never less: who limits something
//! by them limits it in every window of that length.

use std::time::Duration;

/// One is being filled, the others cover the window.
pub(crate) const BUCKETS: usize = 6;

/// What is summed: first all, then those that something is said about.
pub(crate) type Pair = [u64; 2];

/// The sums of the last buckets, the newest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Recent {
    /// The number of the newest bucket, counted from the clock's zero.
    pub(crate) newest: u64,
    pub(crate) buckets: [Pair; BUCKETS],
}

impl Recent {
    /// Forgets what is older than the window.
    ///
    /// A clock that is a little behind is another worker's, which has read it earlier. One that is
    /// further behind counts by something else, and nothing that was counted before means anything.
    pub(crate) fn slide(&mut self, now: Duration, window: Duration) {
        let bucket = window.as_micros().max(1).div_ceil(BUCKETS as u128 - 1);
        let number = u64::try_from(now.as_micros() / bucket).unwrap_or(u64::MAX);
        let steps = usize::try_from(number.abs_diff(self.newest)).unwrap_or(usize::MAX);
        if steps >= BUCKETS {
            *self = Self { newest: number, buckets: Default::default() };
        } else if number > self.newest {
            self.newest = number;
            self.buckets.rotate_right(steps);
            self.buckets.iter_mut().take(steps).for_each(|old| *old = Pair::default());
        }
    }

    /// Adds to the newest bucket.
    pub(crate) fn add(&mut self, more: Pair) {
        if let Some(newest) = self.buckets.first_mut() {
            *newest = plus(*newest, more);
        }
    }

    /// What all buckets have together.
    pub(crate) fn sums(&self) -> Pair {
        self.buckets.iter().copied().fold(Pair::default(), plus)
    }
}

fn plus([a, b]: Pair, [c, d]: Pair) -> Pair {
    [a.saturating_add(c), b.saturating_add(d)]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WINDOW: Duration = Duration::from_secs(30);

    fn after(times: &[u64], now: u64) -> u64 {
        let mut recent = Recent::default();
        for time in times {
            recent.slide(Duration::from_millis(*time), WINDOW);
            recent.add([1, 0]);
        }
        recent.slide(Duration::from_millis(now), WINDOW);
        recent.sums()[0]
    }

    #[test]
    fn what_is_older_than_the_window_and_a_fifth_is_forgotten() {
        assert_eq!(after(&[0, 1_000], 30_000), 2);
        assert_eq!(after(&[0, 1_000], 35_999), 2);
        assert_eq!(after(&[0, 1_000], 36_000), 0);
        assert_eq!(after(&[0, 1_000], 1_000_000), 0);
    }

    #[test]
    fn a_clock_that_is_a_little_behind_forgets_nothing_and_one_far_behind_everything() {
        assert_eq!(after(&[60_000, 59_000], 58_000), 2);
        assert_eq!(after(&[60_000, 61_000], 1_000), 0);
    }

    #[test]
    fn the_ends_of_numbers_and_of_time_are_no_trap() {
        let mut recent = Recent::default();
        for now in [Duration::MAX, Duration::ZERO, Duration::MAX] {
            for window in [Duration::ZERO, Duration::MAX, WINDOW] {
                recent.slide(now, window);
                recent.add([u64::MAX, u64::MAX]);
                recent.add([1, 1]);
                assert_eq!(recent.sums(), [u64::MAX, u64::MAX]);
            }
        }
    }

    proptest! {
        #[test]
        fn the_sum_is_between_that_of_the_window_and_that_of_a_fifth_more(
            steps in prop::collection::vec(0_u64..9_000, 0..60), wait in 0_u64..50_000,
        ) {
            let times: Vec<u64> =
                steps.iter().scan(0, |now, step| { *now += step; Some(*now) }).collect();
            let now = times.last().copied().unwrap_or(0) + wait;
            let within = |span: u64| times.iter().filter(|time| now - **time < span).count() as u64;
            let sum = after(&times, now);
            prop_assert!(within(30_000) <= sum && sum <= within(36_000), "{sum} at {now}");
        }
    }
}
