use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::catalog::{Catalog, Pool, RawPool};
use crate::invalid::Invalid;

mod configured;

/// A split between versions `v0`, `v1`, ... of a pool.
fn split_of(pool: &str, arms: usize) -> Split {
    let raw = (0..arms).map(|n| json!({"version": format!("v{n}"), "weight": 1})).collect();
    read(pool, raw).unwrap()
}

fn read(name: &str, weights: Vec<serde_json::Value>) -> Result<Split, Invalid> {
    let pool = RawPool {
        name: name.into(),
        model: None,
        versions: (0..MOST_ARMS + 1).map(|n| format!("v{n}")).collect(),
        fallback: vec![],
        endpoints: vec![],
    };
    let catalog = Catalog::try_from((vec![], vec![pool])).unwrap();
    let pool: &Pool = catalog.pool(name).unwrap();
    let raw: Vec<RawArm> = serde_json::from_value(weights.into()).unwrap();
    Split::try_from((raw, pool, &catalog))
}

fn weights(arms: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u32>> {
    let weight = prop_oneof![1 => Just(0), 4 => 0..=100_u32, 1 => 0..=MOST_WEIGHT];
    prop::collection::vec(weight, arms)
        .prop_filter("some weight", |weights| weights.iter().any(|weight| *weight > 0))
}

fn shares(weights: &[u32]) -> Vec<f64> {
    let all: f64 = weights.iter().copied().map(f64::from).sum();
    weights.iter().map(|weight| f64::from(*weight) / all).collect()
}

/// The shares that so many keys come to.
fn measured(split: &Split, weights: &[u32], keys: impl Iterator<Item = u64>) -> Vec<f64> {
    let mut counts = vec![0_u32; weights.len()];
    keys.for_each(|key| counts[split.assign(key, weights).unwrap()] += 1);
    shares(&counts)
}

proptest! {
    #[test]
    fn a_raise_moves_only_to_the_raised_and_a_lowering_only_away_from_the_lowered(
        weights in weights(1..9), arm in any::<prop::sample::Index>(), to in 0..=MOST_WEIGHT,
        keys in prop::collection::vec(any::<u64>(), 100),
    ) {
        let split = split_of("gpu", weights.len());
        let arm = arm.index(weights.len());
        let mut changed = weights.clone();
        changed[arm] = to;
        for key in keys {
            let (before, after) = (split.assign(key, &weights), split.assign(key, &changed));
            if before != after {
                let whose = if to > weights[arm] { after } else { before };
                prop_assert_eq!(whose, Some(arm));
            }
        }
    }

    #[test]
    fn only_the_ratios_of_weights_matter(
        weights in prop::collection::vec(0_u32..1_000, 1..9), times in 1_u32..1_000_000,
        keys in prop::collection::vec(any::<u64>(), 100),
    ) {
        let split = split_of("gpu", weights.len());
        let scaled: Vec<u32> = weights.iter().map(|weight| weight * times).collect();
        for key in keys {
            prop_assert_eq!(split.assign(key, &weights), split.assign(key, &scaled));
        }
    }

    #[test]
    fn a_version_without_weight_is_never_chosen(
        weights in weights(1..17), keys in prop::collection::vec(any::<u64>(), 100),
    ) {
        let split = split_of("gpu", weights.len());
        for key in keys {
            let chosen = split.assign(key, &weights).unwrap();
            prop_assert!(weights[chosen] > 0);
        }
    }

    #[test]
    fn what_moves_is_foretold_and_never_less_than_it_has_to_be(
        (before, after) in (1_usize..6).prop_flat_map(|n| (weights(n..n + 1), weights(n..n + 1))),
    ) {
        let split = split_of("gpu", before.len());
        let moves = moved(&before, &after).unwrap();
        let change = |key: &u64| split.assign(*key, &before) != split.assign(*key, &after);
        let count = (0..10_000).filter(change).count();
        let measured = count as f64 / 10_000.0;
        prop_assert!((moves.moved - measured).abs() < 0.03, "{moves:?}, measured {measured}");
        prop_assert!(moves.moved >= moves.least && moves.moved <= 1.0 + 1e-9, "{moves:?}");
    }

    #[test]
    fn a_single_change_and_any_change_between_two_move_nobody_without_need(
        weights in weights(2..9), arm in any::<prop::sample::Index>(), to in 1..=MOST_WEIGHT,
    ) {
        let mut changed = weights.clone();
        changed[arm.index(weights.len())] = to;
        prop_assert!(moved(&weights, &changed).unwrap().excess() < 1e-9);
        let two = moved(&weights[..2], &changed[..2]);
        prop_assert!(two.is_none_or(|moves| moves.excess() < 1e-9));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_shares_of_a_hundred_thousand_keys_are_the_weights_within_one_point(
        weights in weights(1..17), first in any::<u64>(), is_counting in any::<bool>(),
    ) {
        let split = split_of("gpu", weights.len());
        // Keys that count up are as good as hashes.
        let key = |n: u64| if is_counting { first.wrapping_add(n) } else { stir(first ^ n) };
        let measured = measured(&split, &weights, (0..100_000).map(key));
        for (wanted, found) in shares(&weights).iter().zip(measured) {
            prop_assert!((wanted - found).abs() < 0.01, "{wanted}: {found}");
        }
    }
}

#[test]
fn a_transfer_between_two_of_three_moves_more_than_it_has_to_and_says_how_much() {
    let moves = moved(&[50, 30, 20], &[50, 20, 30]).unwrap();
    assert!((moves.least - 0.1).abs() < 1e-12, "{moves:?}");
    assert!((moves.excess() - 0.0454).abs() < 1e-4, "{moves:?}");
    // A transfer from 90 to 10, as a rollout of two makes it, costs nothing.
    assert!(moved(&[90, 10], &[75, 25]).unwrap().excess() < 1e-12);
}

#[test]
fn a_version_that_goes_or_comes_is_counted_and_nothing_at_all_moves_nobody() {
    assert!((moved(&[90, 10], &[1]).unwrap().moved - 0.1).abs() < 1e-12);
    assert!((moved(&[1], &[90, 10]).unwrap().moved - 0.1).abs() < 1e-12);
    assert_eq!(moved(&[0, 0], &[1, 0]), None);
    assert_eq!(moved(&[1], &[]), None);
}

#[test]
fn without_any_weight_no_version_is_chosen() {
    assert_eq!(split_of("gpu", 2).assign(7, &[0, 0]), None);
    assert_eq!(split_of("gpu", 2).assign(7, &[]), None);
}

#[test]
fn who_tries_the_new_version_of_one_pool_is_not_who_tries_that_of_another() {
    let (one, other) = (split_of("gpu", 2), split_of("cpu", 2));
    let weights = [9, 1];
    let tries = |split: &Split, key: &u64| split.assign(*key, &weights) == Some(1);
    let both = (0..100_000).filter(|key| tries(&one, key) && tries(&other, key)).count();
    // A tenth of a tenth.
    assert!((800..1_200).contains(&both), "{both}");
}

/// These tests run natively and as wasm. A build that assigns otherwise moves users when it is rolled out.
#[test]
fn who_gets_what_is_the_same_in_every_build() {
    let split = split_of("gpu", 3);
    let places = (0..100_000).filter_map(|key| split.assign(key, &[60, 30, 10]));
    let all = places.fold(0_u64, |all, place| stir(all ^ place as u64));
    assert_eq!(all, 4_074_215_726_432_078_413);
    let times = (0..100_000).fold(0_u64, |all, key| stir(all ^ time(key, 1)));
    assert_eq!(times, 2_903_594_606_444_894);
}

#[test]
fn the_first_and_the_last_draw_have_a_time() {
    for key in [0, 1, u64::MAX] {
        for seed in [0, 1, u64::MAX] {
            assert!(time(key, seed) > 0);
        }
    }
    let longest = -libm::log(0.5 / (1_u64 << 52) as f64) * TICKS;
    assert!(longest < u64::MAX as f64);
    let shortest = -libm::log(1.0 - 0.5 / (1_u64 << 52) as f64) * TICKS;
    assert!(shortest >= 1.0);
}
