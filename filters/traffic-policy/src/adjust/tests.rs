use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::catalog::{Catalog, RawPool};
use crate::split::RawArm;

fn read(weights: &[u32], section: serde_json::Value) -> Result<Adjust, String> {
    let version = |n: usize| format!("v{n}");
    let pool = RawPool {
        name: "gpu".into(),
        model: None,
        versions: (0..weights.len()).map(version).collect(),
        fallback: vec![],
        endpoints: vec![],
    };
    let catalog = Catalog::try_from((vec![], vec![pool])).unwrap();
    let arm = |(n, weight): (usize, &u32)| RawArm {
        version: version(n),
        weight: i64::from(*weight),
        model: None,
    };
    let arms: Vec<RawArm> = weights.iter().enumerate().map(arm).collect();
    let split = Split::try_from((arms, catalog.pool("gpu").unwrap(), &catalog)).unwrap();
    let raw: RawAdjust = serde_json::from_value(section).map_err(|e| e.to_string())?;
    Adjust::try_from((raw, &split)).map_err(|e| e.to_string())
}

fn by(signal: &str, weights: &[u32]) -> Adjust {
    read(weights, json!({"by": signal, "min": 5, "max": 90})).unwrap()
}

/// The weights after so many intervals in which each version's time is the same.
fn after(adjust: &Adjust, intervals: usize, times: &[f64]) -> Vec<u32> {
    let mut now = adjust.begin();
    for _ in 0..intervals {
        let measured: Vec<Option<f64>> = times
            .iter()
            .zip(&now.weights)
            .map(|(time, weight)| match adjust.by() {
                By::FirstToken => Some(*time),
                By::OutstandingTokens => Some(1e6 * time * f64::from(*weight)),
            })
            .collect();
        now = adjust.next(&now, &measured);
    }
    now.weights
}

proptest! {
    #[test]
    fn whatever_is_measured_weights_stay_within_their_bounds_and_change_little(
        weights in prop::collection::vec(0_u32..100, 1..6)
            .prop_filter("some weight", |weights| weights.iter().any(|w| *w > 0)),
        measured in prop::collection::vec(prop::collection::vec(prop::option::of(prop_oneof![
            any::<f64>(), 0.0..1e6_f64, Just(0.0),
        ]), 0..8), 1..30),
        signal in prop::sample::select(vec!["first_token", "outstanding_tokens"]),
    ) {
        let section = json!({"by": signal, "min": 5, "max": 100});
        let adjust = read(&weights, section).unwrap();
        let mut now = adjust.begin();
        for measured in measured {
            let next = adjust.next(&now, &measured);
            prop_assert_eq!(next.weights.iter().sum::<u32>(), ALL);
            for ((weight, was), configured) in next.weights.iter().zip(&now.weights).zip(&weights) {
                prop_assert_eq!(*weight > 0, *configured > 0);
                prop_assert!(*weight == 0 || *weight >= 498, "{next:?}");
                prop_assert!(weight.abs_diff(*was) <= 502, "{now:?} {next:?}");
            }
            now = next;
        }
    }
}

#[test]
fn versions_that_cost_the_same_get_what_the_configuration_says() {
    for signal in ["first_token", "outstanding_tokens"] {
        let adjust = by(signal, &[3, 1]);
        assert_eq!(adjust.begin().weights, [7_500, 2_500]);
        for weight in after(&adjust, 50, &[0.3, 0.3]).iter().zip([7_500_u32, 2_500]) {
            assert!(weight.0.abs_diff(weight.1) <= 5, "{weight:?}");
        }
    }
}

#[test]
fn a_version_that_is_twice_as_slow_comes_to_half_as_much_and_stays_there() {
    for signal in ["first_token", "outstanding_tokens"] {
        let adjust = by(signal, &[1, 1]);
        let first = after(&adjust, 1, &[0.2, 0.4]);
        assert!(first[1] < 5_000 && first[1] >= 4_500, "{first:?}");
        for intervals in [50, 51, 200] {
            let weights = after(&adjust, intervals, &[0.2, 0.4]);
            assert!(weights[0].abs_diff(6_667) <= 10, "{signal} {weights:?}");
        }
    }
}

#[test]
fn the_way_there_is_never_overshot() {
    let adjust = by("outstanding_tokens", &[1, 1]);
    let path: Vec<u32> = (0..60).map(|n| after(&adjust, n, &[0.1, 0.5])[1]).collect();
    assert!(path.windows(2).all(|pair| pair[1] <= pair[0]), "{path:?}");
}

#[test]
fn bounds_hold_and_the_others_share_what_is_left() {
    let section = json!({"by": "first_token", "min": 10, "max": 50});
    let adjust = read(&[1, 1, 1], section).unwrap();
    // The last few of ten thousand are rounded away.
    let near = |found: &[u32], wanted: [u32; 3]| {
        found.iter().zip(wanted).all(|(found, wanted)| found.abs_diff(wanted) <= 5)
    };
    assert!(near(&after(&adjust, 100, &[0.1, 10.0, 10.0]), [5_000, 2_500, 2_500]));
    assert!(near(&after(&adjust, 100, &[10.0, 0.1, 0.1]), [1_000, 4_500, 4_500]));
}

#[test]
fn a_version_that_nobody_measured_is_taken_as_average_and_one_without_weight_stays_without() {
    let adjust = by("first_token", &[1, 1, 0]);
    let next = adjust.next(&adjust.begin(), &[Some(0.2)]);
    assert_eq!(next.weights, [5_000, 5_000, 0]);
    // What was measured once is remembered.
    let slow = adjust.next(&next, &[Some(0.2), Some(0.8)]);
    let silent = adjust.next(&slow, &[None, None]);
    assert!(silent.weights[1] < slow.weights[1], "{slow:?} {silent:?}");
}

#[test]
fn what_could_never_be_is_refused_with_what_can() {
    let refused =
        |section, expected: &str| assert_eq!(read(&[1, 1, 1], section).unwrap_err(), expected);
    refused(
        json!({"by": "first_token", "min": 34, "max": 50}),
        "min: found `34`; allowed 1 to 33 with `3` versions; lower it",
    );
    refused(
        json!({"by": "first_token", "min": 5, "max": 33}),
        "max: found `33`; allowed 34 to 100 with `3` versions; raise it",
    );
    refused(
        json!({"by": "first_token", "min": 5, "max": 50, "interval": "10ms"}),
        "interval: found `10ms`; allowed 1s to 1h; raise it",
    );
    let error = read(&[1], json!({"by": "cpu", "min": 1, "max": 100})).unwrap_err();
    assert!(error.starts_with("unknown variant `cpu`"), "{error}");
}
