//! A mixture e-process on counts of events; see [`super`] for what it is and why.

/// The ratios that are thought of, and how likely each is thought to be.
///
/// Measured with `--example rollouts`: the more weight on the middle, the earlier a candidate that fails six
/// times as often is caught, and the later all others are. A ratio below the smallest one over its
/// logarithmic mean (1.23 for 1.5) never makes evidence: so much worse may a candidate be for ever.
pub(super) const GRID: [(f64, f64); RATIOS] =
    [(1.5, 0.05), (2.0, 0.10), (3.0, 0.15), (4.5, 0.25), (7.0, 0.25), (11.0, 0.12), (18.0, 0.08)];

pub(super) const RATIOS: usize = 7;

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
        let terms = || self.logs.iter().zip(GRID);
        let largest = self.logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = terms().map(|(log, (_, weight))| weight * libm::exp(log - largest)).sum();
        largest + libm::log(sum)
    }
}

/// The logarithm of the mean of two processes, given those of both.
pub(super) fn mean(one: f64, other: f64) -> f64 {
    let larger = one.max(other);
    larger + libm::log((libm::exp(one - larger) + libm::exp(other - larger)) / 2.0)
}
