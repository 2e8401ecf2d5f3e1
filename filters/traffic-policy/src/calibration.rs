//! What a model's servers have taught us about its tokens.
//!
//! A server says with each answer how many tokens the prompt had. Our estimate was made for another
//! vocabulary, so it is off by a factor that the model has in common with itself; this learns it.
//!
//! # Why not one ratio
//! A vocabulary is not worse by the same factor everywhere: one that counts English like ours may
//! need half as many tokens again for source code, and none for Chinese. So the ratio of reported to
//! estimated tokens is a line in six [`features`] of a request: one, the shares of marks and of other
//! scripts in the estimate, the share of message frames and of tool definitions, and a constant
//! number of tokens (what a chat template adds). It is found by a Kalman filter: a least squares that
//! starts from "the estimate is right", goes on step by step, forgets slowly, and knows for each
//! new request how sure it is. Traffic of one kind is then corrected as one ratio would do it, and
//! what was never seen is not corrected wildly.
//!
//! # What does not disturb it
//! A report that is far from what was expected counts as one at the edge of what was (`Outlier`), so
//! a few wrong ones do nothing and a model that really changed is followed. A ratio beyond
//! [`RATIO`] is no count of this prompt and is not learnt from (`Implausible`).
//!
//! # Limits
//! How far a text is from its model's average cannot be learnt: only what is common to many.

mod place;
mod record;
mod slots;

pub use crate::record::fingerprint;
pub use place::{Learnt, Place, Store, Written};
pub use record::Unreadable;
pub use slots::{SLOTS, Slot, slots};

/// How many coefficients there are.
const N: usize = 6;

/// An estimate, and what it is made of, in thousandths of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    /// The estimated tokens.
    pub tokens: u64,
    /// Those of punctuation and line ends.
    pub marks: i64,
    /// Those of text that is not ASCII.
    pub foreign: i64,
    /// Those around the text: messages, calls.
    pub frame: i64,
    /// Those of definitions of tools.
    pub definitions: i64,
}

/// A count that was corrected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrected {
    /// The best guess.
    pub tokens: u64,
    /// The truth lies within this many percent of it for about 95 of 100 requests.
    pub error_percent: u32,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was learnt from.
    Learnt,
    /// It was far from what was expected, and counted as if it were nearer.
    Outlier,
    /// It cannot be the count of this prompt.
    Implausible,
}

/// What is known of one model.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// How many reports were learnt from.
    samples: u32,
    /// What each feature adds to the ratio.
    weights: [f64; N],
    /// How sure that is.
    covariance: [[f64; N]; N],
    /// The mean error of what was expected.
    error: f64,
}

/// Reports that are needed before a count is corrected.
pub const MIN_SAMPLES: u32 = 8;

/// So many answers of a model are looked at, one after the other.
const LOOK_ALWAYS: u32 = 128;

/// And then one in so many.
const LOOK_SELDOM: u32 = 16;

/// Whether the answer after so many others is looked at: each at the beginning, and then some.
pub fn is_looked_at(answers: u32) -> bool {
    answers < LOOK_ALWAYS || answers.is_multiple_of(LOOK_SELDOM)
}

/// Estimates below this tell more of rounding than of a vocabulary.
pub const MIN_TOKENS: u64 = 16;

/// A prompt has not less than a quarter and not more than four times the tokens of its estimate;
/// what says otherwise counted something else.
const RATIO: (f64, f64) = (0.25, 4.0);

/// How far off each weight may be before anything is known, as a variance: a vocabulary's ratio by
/// 0.3, a kind of text's by 0.4, the frames' by all that they have, and 32 tokens of template.
const PRIOR: [f64; N] = [0.09, 0.16, 0.16, 1.0, 0.25, 1.0];

/// By how much each weight may change from one report to the next.
const DRIFT: f64 = 2e-6;

/// And by how much after an outlier, which may be the first of a model that was exchanged.
const DOUBT: f64 = 5e-4;

/// The error before anything is known, and the least that is believed.
const ERROR: (f64, f64) = (0.08, 0.003);

/// So many expected errors away a report is an outlier.
const FAR: f64 = 3.0;

/// The error is an average of about so many reports.
const REMEMBERED: f64 = 64.0;

/// What a mean error has to be multiplied by, so that 95 of 100 stay below: 2.5 for errors that
/// are spread evenly around their mean, 3 for those with longer tails, as these are.
const TAIL: f64 = 3.0;

impl Default for Calibration {
    fn default() -> Self {
        let mut covariance = [[0.0; N]; N];
        for (index, (row, prior)) in covariance.iter_mut().zip(PRIOR).enumerate() {
            if let Some(cell) = row.get_mut(index) {
                *cell = prior;
            }
        }
        Self { samples: 0, weights: [0.0; N], covariance, error: ERROR.0 }
    }
}

impl Calibration {
    /// How many reports were learnt from.
    pub fn samples(&self) -> u32 {
        self.samples
    }

    /// Learns that a prompt with this estimate had so many tokens.
    pub fn learn(&mut self, estimate: &Estimate, reported: u64) -> Outcome {
        let ratio = float(reported) / float(estimate.tokens.max(1));
        if estimate.tokens < MIN_TOKENS || !(RATIO.0..=RATIO.1).contains(&ratio) {
            return Outcome::Implausible;
        }
        let x = features(estimate);
        let expected = 1.0 + dot(&self.weights, &x);
        let spread = multiply(&self.covariance, &x);
        let noise = square(1.25 * self.error) + square(rounding(estimate.tokens));
        let variance = dot(&x, &spread).max(0.0) + noise;
        let far = FAR * variance.sqrt();
        let surprise = ratio - expected;
        let taken = surprise.clamp(-far, far);
        let gain = spread.map(|value| value / variance);
        for (weight, gain) in self.weights.iter_mut().zip(gain) {
            *weight = (*weight + gain * taken).clamp(-RATIO.1, RATIO.1);
        }
        for (row, gain) in self.covariance.iter_mut().zip(gain) {
            for (cell, spread) in row.iter_mut().zip(spread) {
                *cell -= gain * spread;
            }
        }
        let is_outlier = surprise.abs() > far;
        self.drift(if is_outlier { DOUBT } else { DRIFT });
        let remembered = (f64::from(self.samples) + 4.0).min(REMEMBERED);
        self.error += (taken.abs() - self.error) / remembered;
        self.error = self.error.max(ERROR.1);
        self.samples = self.samples.saturating_add(1);
        if is_outlier { Outcome::Outlier } else { Outcome::Learnt }
    }

    /// What was learnt grows old, but never less sure than it was at the beginning.
    fn drift(&mut self, by: f64) {
        for (index, (row, prior)) in self.covariance.iter_mut().zip(PRIOR).enumerate() {
            if let Some(cell) = row.get_mut(index) {
                *cell = (*cell + by).clamp(DRIFT, prior);
            }
        }
    }

    /// Corrects an estimate, if enough is known.
    pub fn apply(&self, estimate: &Estimate) -> Option<Corrected> {
        if self.samples < MIN_SAMPLES {
            return None;
        }
        let x = features(estimate);
        let ratio = (1.0 + dot(&self.weights, &x)).clamp(RATIO.0, RATIO.1);
        let unsure = dot(&x, &multiply(&self.covariance, &x)).max(0.0);
        let bound = square(TAIL * self.error) + 4.0 * unsure + square(rounding(estimate.tokens));
        Some(Corrected {
            tokens: whole(float(estimate.tokens) * ratio),
            error_percent: u32::try_from(whole((100.0 * bound.sqrt() / ratio).ceil()))
                .unwrap_or(u32::MAX)
                .clamp(1, MOST_PERCENT),
        })
    }
}

/// No bound says more: it is then as good as none.
const MOST_PERCENT: u32 = 100;

/// The features of a request, each about as large as 1 at the most.
fn features(estimate: &Estimate) -> [f64; N] {
    let tokens = float(estimate.tokens.max(1));
    let share = |part: i64| (signed(part) / 1000.0 / tokens).clamp(-1.0, 1.0);
    let constant = (32.0 / tokens).min(2.0);
    let (marks, foreign) = (share(estimate.marks), share(estimate.foreign));
    [1.0, marks, foreign, share(estimate.frame), share(estimate.definitions), constant]
}

/// What the last token alone makes of a ratio.
fn rounding(tokens: u64) -> f64 {
    1.0 / float(tokens.max(1))
}

fn dot(a: &[f64; N], b: &[f64; N]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn multiply(matrix: &[[f64; N]; N], vector: &[f64; N]) -> [f64; N] {
    matrix.each_ref().map(|row| dot(row, vector))
}

fn square(value: f64) -> f64 {
    value * value
}

/// Counts of tokens stay far below 2^53, beyond which this would round.
fn float(number: u64) -> f64 {
    number as f64
}

fn signed(number: i64) -> f64 {
    number as f64
}

/// The nearest whole number; what is out of range is the nearest end of it.
fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests;
