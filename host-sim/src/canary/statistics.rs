//! Many rollouts, of which only the end counts.
//!
//! Each is a fresh proxy with a seed of its own. They are shared among the cores, and what comes out does not
//! depend on how.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::drive::{Drive, Plan, Watch};
use super::proxy::{Ended, Proxy, Version};
use super::published::Published;
use super::{Canary, CanaryError, Schedule, prepared, setting};
use crate::bootstrap::Bootstrap;
use crate::host::Nanos;
use crate::model::GuestFactory;
use crate::model::time::nanos;

/// The proxy should have heard of itself before the rollout begins.
const LEAD: Duration = Duration::from_secs(2);

/// How many, and how long each.
#[derive(Debug, Clone, Copy)]
pub struct Runs {
    /// Rollouts.
    pub runs: usize,
    /// Requests of each, as long as it is not rolled back.
    pub requests: u64,
    /// Threads that play them.
    pub threads: usize,
}

/// What they came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Rollouts.
    pub runs: usize,
    /// For each that was rolled back how many of the candidate's requests had been answered when that was
    /// decided; from few to many.
    pub at_rollback: Vec<u64>,
    /// Requests of all runs together.
    pub requests: u64,
}

impl Statistics {
    /// What this share of those that were rolled back does not exceed.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Option<u64> {
        let count = self.at_rollback.len();
        let place = (count * percent.min(100)).div_ceil(100).saturating_sub(1);
        self.at_rollback.get(place).copied()
    }

    /// The figures for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let percentiles = [("p50", 50), ("p90", 90), ("p99", 99)];
        let percentiles: BTreeMap<&str, Option<u64>> =
            percentiles.map(|(name, percent)| (name, self.percentile(percent))).into();
        json!({
            "runs": self.runs,
            "rolled_back": self.at_rollback.len(),
            "requests": self.requests,
            "candidate_requests_at_rollback": percentiles,
        })
    }
}

/// Plays them; `progress` hears of every one that is over.
///
/// # Errors
/// As [`super::play`].
pub fn statistics(
    file: &Bootstrap,
    canary: &Canary,
    runs: Runs,
    factory: &Arc<dyn GuestFactory>,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Statistics, CanaryError> {
    let (file, schedule) = prepared(file, canary)?;
    let mut random = fastrand::Rng::with_seed(canary.seed);
    let seeds: Vec<u64> = (0..runs.runs).map(|_| random.u64(..)).collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let ends = Mutex::new(Vec::with_capacity(runs.runs));
    let work = || -> Result<(), CanaryError> {
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let canary = Canary { seed: *seed, ..canary.clone() };
            let end = one(&file, &schedule, &canary, runs.requests, Arc::clone(factory));
            // Nobody begins what would not count.
            let end = end.inspect_err(|_| next.store(usize::MAX / 2, Ordering::Relaxed))?;
            ends.lock().unwrap_or_else(PoisonError::into_inner).push(end);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..runs.threads.max(1)).map(|_| scope.spawn(work)).collect();
        // A thread that panicked has said so, and has no result that would count.
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect::<Result<(), _>>()
    })?;
    let ends = ends.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut at_rollback: Vec<u64> = ends.iter().filter_map(|end| end.rolled_back_after).collect();
    at_rollback.sort_unstable();
    let requests = ends.iter().map(|end| end.requests).sum();
    Ok(Statistics { runs: ends.len(), at_rollback, requests })
}

/// Counts what a rollout takes to end.
struct Counting<'a> {
    pool: &'a str,
    most: u64,
    requests: u64,
    candidate: u64,
    rolled_back_after: Option<u64>,
}

struct End {
    requests: u64,
    rolled_back_after: Option<u64>,
}

fn one(
    file: &Bootstrap,
    schedule: &Arc<Schedule>,
    canary: &Canary,
    requests: u64,
    factory: Arc<dyn GuestFactory>,
) -> Result<End, CanaryError> {
    let plan = Plan { at: 0, rate: canary.rate, phase: nanos(canary.scrape_interval) / 3 };
    let mut drive = Drive::new(setting(file, schedule, canary, factory, LEAD, vec![plan]));
    let mut counting = Counting {
        pool: &schedule.pool,
        most: requests,
        requests: 0,
        candidate: 0,
        rolled_back_after: None,
    };
    drive.run(Nanos::MAX, &mut counting)?;
    Ok(End { requests: counting.requests, rolled_back_after: counting.rolled_back_after })
}

impl Watch for Counting<'_> {
    fn ticked(&mut self, _: Nanos, _: usize, proxy: &mut Proxy) -> ControlFlow<()> {
        let _ = proxy.host_mut().take_logs();
        let published = Published::read(proxy.host().world().metrics(), self.pool);
        if published.is_stopped() {
            self.rolled_back_after = Some(self.candidate);
        }
        if published.is_stopped() || published.phase.is_final() || self.requests >= self.most {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn ended(&mut self, _: Nanos, ended: Ended) {
        self.requests += 1;
        self.candidate += u64::from(ended.version == Version::Candidate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_those_that_were_rolled_back() {
        let some = Statistics { runs: 20, at_rollback: (1..=10).collect(), requests: 9 };
        assert_eq!([50, 90, 99].map(|p| some.percentile(p)), [Some(5), Some(9), Some(10)]);
        assert_eq!(some.to_json()["rolled_back"], 10);
        let none = Statistics { runs: 5, ..Statistics::default() };
        assert_eq!(none.to_json()["candidate_requests_at_rollback"]["p50"], Value::Null);
    }
}
