use proptest::prelude::*;

use super::process::Process;
use super::*;

pub(super) const ALPHA: f64 = 0.005;

/// A gate compared with the stable version, alone.
pub(super) fn evidence(signal: Signal) -> Evidence {
    Evidence::new(&gate(signal, None, None))
}

pub(super) fn gate(signal: Signal, max: Option<f64>, limit: Option<RawLimit>) -> Vec<Gate> {
    let raw = RawGate { signal, max_ratio: None, max, limit, min_samples: None };
    gates(Some(vec![raw]), 200).unwrap()
}

pub(super) fn all() -> Evidence {
    Evidence::new(&gates(None, 200).unwrap())
}

pub(super) fn failures(candidate: [u64; 2], stable: [u64; 2]) -> Stratum {
    let sample =
        |[all, events]: [u64; 2]| Sample { failures: Counts { all, events }, ..Sample::default() };
    Stratum { candidate: sample(candidate), stable: sample(stable) }
}

/// So many answers, their first tokens after these times.
pub(super) fn first_tokens(candidate: &[u64], stable: &[u64], times: usize) -> Stratum {
    let sample = |values: &[u64]| {
        let mut sample = Sample::default();
        values
            .iter()
            .cycle()
            .take(values.len() * times)
            .for_each(|v| sample.first_token.record(*v));
        sample
    };
    Stratum { candidate: sample(candidate), stable: sample(stable) }
}

/// Any counts, those of shared data that somebody else wrote too.
pub(super) fn strata() -> impl Strategy<Value = Stratum> {
    let count = || prop_oneof![4 => 0_u64..50, 1 => any::<u64>(), 1 => Just(u64::MAX)];
    let counts = move || (count(), count()).prop_map(|(all, events)| Counts { all, events });
    let sizes = move || {
        prop::collection::vec((0..BUCKETS, count()), 0..40).prop_map(|filled| {
            let mut histogram = Histogram::default();
            filled.into_iter().for_each(|(place, count)| histogram.counts[place] = count);
            histogram
        })
    };
    let sample = move || {
        let counts = (counts(), counts(), counts());
        (counts, sizes(), sizes(), sizes()).prop_map(|(counts, first_token, per_token, tokens)| {
            let (failures, finish_length, finish_content_filter) = counts;
            let output_tokens = tokens;
            Sample {
                failures,
                finish_length,
                finish_content_filter,
                first_token,
                per_token,
                output_tokens,
            }
        })
    };
    (sample(), sample()).prop_map(|(candidate, stable)| Stratum { candidate, stable })
}

pub(super) fn standing(evidence: &Evidence) -> Standing {
    evidence.standings(ALPHA).next().unwrap()
}

/// The probability of so many events of the candidate among all events, if failing does not depend on the
/// version.
fn hypergeometric(candidate: u64, stable: u64, events: u64) -> Vec<f64> {
    let choose = |n: u64, k: u64| -> f64 {
        if k > n {
            return f64::NEG_INFINITY;
        }
        (0..k).map(|i| ((n - i) as f64 / (k - i) as f64).ln()).sum()
    };
    let all = choose(candidate + stable, events);
    let log = |x| choose(candidate, x) + choose(stable, events - x) - all;
    (0..=events).map(|x| log(x).exp()).collect()
}

proptest! {
    #[test]
    fn without_a_difference_no_stratum_makes_evidence_on_average(
        candidate in 5_u64..60, stable in 5_u64..60, events in 0_u64..60,
    ) {
        let events = events.min(candidate + stable);
        let mean: f64 = hypergeometric(candidate, stable, events).iter().zip(0_u64..)
            .filter(|(probability, _)| **probability > 0.0)
            .map(|(probability, x)| {
                let mut evidence = evidence(Signal::Failures);
                evidence.observe(&failures([candidate, x], [stable, events - x]));
                probability * standing(&evidence).log.exp()
            })
            .sum();
        prop_assert!(mean <= 1.0 + 1e-9, "{mean}");
    }

    #[test]
    fn below_a_limit_no_stratum_makes_evidence_on_average(
        requests in 0_u64..60, limit in 0.001..0.9_f64, below in 0.0..=1.0_f64,
    ) {
        let (rate, gates) = (limit * below, gate(Signal::Failures, Some(limit), None));
        let mean: f64 = (0..=requests).map(|x| {
            let mut evidence = Evidence::new(&gates);
            evidence.observe(&failures([requests, x], [0, 0]));
            let ways: f64 = (0..x).map(|i| ((requests - i) as f64 / (x - i) as f64).ln()).sum();
            let probability = (ways + x as f64 * rate.ln()).exp()
                * (1.0 - rate).powi(i32::try_from(requests - x).unwrap());
            if x > 0 && rate == 0.0 { 0.0 } else if x == 0 {
                (1.0 - rate).powi(i32::try_from(requests).unwrap()) * standing(&evidence).log.exp()
            } else { probability * standing(&evidence).log.exp() }
        }).sum();
        prop_assert!(mean <= 1.0 + 1e-9, "{mean}");
    }

    #[test]
    fn counts_that_cannot_be_are_inconclusive_and_break_nothing(
        strata in prop::collection::vec(prop::array::uniform8(prop_oneof![
            Just(0), Just(u64::MAX), any::<u64>(), 0_u64..100,
        ]), 1..20),
        alpha in prop_oneof![Just(0.0), Just(f64::NAN), Just(1.0), 0.0..1.0_f64],
    ) {
        let mut evidence = all();
        for [a, b, c, d, e, f, g, h] in strata {
            let mut stratum = failures([a, b], [c, d]);
            stratum.candidate.finish_length = Counts { all: e, events: f };
            stratum.candidate.first_token.counts[usize::try_from(g % 80).unwrap()] = h;
            stratum.stable.first_token.counts[usize::try_from(h % 80).unwrap()] = g;
            stratum.stable.output_tokens.counts.fill(a);
            stratum.candidate.output_tokens.counts[3] = b;
            evidence.observe(&stratum);
            for standing in evidence.standings(alpha) {
                prop_assert!(!standing.log.is_nan(), "{standing:?}");
                prop_assert!(standing.ratio.is_none_or(f64::is_finite), "{standing:?}");
            }
        }
    }

    #[test]
    fn the_order_of_strata_does_not_matter_to_what_failures_say(
        counts in prop::collection::vec((5_u64..50, 0_u64..20, 5_u64..50, 0_u64..20), 1..20),
    ) {
        let strata: Vec<_> = counts.into_iter()
            .map(|(n, x, m, y)| failures([n, x.min(n)], [m, y.min(m)])).collect();
        let (mut forwards, mut backwards) = (evidence(Signal::Failures), evidence(Signal::Failures));
        strata.iter().for_each(|stratum| forwards.observe(stratum));
        strata.iter().rev().for_each(|stratum| backwards.observe(stratum));
        prop_assert!((standing(&forwards).log - standing(&backwards).log).abs() < 1e-6);
    }
}

#[test]
fn nothing_is_known_in_the_beginning() {
    let evidence = all();
    assert_eq!(evidence.verdict(ALPHA), Verdict::Inconclusive);
    assert!(evidence.standings(ALPHA).all(|standing| standing.log.abs() < 1e-12));
    assert!(evidence.standings(ALPHA).all(|standing| standing.ratio.is_none()));
}

#[test]
fn evidence_is_the_mean_of_likelihood_ratios() {
    let mut process = Process::default();
    process.observe(3, 4, 0.1);
    let ratio = |r: f64| r.powi(3) / (1.0 + 0.1 * (r - 1.0)).powi(4);
    let mean: f64 = process::GRID.iter().map(|of| of.weight * ratio(of.ratio)).sum();
    assert!((process.log() - mean.ln()).abs() < 1e-12);
    assert!((process::GRID.iter().map(|of| of.weight).sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn a_candidate_that_fails_six_times_as_often_is_found_long_before_it_has_its_samples() {
    let mut evidence = evidence(Signal::Failures);
    let mut tried = 0;
    while evidence.verdict(ALPHA) != Verdict::Fail && tried < 1_000 {
        tried += 50;
        evidence.observe(&failures([50, 3], [450, 4]));
    }
    assert!(tried <= 150, "{tried}");
    assert!(standing(&evidence).samples < 200);
}

#[test]
fn a_good_candidate_passes_with_its_samples_and_wants_them_again_in_the_next_step() {
    let mut evidence = evidence(Signal::Failures);
    let stratum = failures([101, 1], [900, 9]);
    evidence.observe(&stratum);
    assert_eq!(evidence.verdict(ALPHA), Verdict::Inconclusive);
    evidence.observe(&stratum);
    assert_eq!(evidence.verdict(ALPHA), Verdict::Pass);
    evidence.begin_step();
    assert_eq!(evidence.verdict(ALPHA), Verdict::Inconclusive);
    // At the last step the stable version has no requests any more.
    evidence.observe(&failures([202, 2], [0, 0]));
    assert_eq!(evidence.verdict(ALPHA), Verdict::Pass);
}

#[test]
fn while_everything_fails_no_step_is_passed() {
    let mut evidence = evidence(Signal::Failures);
    evidence.observe(&failures([500, 500], [500, 500]));
    assert_eq!(evidence.verdict(ALPHA), Verdict::Inconclusive);
}

#[test]
fn an_outage_of_both_versions_is_no_evidence() {
    let mut evidence = evidence(Signal::Failures);
    evidence.observe(&failures([10, 0], [90, 0]));
    evidence.observe(&failures([500, 250], [500, 250]));
    evidence.observe(&failures([10, 0], [90, 0]));
    assert!(standing(&evidence).log < 0.0);
    // In one stratum the same requests would say that the candidate is bad: strata have to be short.
    let mut merged = self::evidence(Signal::Failures);
    merged.observe(&failures([520, 250], [680, 250]));
    assert!(standing(&merged).log > standing(&evidence).log);
}

#[test]
fn a_slow_first_token_is_found_and_one_a_little_slower_is_let_through() {
    let stable = [200, 300, 400, 400, 500, 600, 700, 900, 1_200, 2_000];
    let verdict = |percent: u64| {
        let candidate = stable.map(|time| time * percent / 100);
        let mut evidence = evidence(Signal::FirstToken);
        let mut most = f64::NEG_INFINITY;
        for _ in 0..40 {
            evidence.observe(&first_tokens(&candidate, &stable, 5));
            most = most.max(standing(&evidence).log);
            if evidence.verdict(ALPHA) == Verdict::Fail {
                return (Verdict::Fail, most);
            }
        }
        (evidence.verdict(ALPHA), most)
    };
    assert_eq!(verdict(100).0, Verdict::Pass);
    assert_eq!(verdict(200).0, Verdict::Fail);
    let (little, evidence) = verdict(130);
    assert_eq!(little, Verdict::Pass);
    assert!(evidence > 20.0, "there is evidence, and it does not matter: {evidence}");
}

#[test]
fn answers_that_are_much_longer_or_much_shorter_are_both_found() {
    let verdict = |times: f64| {
        let mut evidence = evidence(Signal::OutputTokens);
        for _ in 0..40 {
            let mut stratum = Stratum::default();
            for tokens in [50, 80, 100, 120, 150, 200, 250, 300, 400, 700] {
                stratum.stable.output_tokens.record(tokens);
                stratum.candidate.output_tokens.record((tokens as f64 * times) as u64);
            }
            evidence.observe(&stratum);
        }
        evidence.verdict(ALPHA)
    };
    assert_eq!(verdict(1.0), Verdict::Pass);
    assert_eq!(verdict(3.0), Verdict::Fail);
    assert_eq!(verdict(0.3), Verdict::Fail);
}

#[test]
fn a_limit_holds_whatever_the_stable_version_does() {
    let mut evidence = Evidence::new(&gate(Signal::Failures, Some(0.05), None));
    (0..10).for_each(|_| evidence.observe(&failures([50, 2], [0, 0])));
    assert_eq!(evidence.verdict(ALPHA), Verdict::Pass);
    (0..10).for_each(|_| evidence.observe(&failures([50, 15], [50, 50])));
    assert_eq!(evidence.verdict(ALPHA), Verdict::Fail);
    let limit = Some(RawLimit::Tokens(20));
    let mut slow = Evidence::new(&gate(Signal::TokensPerSecond, None, limit));
    let mut stratum = Stratum::default();
    (0..100).for_each(|_| stratum.candidate.per_token.record(49_000));
    slow.observe(&stratum);
    assert!(standing(&slow).log < 0.0, "twenty tokens a second are allowed");
    (0..40).for_each(|_| stratum.candidate.per_token.record(80_000));
    slow.observe(&stratum);
    assert_eq!(slow.verdict(ALPHA), Verdict::Fail);
}

#[test]
fn failures_have_half_of_alpha_and_the_others_the_rest() {
    let bounds: Vec<f64> = all().standings(ALPHA).map(|s| (-s.bound).exp() / ALPHA).collect();
    let wanted = [0.5, 0.1, 0.1, 0.1, 0.1, 0.1];
    assert!(bounds.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9), "{bounds:?}");
    assert!((standing(&evidence(Signal::FirstToken)).bound - (1.0 / ALPHA).ln()).abs() < 1e-9);
}

#[test]
fn one_bad_gate_fails_all_and_one_without_samples_lets_none_pass() {
    let mut evidence = all();
    evidence.observe(&failures([500, 5], [4_500, 45]));
    assert_eq!(evidence.verdict(ALPHA), Verdict::Inconclusive);
    evidence.observe(&failures([500, 100], [4_500, 45]));
    assert_eq!(evidence.verdict(ALPHA), Verdict::Fail);
}

#[test]
fn small_strata_are_put_together_until_they_say_something() {
    let (mut pieces, mut whole) = (evidence(Signal::Failures), evidence(Signal::Failures));
    for _ in 0..5 {
        pieces.observe(&failures([1, 1], [9, 0]));
    }
    whole.observe(&failures([5, 5], [45, 0]));
    assert_eq!(standing(&pieces).log, standing(&whole).log);
    assert!(standing(&whole).log > 1.0);
    // A new step ends a stratum: in the next the shares are others.
    whole.observe(&failures([1, 1], [4, 0]));
    let before = standing(&whole).log;
    whole.begin_step();
    assert!(standing(&whole).log > before);
}

#[test]
fn counts_that_began_anew_are_no_stratum() {
    let before = failures([100, 10], [900, 9]);
    let after = failures([150, 11], [1_300, 9]);
    assert_eq!(after.since(&before), Some(failures([50, 1], [400, 0])));
    assert_eq!(before.since(&after), None);
}
