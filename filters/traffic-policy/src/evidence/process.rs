//! A mixture e-process on counts of events; see [`super`] for what it is and why.

/// The ratios that are thought of, and how likely each is thought to be.
///
/// Half of the weight is on 6, the kind of candidate that has to be caught early: it is after a median of
/// 119 requests at an `alpha` of 0.005, where all the weight there would make it 114, and would never catch
/// one that fails twice as often. The rest is for those. A candidate that fails less than 1.23 times as
/// often, where it has few of the requests, makes no evidence ever: for it even the smallest ratio fits
/// worse than 1.
pub(super) const GRID: [(f64, f64); RATIOS] =
    [(1.5, 0.04), (2.25, 0.08), (3.5, 0.16), (6.0, 0.52), (11.0, 0.15), (20.0, 0.05)];

pub(super) const RATIOS: usize = 6;

/// The evidence against one hypothesis: that events are of one kind with at most a known probability.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Process {
    /// For each ratio the logarithm of its likelihood ratio.
    logs: [f64; RATIOS],
}

impl Process {
    /// Of so many trials, so many were successes, each with at most this probability if the hypothesis
    /// holds. What cannot be is left out.
    pub fn observe(&mut self, successes: u64, trials: u64, probability: f64) {
        if trials == 0 || successes > trials || !(probability > 0.0 && probability < 1.0) {
            return;
        }
        let (successes, trials) = (successes as f64, trials as f64);
        for (log, (ratio, _)) in self.logs.iter_mut().zip(GRID) {
            *log +=
                successes * libm::log(ratio) - trials * libm::log1p(probability * (ratio - 1.0));
        }
    }

    /// The logarithm of the evidence: 0 in the beginning.
    pub fn log(&self) -> f64 {
        let largest = self.most();
        let terms = self.logs.iter().zip(GRID);
        let sum: f64 = terms.map(|(log, (_, weight))| weight * libm::exp(log - largest)).sum();
        largest + libm::log(sum)
    }

    /// What the logarithm of the evidence is at most, without much work.
    pub(super) fn most(&self) -> f64 {
        self.logs.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}

/// The logarithm of the mean of two processes, given those of both.
pub(super) fn mean(one: f64, other: f64) -> f64 {
    let larger = one.max(other);
    larger + libm::log((libm::exp(one - larger) + libm::exp(other - larger)) / 2.0)
}
