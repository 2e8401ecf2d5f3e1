//! One gate, and what is known by it.

mod record;

use super::config::{Gate, Method, Signal};
use super::process::{Process, mean};
use super::{Counts, Histogram, Sample, Stratum};
use crate::rollout::Verdict;

pub(super) use record::of_gates;

/// How a gate stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    /// What it looks at.
    pub signal: Signal,
    /// What it says.
    pub verdict: Verdict,
    /// The logarithm of the evidence that the candidate is worse.
    pub log: f64,
    /// Where it fails.
    pub bound: f64,
    /// The candidate's requests that it has seen in this step.
    pub samples: u64,
    /// How many times worse the candidate was, as measured; none if that cannot be told.
    pub ratio: Option<f64>,
}

/// A gate with its evidence.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Weighed {
    pub(super) gate: Gate,
    /// That the candidate has more of what is bad; for a length, that its answers are longer.
    pub(super) more: Process,
    /// For a length, that they are shorter.
    pub(super) less: Process,
    /// The candidate's, of this step.
    samples: u64,
    /// The candidate's, of all steps.
    pub(super) all_samples: u64,
    seen: [Seen; 2],
}

/// All that was seen of one version.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Seen {
    counts: Counts,
    histogram: Histogram,
}

/// The stable version's 75th percentile is known well enough for a bound with so many.
const ENOUGH: u64 = 50;

/// Of fewer times the percentile is often far from what it will be: with one it is the median.
const MEASURED: u64 = 10;

/// The part of all times that bounds and ratios are about.
const QUANTILE: f64 = 0.75;

impl Weighed {
    pub(super) fn new(gate: Gate) -> Self {
        let (more, less) = <_>::default();
        Self { gate, more, less, samples: 0, all_samples: 0, seen: [Seen::default(); 2] }
    }

    pub(super) fn begin_step(&mut self) {
        self.samples = 0;
    }

    /// Counts samples, and weighs them against a limit: for that, one version is enough.
    pub(super) fn count(&mut self, stratum: &Stratum) {
        let sample = &stratum.candidate;
        let (signal, method) = (self.gate.signal, self.gate.method);
        let counts = match (counts(signal), method) {
            (Some(counts), _) => counts(sample),
            // The bucket of the bound itself may have some that are within it.
            (None, Method::Limit { bound, .. }) => {
                events(sizes(signal, sample), Histogram::place(bound) + 1)
            }
            (None, Method::Stable { .. }) => events(sizes(signal, sample), super::BUCKETS),
        };
        // What failed has shown nothing: while everything fails, of both versions, no step is passed.
        let samples = match signal {
            Signal::Failures => counts.all.saturating_sub(counts.events),
            _ => counts.all,
        };
        self.samples = self.samples.saturating_add(samples);
        self.all_samples = self.all_samples.saturating_add(samples);
        if let Method::Limit { share, .. } = method {
            self.more.observe(counts.events, counts.all, share);
            self.see(stratum);
        }
    }

    /// Weighs both versions of a stratum against each other.
    pub(super) fn compare(&mut self, stratum: &Stratum) {
        let Method::Stable { max_ratio } = self.gate.method else { return };
        let both = [&stratum.candidate, &stratum.stable];
        match counts(self.gate.signal) {
            Some(counts) => compare(&mut self.more, both.map(counts), max_ratio),
            None => {
                let both = both.map(|sample| sizes(self.gate.signal, sample));
                self.compare_sizes(both, max_ratio);
            }
        }
        self.see(stratum);
    }

    /// What was seen of the stable version before says what is much.
    fn compare_sizes(&mut self, both: [&Histogram; 2], max_ratio: f64) {
        let [_, Seen { histogram: known, .. }] = &self.seen;
        if known.total() < ENOUGH {
            return;
        }
        if let Some(from) = above(known, max_ratio) {
            compare(&mut self.more, both.map(|sizes| events(sizes, from)), 1.0);
        }
        let below = if self.is_two_sided() { below(known, max_ratio) } else { None };
        if let Some(below) = below {
            let fewer = |sizes: &Histogram| {
                let Counts { all, events } = events(sizes, below);
                Counts { all, events: all.saturating_sub(events) }
            };
            compare(&mut self.less, both.map(fewer), 1.0);
        }
    }

    fn see(&mut self, stratum: &Stratum) {
        for (seen, sample) in self.seen.iter_mut().zip([&stratum.candidate, &stratum.stable]) {
            match counts(self.gate.signal) {
                Some(counts) => seen.counts.add(counts(sample)),
                None => seen.histogram.add(sizes(self.gate.signal, sample)),
            }
        }
    }

    /// How it stands, if it may be wrong with this probability.
    pub(super) fn standing(&self, alpha: f64) -> Standing {
        Standing {
            signal: self.gate.signal,
            verdict: self.verdict(alpha),
            log: self.log(),
            bound: -libm::log(alpha),
            samples: self.samples,
            ratio: self.ratio(),
        }
    }

    /// What it says, if it may be wrong with this probability.
    pub(super) fn verdict(&self, alpha: f64) -> Verdict {
        let bound = -libm::log(alpha);
        // Most looks find nothing, and most of those far from anything.
        let is_near = self.more.most().max(self.less.most()) >= bound;
        if is_near && self.log() >= bound && self.matters() {
            return Verdict::Fail;
        }
        let [_, stable] = &self.seen;
        let needed = u64::from(self.gate.min_samples);
        // In this step the stable version may have no requests any more: those before count too.
        let is_known = || match self.gate.method {
            Method::Limit { .. } => true,
            Method::Stable { .. } => stable.counts.all.max(stable.histogram.total()) >= needed,
        };
        let is_enough = self.samples >= needed && is_known();
        if is_enough { Verdict::Pass } else { Verdict::Inconclusive }
    }

    /// The logarithm of the evidence.
    pub(super) fn log(&self) -> f64 {
        if self.is_two_sided() { mean(self.more.log(), self.less.log()) } else { self.more.log() }
    }

    /// Whether less is as bad as more.
    pub(super) fn is_two_sided(&self) -> bool {
        let is_compared = matches!(self.gate.method, Method::Stable { .. });
        is_compared && self.gate.signal == Signal::OutputTokens
    }

    fn ratio(&self) -> Option<f64> {
        let [candidate, stable] = &self.seen;
        let ratio = if counts(self.gate.signal).is_some() {
            let rate = |seen: &Seen| seen.counts.events as f64 / seen.counts.all as f64;
            rate(candidate) / rate(stable)
        } else {
            candidate.histogram.quantile(QUANTILE)? / stable.histogram.quantile(QUANTILE)?
        };
        ratio.is_finite().then_some(ratio)
    }

    /// Whether the difference is of a size to act on, as far as can be told.
    pub(super) fn matters(&self) -> bool {
        let Method::Stable { max_ratio } = self.gate.method else { return true };
        if counts(self.gate.signal).is_some() {
            return true;
        }
        let [candidate, _] = &self.seen;
        if candidate.histogram.total() < MEASURED {
            return true;
        }
        let is_much_less = |ratio: f64| self.is_two_sided() && ratio <= 1.0 / max_ratio;
        self.ratio().is_none_or(|ratio| ratio >= max_ratio || is_much_less(ratio))
    }
}

/// Whether events are the candidate's more often than its share of requests, and the ratio that is
/// allowed, let expect.
fn compare(process: &mut Process, [candidate, stable]: [Counts; 2], max_ratio: f64) {
    let (ours, theirs) = (candidate.all as f64 * max_ratio, stable.all as f64);
    let events = candidate.events.saturating_add(stable.events);
    // Without requests of both versions this is 0, 1 or not a number, and nothing is learnt.
    process.observe(candidate.events, events, ours / (ours + theirs));
}

/// How many sizes there are, and how many are in this bucket or above it.
fn events(sizes: &Histogram, from: usize) -> Counts {
    Counts { all: sizes.total(), events: sizes.from(from) }
}

/// The first bucket whose least is at least so many times the known percentile; none beyond the last.
fn above(known: &Histogram, max_ratio: f64) -> Option<usize> {
    let bound = known.quantile(QUANTILE)? * max_ratio;
    (0..super::BUCKETS).find(|place| Histogram::least(*place) as f64 >= bound)
}

/// The bucket that all below have at most so small a part of the known percentile on the other side.
fn below(known: &Histogram, max_ratio: f64) -> Option<usize> {
    let bound = known.quantile(1.0 - QUANTILE)? / max_ratio;
    (1..super::BUCKETS).rev().find(|place| Histogram::least(*place) as f64 <= bound)
}

/// What a signal counts; none if it is about sizes.
fn counts(signal: Signal) -> Option<fn(&Sample) -> Counts> {
    match signal {
        Signal::Failures => Some(|sample| sample.failures),
        Signal::FinishLength => Some(|sample| sample.finish_length),
        Signal::FinishContentFilter => Some(|sample| sample.finish_content_filter),
        Signal::FirstToken | Signal::TokensPerSecond | Signal::OutputTokens => None,
    }
}

/// What a signal measures.
fn sizes(signal: Signal, sample: &Sample) -> &Histogram {
    match signal {
        Signal::TokensPerSecond => &sample.per_token,
        Signal::OutputTokens => &sample.output_tokens,
        _ => &sample.first_token,
    }
}
