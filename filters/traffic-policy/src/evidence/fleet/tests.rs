use proptest::prelude::*;

use super::*;
use crate::evidence::tests::{ALPHA, all, evidence, failures, first_tokens, strata};
use crate::evidence::{Side, Signal, Stratum, Tally};

proptest! {
    #[test]
    fn the_sums_of_counters_are_what_the_fleet_has_seen(
        proxies in prop::collection::vec(prop::collection::vec(strata(), 0..4), 0..4),
    ) {
        let proxies: Vec<Evidence> = proxies.iter().map(|strata| {
            let mut evidence = all();
            strata.iter().for_each(|stratum| evidence.observe(stratum));
            // Answers that are shorter than those before.
            for tokens in [800, 900, 800, 40] {
                let mut shorter = Stratum::default();
                (0..60).for_each(|_| shorter.stable.output_tokens.record(800));
                (0..60).for_each(|_| shorter.candidate.output_tokens.record(tokens));
                evidence.observe(&shorter);
            }
            evidence
        }).collect();
        let fleet = Fleet::of(&proxies);
        let tallies: Vec<Vec<Tally>> = proxies.iter().map(Evidence::tallies).collect();
        for sum in &fleet.gates {
            let of = |side: Side| {
                let (mut process, mut samples) = (Process::default(), 0_u64);
                let is_same = |tally: &&Tally| tally.signal == sum.signal && tally.side == side;
                for tally in tallies.iter().flatten().filter(is_same) {
                    process.add(&Process { events: tally.events, against: tally.against });
                    samples = samples.saturating_add(tally.samples);
                }
                (process, samples)
            };
            prop_assert_eq!((sum.more, sum.samples), of(Side::More));
            prop_assert_eq!(sum.less.unwrap_or_default(), of(Side::Less).0);
        }
        for (_, value) in fleet.series(ALPHA) {
            prop_assert!(value >= 0.0 || value == -1.0);
        }
    }

    #[test]
    fn a_fleet_of_one_fails_when_the_one_does(
        strata in prop::collection::vec((5_u64..40, 0_u64..6, 5_u64..90, 0_u64..3), 0..30),
    ) {
        let mut one = all();
        for (n, x, m, y) in strata {
            one.observe(&failures([n, x.min(n)], [m, y]));
            let has_failed = one.verdict(ALPHA) == crate::rollout::Verdict::Fail;
            prop_assert_eq!(Fleet::of([&one]).fails(ALPHA), has_failed);
        }
    }
}

#[test]
fn one_proxy_that_measures_a_large_difference_is_not_most_of_them() {
    let proxy = |percent: u64| {
        let stable = [200, 300, 400, 400, 500, 600, 700, 900, 1_200, 2_000];
        let mut evidence = evidence(Signal::FirstToken);
        let candidate = stable.map(|time| time * percent / 100);
        (0..40).for_each(|_| evidence.observe(&first_tokens(&candidate, &stable, 5)));
        evidence
    };
    let (little, much) = (proxy(130), proxy(200));
    assert!(!Fleet::of([&little, &little, &much]).fails(ALPHA));
    assert!(Fleet::of([&little, &much, &much]).fails(ALPHA));
    assert_eq!(Fleet::of([]).series(ALPHA).count(), 0);
}

#[test]
fn evidence_that_is_too_little_on_each_is_enough_on_all() {
    let mut one = evidence(Signal::Failures);
    (0..2).for_each(|_| one.observe(&failures([10, 1], [90, 1])));
    let fleet = |proxies: usize| Fleet::of(std::iter::repeat_n(&one, proxies));
    assert_eq!(fleet(1).series(ALPHA).collect::<Vec<_>>(), [("failures", 18.0)]);
    assert_eq!(fleet(10).series(ALPHA).collect::<Vec<_>>(), [("failures", -1.0)]);
    assert!(!fleet(10).fails(0.0) && !fleet(10).fails(f64::NAN));
}

/// How often the fleet of fifty ever fails, if the candidate fails so much more often than the stable version,
/// which fails between 0 and 10 % of its requests, on each proxy otherwise.
fn stopped(worse: f64, alpha: f64, runs: u64) -> f64 {
    const PROXIES: usize = 50;
    let run = |seed| {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rates: Vec<f64> = (0..PROXIES).map(|_| rng.f64() * 0.1).collect();
        let mut proxies = vec![evidence(Signal::Failures); PROXIES];
        (0..10).any(|_| {
            for (proxy, rate) in proxies.iter_mut().zip(&rates) {
                // Each has shares of its own, as if it had heard of a step earlier or later.
                let candidate = 2 + rng.u64(0..8);
                let mut failing = |requests: u64, rate: f64| {
                    [requests, (0..requests).filter(|_| rng.f64() < rate).count() as u64]
                };
                let of_candidate = failing(candidate, rate * worse);
                proxy.observe(&failures(of_candidate, failing(12 - candidate, *rate)));
            }
            Fleet::of(&proxies).fails(alpha)
        })
    };
    (0..runs).filter(|seed| run(*seed)).count() as f64 / runs as f64
}

#[test]
fn fifty_proxies_stop_a_candidate_that_is_no_worse_less_often_than_they_may() {
    let share = stopped(1.0, 0.05, 150);
    assert!(share <= 0.05, "{share}");
    let share = stopped(3.0, 0.05, 10);
    assert!(share >= 0.9, "{share}");
}
