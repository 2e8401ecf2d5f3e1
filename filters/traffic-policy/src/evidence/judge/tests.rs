use proptest::prelude::*;

use super::*;
use crate::evidence::tests::{all, failures, gate, strata};
use crate::evidence::{Signal, gates};

fn default_gates() -> Vec<Gate> {
    gates(None, 200).unwrap()
}

fn judge() -> Judge {
    Judge::read(None, &default_gates())
}

proptest! {
    #[test]
    fn who_goes_on_with_the_record_comes_to_what_one_who_never_stopped_knows(
        strata in prop::collection::vec((strata(), 0_usize..3), 0..12),
    ) {
        let gates = default_gates();
        let (mut one, mut others) = (judge(), judge());
        let mut counts = Stratum::default();
        let mut expected = Evidence::new(&gates);
        let mut last = 0;
        for (stratum, step) in &strata {
            let before = counts;
            counts.add(stratum);
            one.look(&counts, *step);
            // Another worker each time.
            others = Judge::read(Some(&others.write()), &gates);
            others.look(&counts, *step);
            expected.observe(&counts.since(&before).unwrap());
            if *step != last {
                expected.begin_step();
            }
            last = *step;
        }
        prop_assert_eq!(&one, &others);
        prop_assert_eq!(one.evidence(), &expected);
        let looks = (0..50).take_while(|_| one.look(&counts, last)).count();
        prop_assert!(looks <= 15, "there is nothing new");
        (0..looks).for_each(|_| expected.observe(&Stratum::default()));
        (0..looks).for_each(|_| {
            others.look(&counts, last);
        });
        let bytes = one.write();
        prop_assert!(bytes.len() < 32_000, "{}", bytes.len());
    }

    #[test]
    fn what_was_cut_or_changed_begins_with_the_counts_there_are(
        strata in prop::collection::vec(strata(), 0..4),
        at in any::<prop::sample::Index>(), bit in 0..8_u32,
    ) {
        let gates = default_gates();
        let mut judge = judge();
        let mut counts = Stratum::default();
        for stratum in &strata {
            counts.add(stratum);
            judge.look(&counts, 1);
        }
        let mut bytes = judge.write();
        let at = at.index(bytes.len());
        let cut = Judge::read(Some(&bytes[..at]), &gates);
        bytes[at] ^= 1 << bit;
        let mut damaged = Judge::read(Some(&bytes), &gates);
        prop_assert_eq!(&cut, &damaged);
        damaged.look(&counts, 0);
        prop_assert_eq!(damaged.evidence(), &Evidence::new(&gates));
    }

    #[test]
    fn evidence_alone_is_read_as_it_was_written_and_by_no_other_gates(
        strata in prop::collection::vec(strata(), 0..4),
        at in any::<prop::sample::Index>(), bit in 0..8_u32,
    ) {
        let gates = default_gates();
        let mut evidence = all();
        strata.iter().for_each(|stratum| evidence.observe(stratum));
        let mut bytes = evidence.write();
        prop_assert_eq!(Evidence::read(&bytes, &gates), Some(evidence));
        prop_assert_eq!(Evidence::read(&bytes, &gate(Signal::Failures, None, None)), None);
        let at = at.index(bytes.len());
        prop_assert_eq!(Evidence::read(&bytes[..at], &gates), None);
        bytes[at] ^= 1 << bit;
        prop_assert_eq!(Evidence::read(&bytes, &gates), None);
    }

    #[test]
    fn bytes_with_a_right_checksum_are_read_to_an_end_whatever_they_are(
        bytes in prop::collection::vec(any::<u8>(), 0..600), cut in any::<prop::sample::Index>(),
    ) {
        let gates = default_gates();
        // A good beginning, and anything behind it.
        let good = judge().write();
        let mut record = good[..cut.index(good.len() - 4)].to_vec();
        record.extend(bytes);
        let mut judge = Judge::read(Some(&seal(record)), &gates);
        judge.look(&failures([1_000, 10], [9_000, 90]), 1);
        judge.look(&failures([2_000, 20], [18_000, 180]), 1);
        for tally in judge.evidence().tallies() {
            prop_assert!(!tally.log.is_nan(), "{tally:?}");
        }
    }
}

#[test]
fn what_was_counted_before_other_gates_came_weighs_nothing() {
    let (old, new) = (gate(Signal::Failures, None, None), gate(Signal::Failures, Some(0.05), None));
    let mut judge = Judge::read(None, &old);
    judge.look(&failures([100, 90], [900, 9]), 0);
    assert!(judge.evidence().tallies()[0].log > 10.0);
    let mut other = Judge::read(Some(&judge.write()), &new);
    other.look(&failures([200, 180], [1_800, 18]), 0);
    assert_eq!(other.evidence().tallies()[0].events, 0);
    other.look(&failures([300, 270], [2_700, 27]), 0);
    assert_eq!(other.evidence().tallies()[0].events, 90);
}

#[test]
fn how_many_samples_a_gate_wants_may_change_under_way() {
    let mut judge = Judge::read(None, &gates(None, 200).unwrap());
    judge.look(&failures([100, 1], [900, 9]), 0);
    let other = Judge::read(Some(&judge.write()), &gates(None, 50).unwrap());
    assert_eq!(other.evidence().tallies(), judge.evidence().tallies());
}

#[test]
fn counts_that_began_anew_are_taken_over_and_only_what_follows_is_weighed() {
    let mut judge = judge();
    judge.look(&failures([100, 1], [900, 9]), 0);
    let before = judge.evidence().clone();
    assert!(judge.look(&failures([50, 40], [400, 0]), 0));
    assert_eq!(judge.evidence(), &before);
    judge.look(&failures([60, 42], [490, 0]), 0);
    assert_eq!(judge.evidence().tallies()[0].events, 3);
}

#[test]
fn a_new_step_wants_its_own_samples() {
    let mut judge = judge();
    judge.look(&failures([100, 1], [900, 9]), 0);
    assert!(judge.look(&failures([100, 1], [900, 9]), 1));
    let samples = |judge: &Judge| judge.evidence().standings(0.1).next().unwrap().samples;
    assert_eq!(samples(&judge), 0);
    assert!(!judge.look(&failures([100, 1], [900, 9]), 1));
    judge.look(&failures([130, 1], [930, 9]), 1);
    assert_eq!((samples(&judge), judge.evidence().tallies()[0].samples), (30, 129));
}

#[test]
fn with_few_requests_one_of_each_version_is_weighed_after_a_while() {
    let mut judge = judge();
    let counts = failures([1, 1], [9, 0]);
    let log = |judge: &Judge| judge.evidence().tallies()[0].log;
    let looks = (0..50).take_while(|_| judge.look(&counts, 0) && log(&judge) == 0.0).count();
    assert_eq!(looks, 14);
    assert!(log(&judge) > 1.0);
    // Without one of each it waits for it, and for nothing more.
    let counts = failures([1, 1], [19, 0]);
    let looks = (0..50).take_while(|_| judge.look(&counts, 0)).count();
    assert_eq!(looks, 15);
    let before = log(&judge);
    assert!(judge.look(&failures([2, 2], [19, 0]), 0));
    assert!(log(&judge) > before + 1.0);
}

#[test]
fn a_record_of_a_proxy_under_way_is_small() {
    let mut judge = judge();
    let mut counts = Stratum::default();
    for took in 0..2_000 {
        counts.candidate.failures.record(took % 100 == 0);
        counts.candidate.first_token.record(300 + took);
        counts.candidate.per_token.record(20_000 + 20 * took);
        counts.candidate.output_tokens.record(took);
        counts.stable = counts.candidate;
        judge.look(&counts, 0);
    }
    let length = judge.write().len();
    assert!(length < 2_000, "{length}");
}
