//! Requests of two versions, drawn from given distributions.

use traffic_policy::evidence::{Histogram, Sample};

/// Sizes that are log-normal, as places in a histogram: drawn by a table of their quantiles.
#[derive(Clone)]
pub(crate) struct Sizes {
    places: Vec<usize>,
}

const QUANTILES: u16 = 1 << 12;

impl Sizes {
    /// With this median, and this standard deviation of the logarithm.
    pub(crate) fn new(median: f64, sigma: f64) -> Self {
        let place = |n: u16| {
            let share = (f64::from(n) + 0.5) / f64::from(QUANTILES);
            Histogram::place((median * (sigma * normal_quantile(share)).exp()) as u64)
        };
        Self { places: (0..QUANTILES).map(place).collect() }
    }

    /// By so many of the lower bits.
    fn draw(&self, bits: u64, histogram: &mut Histogram) {
        let place = self.places.get(bits as usize % usize::from(QUANTILES));
        if let Some(count) = place.and_then(|place| histogram.counts.get_mut(*place)) {
            *count += 1;
        }
    }
}

/// By bisection: a few thousand values are needed once for each distribution.
fn normal_quantile(share: f64) -> f64 {
    let (mut low, mut high) = (-10.0_f64, 10.0_f64);
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        let below = libm::erfc(-middle / std::f64::consts::SQRT_2) / 2.0;
        if below < share { low = middle } else { high = middle }
    }
    low
}

/// How a version behaves.
#[derive(Clone)]
pub(crate) struct Version {
    failures: f64,
    first_token: Sizes,
    per_token: Sizes,
    output_tokens: Sizes,
}

/// The spread of times to the first token where a row does not say another: prompts of any length.
pub(crate) const SIGMA: f64 = 0.7;

/// Of 65,536 answers, those that are cut off and those that a filter ends: 5 % and 0.5 %.
const ENDINGS: [u64; 2] = [3_277, 328];

impl Version {
    /// With this share of failures; the first token after 400 ms in the median.
    pub(crate) fn new(failures: f64) -> Self {
        Self {
            failures,
            first_token: Sizes::new(400.0, SIGMA),
            per_token: Sizes::new(25_000.0, 0.3),
            output_tokens: Sizes::new(200.0, 1.0),
        }
    }

    /// With its first token after a log-normal time.
    pub(crate) fn first_token(self, median: f64, sigma: f64) -> Self {
        Self { first_token: Sizes::new(median, sigma), ..self }
    }

    /// Of 2^32 requests, those that fail, if so many times as many as usual do.
    pub(crate) fn failing(&self, factor: f64) -> u64 {
        (self.failures * factor * f64::from(u32::MAX)) as u64
    }

    /// One request; what else became of those that succeed only if there is a gate for it. Few numbers are
    /// drawn, and each is used for several things by different bits.
    pub(crate) fn request(
        &self,
        rng: &mut fastrand::Rng,
        failing: u64,
        with_all: bool,
        sample: &mut Sample,
    ) {
        let bits = rng.u64(..);
        let fails = bits >> 32 < failing;
        sample.failures.record(fails);
        if with_all && !fails {
            let [cut_off, filtered] = ENDINGS;
            sample.finish_length.record((bits & 0xffff) < cut_off);
            sample.finish_content_filter.record((bits >> 16 & 0xffff) < filtered);
            let bits = rng.u64(..);
            self.first_token.draw(bits, &mut sample.first_token);
            self.per_token.draw(bits >> 20, &mut sample.per_token);
            self.output_tokens.draw(bits >> 40, &mut sample.output_tokens);
        }
    }
}
