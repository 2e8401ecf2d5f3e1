//! Whether a candidate is worse than the stable version, asked as often as one likes.
//!
//! A test that is looked at every few seconds, and stops at the first alarm, alarms far more often than a
//! table of significance says. So what is kept here is an *e-process*: it begins with 1, does not grow on
//! average while the candidate is no worse, and by Ville's inequality reaches `1 / alpha` with a
//! probability of at most `alpha`, over all looks together and however the traffic is shared.
//!
//! # Rates
//! Requests are counted in strata: stretches of time in which the shares of the versions stay as they are.
//! In one with `n` requests of the candidate and `m` of the stable version there were `k` failures, and
//! `x` of them are the candidate's. If failing does not depend on the version, each of the `k` is as
//! likely the candidate's as any request is: with `rho = n / (n + m)`. If the candidate fails `ratio` times
//! as often, with `ratio * rho / (ratio * rho + 1 - rho)`. The likelihood ratio of the two,
//!
//! > `ratio^x / (1 + rho * (ratio - 1))^k`,
//!
//! is multiplied over the strata. How often the *stable* version fails is nowhere in it, and may change from
//! stratum to stratum: an outage that hits both is no evidence. Which `ratio` is true is not known, so the
//! process is the mean over a fixed grid of them ([`process`]), and its state is one number for each.
//!
//! - What holds exactly: given what was before, the `x` of requests that fail independently is
//!   hypergeometric. The likelihood ratio is convex in `x`, so its mean is at most that under the binomial
//!   distribution with the same mean (Hoeffding 1963), which is 1. If the candidate fails less often in a
//!   stratum, `x` is smaller and so is the mean. Hence a supermartingale, for every stratum's rates.
//! - What is approximate: that requests fail independently. A user whose every request fails, and who is
//!   always given the same version, counts as many; and within a stratum a burst that comes while one
//!   version has more requests than in the rest of it looks like that version's. Short strata help.
//! - What is given away: where events are common, sampling without replacement varies less than the
//!   binomial distribution, and the test needs more requests than it could.
//! - Against a limit the same formula holds with the candidate's requests for the `k` and the limit for
//!   `rho`; the `ratio` is then one of odds.
//!
//! # Times
//! A time becomes an event: longer than a bound, the same for both versions in a stratum. The bound is the
//! first of the buckets' that is at least `max_ratio` times the stable version's 75th percentile, as it was
//! known *before* the stratum; so it cannot follow what it is to judge. Without a difference both exceed it
//! alike, whatever the distribution: the test is exact again, and knows no normal or other law. Such events
//! are rare for the stable version, and frequent for a candidate that is slower by more than `max_ratio`:
//! that is where the likelihood ratio grows fastest. Evidence says only *that* the candidate is slower. A
//! gate fails if besides the measured ratio of the 75th percentiles is at least `max_ratio`: a candidate
//! that is slower by a little is let through, though the evidence for it grows without end.
//! The length of answers is judged on both sides, by the mean of two such processes.
//!
//! # Many gates and many proxies
//! Each has its part of `alpha`, and the parts add up (Bonferroni): whatever they have in common, one of
//! them is wrong with at most that probability. Failures have half of it, the other gates the rest.
//!
//! What proxies have seen multiplies: each has strata of its own, and the product of e-processes of different
//! requests is one too. So the logarithms for each ratio add up, as counters do ([`Tally`]), and what the
//! fleet has seen ([`Fleet`]) is a sum that any Prometheus can make.
//!
//! # Limits
//! Requests count when they end, so a candidate that hangs for ever is not seen until its requests are cut.
//! `pass` says that there were enough requests and no evidence of harm; it proves no equality.

mod config;
mod fleet;
mod gate;
mod histogram;
mod judge;
pub mod process;
mod record;
mod recorded;
mod sample;
mod tally;

pub use config::{Gate, Method, RawGate, RawLimit, Signal, gates};
pub use fleet::Fleet;
pub use gate::Standing;
pub use histogram::{BUCKETS, Histogram};
pub use judge::Judge;
pub use sample::{Counts, Sample, Stratum};
pub use tally::{Side, Tally};

use gate::Weighed;

use crate::rollout::Verdict;

/// What is known of a candidate, by all gates.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    gates: Vec<Weighed>,
    /// What is not enough to compare the versions by yet.
    open: Stratum,
    /// How many looks ago it began.
    age: u64,
}

/// A stratum has so many requests of each version. With fewer, `rho` is 0 or 1 in many of them, and what
/// happened there is lost: of strata of ten requests, one of the candidate on average, a tenth more
/// requests are needed.
const LEAST: u64 = 5;

/// After so many looks, one a second, one request of each version is enough. Otherwise a fleet of a thousand
/// proxies would know nothing before the candidate has had five thousand requests.
const OLD: u64 = 15;

impl Evidence {
    /// Nothing is known yet.
    pub fn new(gates: &[Gate]) -> Self {
        let gates = gates.iter().copied().map(Weighed::new).collect();
        Self { gates, open: Stratum::default(), age: 0 }
    }

    /// A stratum more; those that are too small are put together. What is inconsistent counts for nothing.
    ///
    /// How large a stratum becomes depends on how many requests there were and never on what became of
    /// them, so it may be looked at after each. It grows older with each look, those without requests too.
    pub fn observe(&mut self, stratum: &Stratum) {
        if !stratum.is_consistent() {
            return;
        }
        self.gates.iter_mut().for_each(|gate| gate.count(stratum));
        self.open.add(stratum);
        self.age = if self.open == Stratum::default() { 0 } else { self.age.saturating_add(1) };
        if self.open.has(if self.age < OLD { LEAST } else { 1 }) {
            self.close();
        }
    }

    /// Whether a look changes something though there were no requests.
    fn grows_older(&self) -> bool {
        self.age > 0 && self.age < OLD
    }

    /// A step has begun: weights are others, so what was open is a stratum by itself; and each gate wants
    /// its samples again before it passes. Evidence stays.
    pub fn begin_step(&mut self) {
        self.close();
        self.gates.iter_mut().for_each(Weighed::begin_step);
    }

    fn close(&mut self) {
        let stratum = std::mem::take(&mut self.open);
        self.age = 0;
        self.gates.iter_mut().for_each(|gate| gate.compare(&stratum));
    }

    /// How each gate stands, if all of them together may be wrong with this probability.
    pub fn standings(&self, alpha: f64) -> impl Iterator<Item = Standing> {
        self.with_parts(alpha).map(|(gate, alpha)| gate.standing(alpha))
    }

    /// All gates together: it fails if one does, and passes if all do.
    pub fn verdict(&self, alpha: f64) -> Verdict {
        let verdicts = self.with_parts(alpha).map(|(gate, alpha)| gate.verdict(alpha));
        verdicts.reduce(Verdict::and).unwrap_or_default()
    }

    fn with_parts(&self, alpha: f64) -> impl Iterator<Item = (&Weighed, f64)> {
        let all: f64 = self.gates.iter().map(|gate| gate.gate.part()).sum();
        self.gates.iter().map(move |gate| (gate, alpha * gate.gate.part() / all))
    }
}

#[cfg(test)]
mod tests;
