//! Evidence as numbers that only grow, for counters of metrics.
//!
//! Each proxy counts what its own strata have come to; the sums over all proxies are what the fleet has
//! seen, and [`Process::log`] of them is its evidence. Nothing is extrapolated, and a proxy that has gone
//! takes nothing away.

use super::Evidence;
use super::gate::Weighed;
use super::process::{Process, RATIOS};

/// On which side the candidate is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It has more of what is bad; for a length, its answers are longer.
    More,
    /// For a length, they are shorter.
    Less,
}

impl Side {
    /// The word for labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::More => "more",
            Self::Less => "less",
        }
    }
}

/// What one gate has seen since the rollout began, on one side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tally {
    /// The gate's name, see [`super::Gate::name`].
    pub signal: &'static str,
    /// The side; a gate with two has two tallies, with the same `samples`, `log` and `matters`.
    pub side: Side,
    /// Events that were the candidate's.
    pub events: u64,
    /// For each ratio of the grid, what speaks against it, in nats.
    pub against: [f64; RATIOS],
    /// The candidate's requests that the gate has seen in all steps.
    pub samples: u64,
    /// The logarithm of the gate's evidence: that of this proxy alone, of both sides.
    pub log: f64,
    /// Whether the measured difference is of a size to act on.
    pub matters: bool,
    /// The gate's part of all that may be wrong.
    part: f64,
}

impl Tally {
    /// Where the gate fails, if all gates together may be wrong with this probability.
    pub fn bound(&self, alpha: f64) -> f64 {
        bound(alpha * self.part)
    }
}

/// Where a gate fails that may be wrong with this probability; nowhere if it may never be.
pub(super) fn bound(alpha: f64) -> f64 {
    if alpha > 0.0 { -libm::log(alpha) } else { f64::INFINITY }
}

impl Evidence {
    /// What each gate has seen since the rollout began.
    pub fn tallies(&self) -> Vec<Tally> {
        self.with_parts(1.0).flat_map(|(gate, part)| tallies(gate, part)).collect()
    }
}

fn tallies(gate: &Weighed, part: f64) -> impl Iterator<Item = Tally> {
    let (log, matters) = (gate.log(), gate.matters());
    let tally = move |(side, process): (Side, &Process)| Tally {
        signal: gate.gate.name(),
        side,
        events: process.events,
        against: process.against,
        samples: gate.all_samples,
        log,
        matters,
        part,
    };
    let less = gate.is_two_sided().then_some((Side::Less, &gate.less));
    [(Side::More, &gate.more)].into_iter().chain(less).map(tally)
}

#[cfg(test)]
mod tests;
