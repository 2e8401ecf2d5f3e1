//! What others do, for comparison: Wald's test, which knows both rates, and windows as Flagger has them.

use crate::play::Outcome;

/// Wald's sequential test of one rate against another, both known, looked at after every request of the
/// candidate.
pub(crate) fn wald(stable: f64, candidate: f64, alpha: f64, runs: u64) -> Outcome {
    let (failure, success) = ((candidate / stable).ln(), ((1.0 - candidate) / (1.0 - stable)).ln());
    many(runs, |rng| {
        let mut log = 0.0;
        let mut tried = 0;
        while log < -alpha.ln() {
            log += if rng.f64() < candidate { failure } else { success };
            tried += 1;
        }
        Some(tried)
    })
}

/// Stops at the fifth window of 600 requests of the candidate in which more than so many failed.
pub(crate) fn windows(candidate: f64, most: f64, tries: u64, runs: u64) -> Outcome {
    const WINDOW: u64 = 600;
    many(runs, |rng| {
        let mut failed = 0;
        for window in 1..=tries / WINDOW {
            let failures = (0..WINDOW).filter(|_| rng.f64() < candidate).count();
            failed += u32::from(failures as f64 > most * WINDOW as f64);
            if failed == 5 {
                return Some(window * WINDOW);
            }
        }
        None
    })
}

fn many(runs: u64, run: impl Fn(&mut fastrand::Rng) -> Option<u64>) -> Outcome {
    let mut stopped_at: Vec<u64> =
        (0..runs).filter_map(|seed| run(&mut fastrand::Rng::with_seed(seed))).collect();
    stopped_at.sort_unstable();
    Outcome { runs, stopped_at }
}
