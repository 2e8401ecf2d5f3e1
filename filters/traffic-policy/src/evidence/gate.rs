//! One gate, and what is known by it.

use super::config::{Gate, Method, Signal};
use super::process::{Process, mean};
use super::{Counts, Histogram, Sample, Stratum};
use crate::rollout::Verdict;

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
    more: Process,
    /// For a length, that they are shorter.
    less: Process,
    /// The candidate's, of this step.
    samples: u64,
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

/// The part of all times that bounds and ratios are about.
const QUANTILE: f64 = 0.75;

impl Weighed {
    pub(super) fn new(gate: Gate) -> Self {
        let (more, less) = <_>::default();
        Self { gate, more, less, samples: 0, seen: [Seen::default(); 2] }
    }

    pub(super) fn begin_step(&mut self) {
        self.samples = 0;
    }

    pub(super) fn observe(&mut self, stratum: &Stratum) {
        let both = [&stratum.candidate, &stratum.stable];
        match counts(self.gate.signal) {
            Some(counts) => self.observe_counts(both.map(counts)),
            None => self.observe_sizes(both.map(|sample| sizes(self.gate.signal, sample))),
        }
    }

    fn observe_counts(&mut self, both: [Counts; 2]) {
        // More events than requests: nothing in such counts means anything.
        if both.iter().any(|counts| counts.events > counts.all) {
            return;
        }
        let [candidate, stable] = both;
        match self.gate.method {
            Method::Limit { share, .. } => {
                self.more.observe(candidate.events, candidate.all, share);
            }
            Method::Stable { max_ratio } => compare(&mut self.more, candidate, stable, max_ratio),
        }
        self.samples = self.samples.saturating_add(candidate.all);
        for (seen, counts) in self.seen.iter_mut().zip(both) {
            seen.counts.add(counts);
        }
    }

    fn observe_sizes(&mut self, both: [&Histogram; 2]) {
        let [candidate, stable] = both;
        let [_, known] = &self.seen;
        let events = |histogram: &Histogram, from: usize| Counts {
            all: histogram.total(),
            events: histogram.from(from),
        };
        match self.gate.method {
            Method::Limit { bound, share } => {
                // The bucket of the bound itself may have some that are within it.
                let Counts { all, events } = events(candidate, Histogram::place(bound) + 1);
                self.more.observe(events, all, share);
            }
            Method::Stable { max_ratio } if known.histogram.total() >= ENOUGH => {
                if let Some(from) = above(&known.histogram, max_ratio) {
                    compare(&mut self.more, events(candidate, from), events(stable, from), 1.0);
                }
                let is_two_sided = self.gate.signal == Signal::OutputTokens;
                if let Some(below) = below(&known.histogram, max_ratio).filter(|_| is_two_sided) {
                    let fewer = |histogram: &Histogram| {
                        let Counts { all, events } = events(histogram, below);
                        Counts { all, events: all.saturating_sub(events) }
                    };
                    compare(&mut self.less, fewer(candidate), fewer(stable), 1.0);
                }
            }
            Method::Stable { .. } => {}
        }
        self.samples = self.samples.saturating_add(candidate.total());
        for (seen, more) in self.seen.iter_mut().zip(both) {
            seen.histogram.add(more);
        }
    }

    pub(super) fn standing(&self, alpha: f64) -> Standing {
        let [_, stable] = &self.seen;
        let (samples, of_stable) = (self.samples, stable.counts.all.max(stable.histogram.total()));
        let (log, ratio, bound) = (self.log(), self.ratio(), -libm::log(alpha));
        let needed = u64::from(self.gate.min_samples);
        let is_compared = matches!(self.gate.method, Method::Stable { .. });
        // At the last step the stable version may have no requests any more.
        let verdict = if log >= bound && self.matters(ratio) {
            Verdict::Fail
        } else if samples >= needed && (!is_compared || of_stable >= needed) {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        };
        Standing { signal: self.gate.signal, verdict, log, bound, samples, ratio }
    }

    fn log(&self) -> f64 {
        match (self.gate.signal, self.gate.method) {
            (Signal::OutputTokens, Method::Stable { .. }) => mean(self.more.log(), self.less.log()),
            _ => self.more.log(),
        }
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

    /// Whether a difference of this size is one to act on.
    fn matters(&self, ratio: Option<f64>) -> bool {
        match (self.gate.method, counts(self.gate.signal), ratio) {
            (Method::Stable { max_ratio }, None, Some(ratio)) => {
                let is_less = self.gate.signal == Signal::OutputTokens && ratio <= 1.0 / max_ratio;
                ratio >= max_ratio || is_less
            }
            _ => true,
        }
    }
}

/// Whether events are the candidate's more often than its share of requests, and the ratio that is
/// allowed, let expect.
fn compare(process: &mut Process, candidate: Counts, stable: Counts, max_ratio: f64) {
    let (ours, theirs) = (candidate.all as f64 * max_ratio, stable.all as f64);
    let events = candidate.events.saturating_add(stable.events);
    // Without requests of both versions this is 0, 1 or not a number, and nothing is learnt.
    process.observe(candidate.events, events, ours / (ours + theirs));
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
