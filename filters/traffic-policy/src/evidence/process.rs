//! A mixture e-process on counts of events; see [`super`] for what it is and why.
//!
//! # Why it is kept as counts
//! The logarithm for a ratio `r` is `events * ln r - against`: how many events were the candidate's, and how
//! many there were to be expected with such a ratio. Both only grow, like the counters of metrics, and those
//! of several proxies add up: the product of what each has seen in strata of its own is an e-process too. So
//! a sum in Prometheus is the evidence of a fleet, and is mixed over the ratios there as it is here.

/// A ratio that is thought of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// So many times as often as the stable version.
    pub ratio: f64,
    /// How likely it is thought to be.
    pub weight: f64,
    /// Its logarithm.
    ln: f64,
}

/// The ratios that are thought of, and how likely each is thought to be.
///
/// Half of the weight is on 6, the kind of candidate that has to be caught early: it is after a median of
/// 119 requests at an `alpha` of 0.005, where all the weight there would make it 114, and would never catch
/// one that fails twice as often. The rest is for those. A candidate that fails less than 1.23 times as
/// often, where it has few of the requests, makes no evidence ever: for it even the smallest ratio fits
/// worse than 1.
pub const GRID: [Ratio; RATIOS] = [
    Ratio { ratio: 1.5, weight: 0.04, ln: 0.405_465_108_108_164_4 },
    Ratio { ratio: 2.25, weight: 0.08, ln: 0.810_930_216_216_328_8 },
    Ratio { ratio: 3.5, weight: 0.16, ln: 1.252_762_968_495_368 },
    Ratio { ratio: 6.0, weight: 0.52, ln: 1.791_759_469_228_055 },
    Ratio { ratio: 11.0, weight: 0.15, ln: 2.397_895_272_798_370_7 },
    Ratio { ratio: 20.0, weight: 0.05, ln: 2.995_732_273_553_991 },
];

/// So many.
pub const RATIOS: usize = 6;

/// The evidence against one hypothesis: that events are of one kind with at most a known probability.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Process {
    /// How many were of that kind.
    pub events: u64,
    /// For each ratio of [`GRID`], what speaks against it, in nats.
    pub against: [f64; RATIOS],
}

impl Process {
    /// Of so many trials, so many were successes, each with at most this probability if the hypothesis
    /// holds. What cannot be is left out.
    pub fn observe(&mut self, successes: u64, trials: u64, probability: f64) {
        if trials == 0 || successes > trials || !(probability > 0.0 && probability < 1.0) {
            return;
        }
        self.events = self.events.saturating_add(successes);
        for (against, Ratio { ratio, .. }) in self.against.iter_mut().zip(GRID) {
            *against += trials as f64 * libm::log1p(probability * (ratio - 1.0));
        }
    }

    /// What others have seen in strata of their own.
    pub fn add(&mut self, more: &Self) {
        self.events = self.events.saturating_add(more.events);
        self.against.iter_mut().zip(more.against).for_each(|(against, more)| *against += more);
    }

    /// The logarithm of the evidence: 0 in the beginning.
    pub fn log(&self) -> f64 {
        let largest = self.most();
        let term = |(log, of): (f64, Ratio)| of.weight * libm::exp(log - largest);
        let sum: f64 = self.logs().zip(GRID).map(term).sum();
        largest + libm::log(sum)
    }

    /// What the logarithm of the evidence is at most, without much work.
    pub(super) fn most(&self) -> f64 {
        self.logs().fold(f64::NEG_INFINITY, f64::max)
    }

    /// For each ratio the logarithm of its likelihood ratio.
    fn logs(&self) -> impl Iterator<Item = f64> {
        let events = self.events as f64;
        self.against.into_iter().zip(GRID).map(move |(against, of)| events * of.ln - against)
    }
}

/// The logarithm of the mean of two processes, given those of both.
pub(super) fn mean(one: f64, other: f64) -> f64 {
    let larger = one.max(other);
    larger + libm::log((libm::exp(one - larger) + libm::exp(other - larger)) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_of_the_grid_are_those_of_its_ratios() {
        assert!(GRID.iter().all(|of| of.ln == libm::log(of.ratio)));
    }
}
