//! Numbers drawn from a seed, each from a place of its own: what one request draws does not depend on what
//! others have drawn, so that it is the same with and without the filters.
//!
//! Only sums, products and comparisons: a logarithm's last bit differs from one C library to the next.

use std::time::Duration;

/// What numbers are drawn for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Request = 1,
    Answer = 2,
    Fate = 3,
}

/// The numbers of one request, for one purpose.
pub(crate) fn of(seed: u64, purpose: Purpose, number: usize) -> fastrand::Rng {
    let place = (number as u64) << 8 | purpose as u64;
    fastrand::Rng::with_seed(seed ^ place.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// A time around `median`: as often so many times longer as so many times shorter, like a lognormal one.
/// `octaves` is what its logarithm to the base 2 deviates by.
pub(crate) fn around(random: &mut fastrand::Rng, median: Duration, octaves: f64) -> Duration {
    median.mul_f64(factor(normal(random) * octaves))
}

/// A number of `low` to `high`, small ones more often: each octave is as likely as the next.
pub(crate) fn skewed(random: &mut fastrand::Rng, low: u32, high: u32) -> u32 {
    let octaves = f64::from(high / low.max(1)).max(1.0);
    let mut span = 0.0;
    let mut reach = 1.0;
    while reach < octaves {
        reach *= 2.0;
        span += 1.0;
    }
    let drawn = f64::from(low) * factor(random.f64() * span);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between the two")]
    let drawn = drawn as u32;
    drawn.clamp(low, high)
}

/// Nearly normal, with deviation 1: twelve uniform numbers, less what they are on average.
fn normal(random: &mut fastrand::Rng) -> f64 {
    (0..12).map(|_| random.f64()).sum::<f64>() - 6.0
}

/// Two to this power, straight between whole powers.
fn factor(octaves: f64) -> f64 {
    let whole = octaves.floor();
    #[expect(clippy::cast_possible_truncation, reason = "a handful of octaves")]
    let power = 2_f64.powi(whole as i32);
    power * (1.0 + octaves - whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_times_are_longer_and_some_are_much_longer() {
        let mut random = of(7, Purpose::Answer, 3);
        let median = Duration::from_millis(100);
        let times: Vec<Duration> = (0..4_000).map(|_| around(&mut random, median, 1.0)).collect();
        let longer = times.iter().filter(|time| **time > median).count();
        assert!((1_850..2_150).contains(&longer), "{longer}");
        assert!(times.iter().any(|time| *time > median * 5), "no tail");
        assert!(times.iter().all(|time| *time > median / 100), "{:?}", times.iter().min());
    }

    #[test]
    fn sizes_stay_between_their_bounds_and_most_are_small() {
        let mut random = of(1, Purpose::Request, 0);
        let sizes: Vec<u32> = (0..2_000).map(|_| skewed(&mut random, 20, 400)).collect();
        assert!(sizes.iter().all(|size| (20..=400).contains(size)));
        let small = sizes.iter().filter(|size| **size < 120).count();
        assert!((1_000..1_600).contains(&small), "{small}");
    }

    #[test]
    fn each_request_draws_for_itself() {
        let first = |number| of(5, Purpose::Request, number).u64(..);
        assert_eq!(first(9), first(9));
        assert_ne!(first(9), first(10));
        assert_ne!(first(9), of(5, Purpose::Answer, 9).u64(..));
    }
}
