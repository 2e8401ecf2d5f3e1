//! What all proxies of a fleet have seen together.
//!
//! The same that the rules of `manifests/prometheus/canary.yaml` make of the proxies' counters: the sums of
//! their tallies, mixed over the ratios. Each proxy weighs strata of its own, so what the versions' shares
//! are on one at some moment, and how its servers fare, is compared with nothing but itself.
//!
//! Whether a difference is of a size to act on is told by most proxies: one that has seen little often
//! measures a large one by chance, and among many there is always such a one.

use super::Evidence;
use super::gate::Weighed;
use super::process::{Process, mean};
use super::tally::bound;

/// The sums over several proxies with the same gates.
#[derive(Debug, Clone, PartialEq)]
pub struct Fleet {
    gates: Vec<Sum>,
}

#[derive(Debug, Clone, PartialEq)]
struct Sum {
    signal: &'static str,
    /// The gate's part of all that may be wrong.
    part: f64,
    more: Process,
    less: Option<Process>,
    samples: u64,
    /// How many proxies find the difference large enough, more than how many do not.
    matters: i64,
}

impl Fleet {
    /// Of these proxies.
    pub fn of<'a>(proxies: impl IntoIterator<Item = &'a Evidence>) -> Self {
        let mut proxies = proxies.into_iter();
        let first = proxies.next().into_iter().flat_map(|evidence| evidence.with_parts(1.0));
        let mut gates: Vec<Sum> = first.map(|(gate, part)| Sum::of(gate, part)).collect();
        for evidence in proxies {
            gates.iter_mut().zip(&evidence.gates).for_each(|(sum, gate)| sum.add(gate));
        }
        Self { gates }
    }

    /// What the recorded series of each gate says, if all gates together may be wrong with this probability:
    /// -1 if it fails, and otherwise how many requests of the candidate it has seen.
    pub fn series(&self, alpha: f64) -> impl Iterator<Item = (&'static str, f64)> {
        self.gates.iter().map(move |sum| {
            let value = if sum.fails(alpha) { -1.0 } else { sum.samples as f64 };
            (sum.signal, value)
        })
    }

    /// Whether any gate fails.
    pub fn fails(&self, alpha: f64) -> bool {
        self.gates.iter().any(|sum| sum.fails(alpha))
    }
}

impl Sum {
    fn of(gate: &Weighed, part: f64) -> Self {
        let less = gate.is_two_sided().then_some(Process::default());
        let (signal, more) = (gate.gate.name(), Process::default());
        let mut sum = Self { signal, part, more, less, samples: 0, matters: 0 };
        sum.add(gate);
        sum
    }

    fn add(&mut self, gate: &Weighed) {
        self.more.add(&gate.more);
        if let Some(less) = &mut self.less {
            less.add(&gate.less);
        }
        self.samples = self.samples.saturating_add(gate.all_samples);
        self.matters += if gate.matters() { 1 } else { -1 };
    }

    fn fails(&self, alpha: f64) -> bool {
        let bound = bound(alpha * self.part);
        let most = self.less.iter().fold(self.more.most(), |most, less| most.max(less.most()));
        let log = || self.less.map_or(self.more.log(), |less| mean(self.more.log(), less.log()));
        self.matters >= 0 && most >= bound && log() >= bound
    }
}

#[cfg(test)]
mod tests;
