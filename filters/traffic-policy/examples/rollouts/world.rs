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

    fn draw(&self, rng: &mut fastrand::Rng, histogram: &mut Histogram) {
        let place = self.places.get(usize::from(rng.u16(0..QUANTILES))).copied().unwrap_or(0);
        if let Some(count) = histogram.counts.get_mut(place) {
            *count += 1;
        }
    }
}

/// By bisection: a few thousand values are needed once.
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
    pub(crate) failures: f64,
    pub(crate) first_token: Sizes,
    per_token: Sizes,
    output_tokens: Sizes,
    finish_length: f64,
    finish_content_filter: f64,
}

/// The spread of times to the first token where a row does not say another: prompts of any length.
pub(crate) const SIGMA: f64 = 0.7;

impl Version {
    /// With this share of failures; the first token after 400 ms in the median.
    pub(crate) fn new(failures: f64) -> Self {
        Self {
            failures,
            first_token: Sizes::new(400.0, SIGMA),
            per_token: Sizes::new(25_000.0, 0.3),
            output_tokens: Sizes::new(200.0, 1.0),
            finish_length: 0.05,
            finish_content_filter: 0.005,
        }
    }

    /// With its first token after a log-normal time.
    pub(crate) fn first_token(self, median: f64, sigma: f64) -> Self {
        Self { first_token: Sizes::new(median, sigma), ..self }
    }

    /// One request; the times of those that succeed only if there is a gate for them.
    pub(crate) fn request(
        &self,
        rng: &mut fastrand::Rng,
        factor: f64,
        with_all: bool,
        sample: &mut Sample,
    ) {
        let fails = rng.f64() < self.failures * factor;
        sample.failures.record(fails);
        if with_all && !fails {
            sample.finish_length.record(rng.f64() < self.finish_length);
            sample.finish_content_filter.record(rng.f64() < self.finish_content_filter);
            self.first_token.draw(rng, &mut sample.first_token);
            self.per_token.draw(rng, &mut sample.per_token);
            self.output_tokens.draw(rng, &mut sample.output_tokens);
        }
    }
}
