use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::rollout::Phase;
use crate::rollout::tests::{after, rollout};

/// Two gates, of two hundred samples each; scrapes arrive within this time.
fn gated(delay: u64) -> Rollout {
    let delay = format!("{delay}s");
    rollout(json!({
        "gates": [{"signal": "failures"}, {"signal": "first_token"}],
        "prometheus": {"cluster": "p", "evaluation_delay": delay},
    }))
}

fn both(value: f64) -> [Reading<'static>; 2] {
    ["failures", "first_token"].map(|signal| Reading { signal, value })
}

/// The steps after each of these instants, at which both gates have had so many samples.
fn steps(rollout: &Rollout, samples: &[f64]) -> Vec<usize> {
    let mut progress = Progress::begin(rollout);
    let mut step = |(number, samples): (u32, &f64)| {
        progress.readings(rollout, number, &both(*samples));
        progress.state(rollout, after(0)).step
    };
    (1..).zip(samples).map(&mut step).collect()
}

#[test]
fn a_step_is_passed_when_it_has_had_its_samples() {
    // Of the first instant the samples are those of the beginning.
    assert_eq!(steps(&gated(30), &[5.0, 204.0, 205.0, 500.0]), [0, 0, 1, 1]);
    // What came before the evaluated moment is not the new step's.
    let samples = [0.0, 200.0, 200.0, 399.0, 400.0, 700.0, 900.0];
    assert_eq!(steps(&gated(30), &samples), [0, 1, 1, 1, 2, 2, 3]);
    // Without a delay a step begins with the numbers that have passed the one before.
    assert_eq!(steps(&gated(0), &[0.0, 200.0, 399.0, 400.0]), [0, 1, 1, 2]);
    assert_eq!(steps(&gated(45), &[900.0, 900.0, 1_100.0, 1_300.0, 1_300.0]), [0, 0, 1, 1, 1]);
}

#[test]
fn samples_that_fall_have_to_rise_to_what_they_were() {
    assert_eq!(steps(&gated(30), &[500.0, 100.0, 500.0, 699.0, 700.0]), [0, 0, 0, 0, 1]);
}

#[test]
fn a_series_that_is_missing_begins_to_count_when_it_is_there() {
    let rollout = gated(30);
    let mut progress = Progress::begin(&rollout);
    let mut step = |number, readings: &[Reading<'_>]| {
        progress.readings(&rollout, number, readings);
        progress.state(&rollout, after(0)).step
    };
    assert_eq!(step(1, &[]), 0);
    assert_eq!(step(2, &both(300.0)), 0);
    let [failures, _] = both(500.0);
    assert_eq!(step(3, &[failures]), 0, "the other gate has not said anything");
    assert_eq!(step(4, &both(500.0)), 1);
}

#[test]
fn one_negative_series_fails_all_and_a_negative_zero_or_endless_one_does_not() {
    let rollout = gated(0);
    let verdict = |values: [f64; 2]| {
        let [mut one, mut other] = both(0.0);
        [one.value, other.value] = values;
        Progress::begin(&rollout).readings(&rollout, 1, &[one, other])
    };
    assert_eq!(verdict([-1.0, 900.0]), Verdict::Fail);
    assert_eq!(verdict([f64::NAN, -0.5]), Verdict::Fail);
    for value in [-0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        assert_eq!(verdict([value, value]), Verdict::Inconclusive, "{value}");
    }
}

#[test]
fn what_was_found_before_the_start_and_by_gates_that_are_not_ours_is_nothing() {
    let rollout = gated(30);
    let mut progress = Progress::begin(&rollout);
    progress.readings(&rollout, 1, &both(-1.0));
    assert!(!progress.is_over());
    let foreign = ["output_tokens", "failures_limit", "", "Failures"];
    let readings = foreign.map(|signal| Reading { signal, value: -1.0 });
    assert_eq!(progress.readings(&rollout, 2, &readings), Verdict::Inconclusive);
    assert!(!progress.is_over());
    progress.readings(&rollout, 3, &both(-1.0));
    assert_eq!(progress.state(&rollout, after(0)).phase, Phase::RolledBack);
}

#[test]
fn of_two_series_of_one_gate_the_smaller_counts_and_one_that_cannot_be_hides_both() {
    let rollout = gated(0);
    for (twice, verdict) in [
        ([900.0, 300.0], Verdict::Pass),
        ([900.0, 199.0], Verdict::Inconclusive),
        ([900.0, f64::NAN], Verdict::Inconclusive),
        ([900.0, -1.0], Verdict::Fail),
    ] {
        let mut progress = Progress::begin(&rollout);
        progress.readings(&rollout, 1, &both(0.0));
        let [failures, first_token] = both(900.0);
        let again = twice.map(|value| Reading { value, ..failures });
        let readings = [again[0], first_token, again[1]];
        assert_eq!(progress.readings(&rollout, 2, &readings), verdict, "{twice:?}");
    }
}

#[test]
fn a_question_of_the_users_own_says_yes_or_no() {
    for (values, verdict) in [
        (vec![], Verdict::Inconclusive),
        (vec![1.0, 0.1], Verdict::Pass),
        (vec![1.0, 0.0], Verdict::Inconclusive),
        (vec![1.0, -0.0], Verdict::Inconclusive),
        (vec![1.0, f64::NAN], Verdict::Inconclusive),
        (vec![1.0, f64::INFINITY], Verdict::Inconclusive),
        (vec![1.0, f64::NAN, -1e-9], Verdict::Fail),
        (vec![f64::NEG_INFINITY], Verdict::Inconclusive),
    ] {
        assert_eq!(Verdict::of_values(values.clone()), verdict, "{values:?}");
    }
}

fn values() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => (0_u32..2_000).prop_map(f64::from),
        1 => any::<f64>(),
        1 => prop::sample::select(vec![-1.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300]),
    ]
}

fn readings() -> impl Strategy<Value = Vec<Reading<'static>>> {
    let signals = vec!["failures", "first_token", "first_token", "failures", "output_tokens", ""];
    let reading = (prop::sample::select(signals), values());
    prop::collection::vec(reading.prop_map(|(signal, value)| Reading { signal, value }), 0..5)
}

proptest! {
    #[test]
    fn no_step_is_left_before_each_gate_has_had_its_samples_whatever_series_say(
        answers in prop::collection::vec((0_u32..3, readings()), 0..60), delay in 0_u64..100,
    ) {
        let rollout = gated(delay);
        let mut progress = Progress::begin(&rollout);
        let mut number = 0;
        // All that both gates have ever said since the step began.
        let mut heard: [Vec<f64>; 2] = Default::default();
        let mut began = rollout.instant(0);
        for (skipped, readings) in &answers {
            number += 1 + skipped;
            let before = progress.state(&rollout, after(0)).step;
            progress.readings(&rollout, number, readings);
            let is_seen = rollout.evaluated_at(number) >= began;
            for (heard, signal) in heard.iter_mut().zip(["failures", "first_token"]) {
                let of_gate = readings.iter().filter(|reading| is_seen && reading.signal == signal);
                heard.extend(of_gate.map(|reading| reading.value).filter(|v| (0.0..=MOST_SAMPLES).contains(v)));
            }
            if progress.state(&rollout, after(0)).step > before {
                for heard in &heard {
                    let least = heard.iter().copied().fold(f64::INFINITY, f64::min);
                    let most = heard.iter().copied().fold(0.0, f64::max);
                    prop_assert!(most - least >= 200.0, "{heard:?}");
                }
                prop_assert!(rollout.evaluated_at(number) > began);
                began = rollout.instant(number);
                heard = Default::default();
                let own = readings.iter().filter(|_| rollout.evaluated_at(number) >= began);
                own.for_each(|reading| match reading.signal {
                    "failures" => heard[0].push(reading.value),
                    "first_token" => heard[1].push(reading.value),
                    _ => {}
                });
            }
        }
    }

    #[test]
    fn whoever_reads_the_history_in_pieces_or_after_others_comes_to_the_same(
        answers in prop::collection::vec(readings(), 0..60), from in 0_usize..60, again in 0_usize..60,
    ) {
        let rollout = gated(30);
        let mut whole = Progress::begin(&rollout);
        for (number, readings) in (1..).zip(&answers) {
            whole.readings(&rollout, number, readings);
        }
        let mut pieces = Progress::begin(&rollout);
        let numbered: Vec<_> = (1_u32..).zip(&answers).collect();
        let middle = from.min(numbered.len());
        // The second piece begins with what is known already.
        let parts = [&numbered[..middle], &numbered[middle.saturating_sub(again)..]];
        for (number, readings) in parts.into_iter().flatten() {
            pieces.readings(&rollout, *number, readings);
            pieces = Progress::read(&rollout, Some(&pieces.write()));
        }
        prop_assert_eq!(pieces, whole);
    }
}
