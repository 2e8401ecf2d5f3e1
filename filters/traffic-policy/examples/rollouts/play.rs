//! One rollout, by whom it may be stopped, and many of them.

use std::sync::atomic::{AtomicU64, Ordering};

use traffic_policy::evidence::{Evidence, Fleet, Gate, Signal, Stratum};
use traffic_policy::rollout::{Alphas, Verdict};

use crate::world::Version;

/// What is played.
pub(crate) struct Play {
    pub(crate) candidate: Version,
    pub(crate) stable: Version,
    /// The candidate's shares, each for an equal part of the requests.
    pub(crate) percents: Vec<u32>,
    /// Requests of all proxies and both versions.
    pub(crate) requests: u64,
    /// Requests that a proxy has between two looks.
    pub(crate) look: u64,
    pub(crate) proxies: usize,
    pub(crate) gates: Vec<Gate>,
    pub(crate) alphas: Alphas,
    /// Whether both versions fail ten times as often for a while, again and again.
    pub(crate) has_outages: bool,
}

impl Play {
    /// How many requests the candidate had had when it was stopped; none if it never was.
    fn run(&self, seed: u64) -> Option<u64> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut locals = vec![Evidence::new(&self.gates); self.proxies];
        let with_all = self.gates.iter().any(|gate| gate.signal != Signal::Failures);
        let round = self.look * self.proxies as u64;
        let rounds = self.requests / round;
        let mut tried = 0;
        for number in 0..rounds {
            let step = number as usize * self.percents.len() / rounds as usize;
            let percent = self.percents.get(step).copied().unwrap_or(0);
            let is_outage = self.has_outages && number % 100 >= 90;
            let factor = if is_outage { 10.0 } else { 1.0 };
            let failing = [&self.candidate, &self.stable].map(|version| version.failing(factor));
            let mut is_stopped = false;
            for local in &mut locals {
                let mut seen = Stratum::default();
                for _ in 0..self.look {
                    let [of_candidate, of_stable] = failing;
                    let (version, failing, sample) = if rng.u32(0..100) < percent {
                        (&self.candidate, of_candidate, &mut seen.candidate)
                    } else {
                        (&self.stable, of_stable, &mut seen.stable)
                    };
                    version.request(&mut rng, failing, with_all, sample);
                }
                local.observe(&seen);
                if self.alphas.local > 0.0 {
                    is_stopped |= local.verdict(self.alphas.local) == Verdict::Fail;
                }
                tried += seen.candidate.failures.all;
            }
            if self.alphas.fleet > 0.0 {
                is_stopped |= Fleet::of(&locals).fails(self.alphas.fleet);
            }
            if is_stopped {
                return Some(tried);
            }
        }
        None
    }

    /// Many rollouts, each with a seed of its own: whatever the threads, the result is the same.
    pub(crate) fn runs(&self, name: &str, runs: u64) -> Outcome {
        let next = AtomicU64::new(0);
        let work = || {
            let mut stopped = Vec::new();
            loop {
                let run = next.fetch_add(1, Ordering::Relaxed);
                if run >= runs {
                    return stopped;
                }
                if run.is_multiple_of(runs.div_ceil(10)) {
                    eprintln!("{name}: {run} of {runs}");
                }
                stopped.extend(self.run(run.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut stopped_at: Vec<u64> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().filter_map(|worker| worker.join().ok()).flatten().collect()
        });
        stopped_at.sort_unstable();
        Outcome { runs, stopped_at }
    }
}

/// What became of many rollouts.
pub(crate) struct Outcome {
    pub(crate) runs: u64,
    pub(crate) stopped_at: Vec<u64>,
}

impl Outcome {
    /// The share that was stopped, in percent.
    pub(crate) fn stopped_percent(&self) -> f64 {
        100.0 * self.stopped_at.len() as f64 / self.runs as f64
    }

    /// After how many requests of the candidate this share of all rollouts was stopped.
    pub(crate) fn quantile(&self, share: f64) -> Option<u64> {
        let place = (share * self.runs as f64).ceil() as usize;
        self.stopped_at.get(place.saturating_sub(1)).copied()
    }
}
