use proptest::prelude::*;

use super::*;

/// A request whose shares vary with a seed.
fn request(seed: u64) -> Estimate {
    let tokens = 200 + seed.wrapping_mul(2_654_435_761) % 3_000;
    let part = |percent: u64| i64::try_from(tokens * 10 * percent).unwrap();
    let marks = part(seed.wrapping_mul(7_919) % 40);
    let foreign = if seed.is_multiple_of(3) { part(seed.wrapping_mul(104_729) % 50) } else { 0 };
    Estimate { tokens, marks, foreign, frame: 12_000, definitions: 0 }
}

/// A server whose vocabulary needs more, most of all for other scripts, and adds a template.
fn server(estimate: &Estimate) -> u64 {
    let text = 1.15 * estimate.tokens as f64;
    let extra = (0.1 * estimate.marks as f64 + 0.5 * estimate.foreign as f64) / 1000.0;
    (text + extra + 20.0).round() as u64
}

fn taught(requests: std::ops::Range<u64>) -> Calibration {
    let mut calibration = Calibration::default();
    for seed in requests {
        calibration.learn(&request(seed), server(&request(seed)));
    }
    calibration
}

fn mean_error(calibration: &Calibration) -> f64 {
    let errors = (1_000..1_200).map(|seed| {
        let truth = server(&request(seed)) as f64;
        (calibration.apply(&request(seed)).unwrap().tokens as f64 - truth).abs() / truth
    });
    errors.sum::<f64>() / 200.0
}

#[test]
fn fifty_reports_teach_a_vocabulary_and_its_template() {
    assert!(mean_error(&taught(0..50)) < 0.005, "{}", mean_error(&taught(0..50)));
}

#[test]
fn too_few_reports_correct_nothing() {
    let few = u64::from(MIN_SAMPLES) - 1;
    assert_eq!(taught(0..few).apply(&request(1)), None);
    assert!(taught(0..few + 1).apply(&request(1)).is_some());
}

#[test]
fn one_report_in_ten_may_be_wrong() {
    let mut calibration = Calibration::default();
    let mut outliers = 0;
    for seed in 0..200 {
        let truth = server(&request(seed));
        let is_wrong = seed % 10 == 9;
        let outcome = calibration.learn(&request(seed), if is_wrong { truth * 2 } else { truth });
        outliers += u32::from(outcome == Outcome::Outlier);
    }
    assert!(outliers >= 15, "{outliers}");
    assert!(mean_error(&calibration) < 0.03, "{}", mean_error(&calibration));
}

#[test]
fn reports_that_count_something_else_are_not_learnt() {
    let before = taught(0..50);
    for reported in [0, 1, 1_000_000, u64::MAX] {
        let mut calibration = before.clone();
        assert_eq!(calibration.learn(&request(7), reported), Outcome::Implausible);
        assert_eq!(calibration, before);
    }
    let short = Estimate { tokens: MIN_TOKENS - 1, ..Estimate::default() };
    assert_eq!(before.clone().learn(&short, 20), Outcome::Implausible);
}

#[test]
fn a_model_that_changed_is_followed() {
    let mut calibration = taught(0..2_000);
    for seed in 0..150 {
        calibration.learn(&request(seed), server(&request(seed)) * 3 / 2);
    }
    let truth = server(&request(7)) * 3 / 2;
    let now = calibration.apply(&request(7)).unwrap();
    assert!(now.tokens.abs_diff(truth) * 100 < truth * 3, "{now:?} for {truth}");
}

#[test]
fn what_was_never_seen_has_a_wider_bound() {
    let mut calibration = Calibration::default();
    let english = |tokens| Estimate { tokens, frame: 12_000, ..Estimate::default() };
    for tokens in 500..600 {
        calibration.learn(&english(tokens), tokens * 11 / 10);
    }
    let known = calibration.apply(&english(555)).unwrap();
    let chinese = Estimate { foreign: 540_000, ..english(555) };
    let unknown = calibration.apply(&chinese).unwrap();
    assert!(known.error_percent <= 3, "{known:?}");
    assert!(unknown.error_percent >= 30, "{unknown:?}");
}

#[test]
fn a_record_that_was_damaged_counts_as_absent_and_anothers_is_told_apart() {
    let calibration = taught(0..50);
    let record = calibration.encode(fingerprint("llama-8b"));
    assert!(record.len() < 256);
    for at in 0..record.len() {
        let mut damaged = record.clone();
        damaged[at] ^= 4;
        assert_eq!(
            Calibration::decode(&damaged, fingerprint("llama-8b")),
            Err(Unreadable::Broken),
            "byte {at}"
        );
        assert!(Calibration::decode(&record[..at], fingerprint("llama-8b")).is_err());
    }
    assert_eq!(Calibration::decode(&record, fingerprint("llama-70b")), Err(Unreadable::Foreign));
}

#[test]
fn a_model_has_four_slots_that_lie_apart() {
    let all = slots(fingerprint("llama-8b"));
    assert!(all.iter().all(|slot| *slot < SLOTS));
    assert_eq!(all.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    assert_ne!(all, slots(fingerprint("llama-70b")));
}

fn any_estimate() -> impl Strategy<Value = Estimate> {
    (any::<u64>(), any::<[i64; 4]>(), any::<bool>()).prop_map(|(tokens, parts, small)| {
        let tokens = if small { tokens % 5_000 } else { tokens };
        let [marks, foreign, frame, definitions] =
            parts.map(|part| if small { part % 5_000_000 } else { part });
        Estimate { tokens, marks, foreign, frame, definitions }
    })
}

proptest! {
    #[test]
    fn nothing_that_is_reported_breaks_it(
        reports in prop::collection::vec((any_estimate(), any::<u64>(), 25_u64..400), 0..200),
        asked in any_estimate(),
    ) {
        let mut calibration = Calibration::default();
        for (estimate, anything, percent) in reports {
            calibration.learn(&estimate, anything);
            calibration.learn(&estimate, (estimate.tokens / 100).saturating_mul(percent));
            let record = calibration.encode(1);
            calibration = Calibration::decode(&record, 1).unwrap();
            prop_assert!(calibration.weights.iter().all(|weight| weight.abs() <= 4.0));
            prop_assert!(calibration.covariance.iter().flatten().all(|v| v.abs() <= 1.0));
        }
        if let Some(corrected) = calibration.apply(&asked) {
            prop_assert!(corrected.tokens >= asked.tokens / 4 - 1.min(asked.tokens / 4));
            prop_assert!((1..=100).contains(&corrected.error_percent));
        }
    }

    #[test]
    fn the_order_of_reports_matters_little(order in Just((0..100_u64).collect::<Vec<_>>()).prop_shuffle()) {
        let mut calibration = Calibration::default();
        for seed in order {
            calibration.learn(&request(seed), server(&request(seed)));
            calibration = Calibration::decode(&calibration.encode(1), 1).unwrap();
        }
        prop_assert!(mean_error(&calibration) < 0.01, "{}", mean_error(&calibration));
    }
}

#[test]
fn the_first_answers_are_looked_at_and_then_one_in_sixteen() {
    assert!((0..128).all(is_looked_at));
    assert_eq!((128..1_728).filter(|answers| is_looked_at(*answers)).count(), 100);
}
