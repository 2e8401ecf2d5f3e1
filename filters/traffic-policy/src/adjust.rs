//! Weights by load: a version that is slower than the others gets less, within bounds and little by little.
//!
//! What a version costs is measured once in an interval: its time to the first token, or the tokens that it
//! has outstanding for each part of the traffic that it gets. A version's aim is its weight in the
//! configuration divided by its cost, and each interval goes a part of the way there.
//!
//! # Why the aim does not depend on where the weights are
//! A rule that lowers a version for as long as it is slower goes on until a bound stops it, and swings when
//! the measurement is late. Outstanding tokens are arrivals times time (Little), so divided by the share they
//! do not change when only the share does: while servers are as fast as they are, the aim stands still, and
//! the weights come to it from one side. When all cost the same, the aim is the configuration.
//!
//! # Limits
//! Each proxy measures what it sends itself. A version that nobody measured keeps its last cost, and one that
//! was never measured is taken as average.

pub mod load;

use std::time::Duration;

use serde::Deserialize;

use crate::invalid::Invalid;
use crate::split::Split;
use crate::units::Span;

/// The section `adjust` of one pool.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawAdjust {
    /// What is measured.
    pub by: By,
    /// The least that a version with a weight gets, of a hundred.
    pub min: u32,
    /// The most that one gets, of a hundred.
    pub max: u32,
    /// The time between two changes.
    #[serde(default = "interval")]
    pub interval: Span,
}

fn interval() -> Span {
    Span(Duration::from_secs(10))
}

/// What is measured of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The tokens of prompts and answers that are on their way.
    OutstandingTokens,
    /// The mean time to the first token.
    FirstToken,
}

/// How weights follow load.
#[derive(Debug, Clone, PartialEq)]
pub struct Adjust {
    by: By,
    interval: Duration,
    /// The configuration's shares; 0 for a version without a weight, which never gets any.
    shares: Vec<f64>,
    /// The least and the most share.
    bounds: [f64; 2],
}

/// Where weights are, and what is known of costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Adjusted {
    /// For each version, of [`ALL`].
    pub weights: Vec<u32>,
    /// Smoothed; none where nothing was measured yet.
    costs: Vec<Option<f64>>,
}

/// The sum of adjusted weights.
pub const ALL: u32 = 10_000;

/// How much a new measurement counts against what was known.
const NEW: f64 = 0.3;

/// The part of the way to its aim that a share goes in an interval,
const PART: f64 = 0.25;

/// and how far it goes at most.
const STEP: f64 = 0.05;

impl TryFrom<(RawAdjust, &Split)> for Adjust {
    type Error = Invalid;

    fn try_from((raw, split): (RawAdjust, &Split)) -> Result<Self, Invalid> {
        let weights = split.weights();
        let with_weight = weights.iter().filter(|weight| **weight > 0).count() as u32;
        // Weights are not all 0, and there are at most sixteen.
        let even = 100 / with_weight.max(1);
        if !(1..=even).contains(&raw.min) {
            let cure = if raw.min < 1 { "raise it" } else { "lower it" };
            let problem = format!(
                "found `{}`; allowed 1 to {even} with `{with_weight}` versions; {cure}",
                raw.min
            );
            return Err(Invalid::new("min", problem));
        }
        let least = 100_u32.div_ceil(with_weight.max(1));
        if !(least..=100).contains(&raw.max) {
            let cure = if raw.max < least { "raise it" } else { "lower it" };
            let problem = format!(
                "found `{}`; allowed {least} to 100 with `{with_weight}` versions; {cure}",
                raw.max
            );
            return Err(Invalid::new("max", problem));
        }
        let [shortest, longest] = [1, 3_600].map(|seconds| Span(Duration::from_secs(seconds)));
        if !(shortest..=longest).contains(&raw.interval) {
            let cure = if raw.interval < shortest { "raise it" } else { "lower it" };
            let problem =
                format!("found `{}`; allowed {shortest} to {longest}; {cure}", raw.interval);
            return Err(Invalid::new("interval", problem));
        }
        let sum: f64 = weights.iter().copied().map(f64::from).sum();
        let shares = weights.iter().map(|weight| f64::from(*weight) / sum).collect();
        let bounds = [raw.min, raw.max].map(|percent| f64::from(percent) / 100.0);
        Ok(Self { by: raw.by, interval: raw.interval.0, shares, bounds })
    }
}

impl Adjust {
    /// What is measured.
    pub fn by(&self) -> By {
        self.by
    }

    /// The time between two changes.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// The weights of the configuration, within the bounds; nothing is known of costs.
    pub fn begin(&self) -> Adjusted {
        let shares = self.within_bounds(&self.shares);
        Adjusted { weights: whole(&shares), costs: vec![None; self.shares.len()] }
    }

    /// Goes on from weights that another has come to; what it knew of costs is not known.
    pub fn resume(&self, weights: &[u32]) -> Adjusted {
        Adjusted { weights: weights.to_vec(), costs: vec![None; self.shares.len()] }
    }

    /// The weights of the next interval, by what was measured in this one, in the order of the versions:
    /// outstanding tokens, or the mean time to the first token. None, what is not finite and what is negative
    /// is no measurement.
    pub fn next(&self, now: &Adjusted, measured: &[Option<f64>]) -> Adjusted {
        let share =
            |arm: usize| f64::from(now.weights.get(arm).copied().unwrap_or(0)) / f64::from(ALL);
        let costs: Vec<Option<f64>> = (0..self.shares.len())
            .map(|arm| {
                let known = now.costs.get(arm).copied().flatten();
                let measured = measured.get(arm).copied().flatten();
                let cost = measured.and_then(|measured| self.cost(measured, share(arm)));
                match (known, cost) {
                    (Some(known), Some(cost)) => Some(known + NEW * (cost - known)),
                    (known, cost) => cost.or(known),
                }
            })
            .collect();
        let aims = self.within_bounds(&self.aims(&costs));
        // The farthest goes as far as it may and the others in proportion, so that the sum stays.
        let ways: Vec<f64> = aims.iter().enumerate().map(|(arm, aim)| aim - share(arm)).collect();
        let farthest = ways.iter().fold(0.0_f64, |farthest, way| farthest.max(way.abs()));
        let part = if farthest * PART > STEP { STEP / farthest } else { PART };
        let shares: Vec<f64> =
            ways.iter().enumerate().map(|(arm, way)| share(arm) + part * way).collect();
        Adjusted { weights: whole(&shares), costs }
    }

    /// What a part of the traffic costs this version; none if that cannot be told.
    fn cost(&self, measured: f64, share: f64) -> Option<f64> {
        let cost = match self.by {
            By::FirstToken => measured,
            // A token more, or a version that happens to have none would be infinitely fast.
            By::OutstandingTokens => (measured + 1.0) / share,
        };
        (cost.is_finite() && cost > 0.0 && measured >= 0.0).then_some(cost)
    }

    /// The configuration's shares divided by the costs.
    fn aims(&self, costs: &[Option<f64>]) -> Vec<f64> {
        let known = || costs.iter().copied().flatten();
        let average = known().sum::<f64>() / known().count() as f64;
        let speed = |cost: &Option<f64>| cost.map_or(1.0, |cost| average / cost);
        let aims: Vec<f64> =
            self.shares.iter().zip(costs).map(|(s, cost)| s * speed(cost)).collect();
        let sum: f64 = aims.iter().sum();
        if !(sum.is_finite() && sum > 0.0) {
            return self.shares.clone();
        }
        aims.iter().map(|aim| aim / sum).collect()
    }

    /// The nearest shares within the bounds, with the same ratios where no bound is met: those at a bound
    /// stay there, and the others share what is left.
    fn within_bounds(&self, shares: &[f64]) -> Vec<f64> {
        let [min, max] = self.bounds;
        let clamped = |factor: f64| -> Vec<f64> {
            let clamp =
                |share: &f64| if *share > 0.0 { (share * factor).clamp(min, max) } else { 0.0 };
            shares.iter().map(clamp).collect()
        };
        // The sum grows with the factor, and reaches 1 because the bounds allow it.
        let (mut low, mut high) = (0.0, 1e12);
        for _ in 0..128 {
            let middle = f64::midpoint(low, high);
            if clamped(middle).iter().sum::<f64>() < 1.0 { low = middle } else { high = middle }
        }
        clamped(high)
    }
}

/// Whole weights of the sum [`ALL`]: rounded down, and what is left goes to the largest remainders.
fn whole(shares: &[f64]) -> Vec<u32> {
    let all = f64::from(ALL);
    let mut weights: Vec<u32> = shares.iter().map(|share| (share.max(0.0) * all) as u32).collect();
    let missing = ALL.saturating_sub(weights.iter().fold(0, |sum, w| sum.saturating_add(*w)));
    let mut order: Vec<(usize, f64)> =
        shares.iter().map(|share| (share.max(0.0) * all).fract()).enumerate().collect();
    order.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let with_share = order.iter().filter(|(arm, _)| shares.get(*arm).is_some_and(|s| *s > 0.0));
    for (arm, _) in with_share.cycle().take(missing as usize) {
        if let Some(weight) = weights.get_mut(*arm) {
            *weight += 1;
        }
    }
    weights
}

#[cfg(test)]
mod tests;
