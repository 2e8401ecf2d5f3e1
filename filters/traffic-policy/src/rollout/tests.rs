use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::Verdict::{Fail, Inconclusive, Pass};
use super::*;
use crate::catalog::{Catalog, RawPool};
use crate::invalid::Invalid;
use crate::split::{RawArm, Split};

mod configured;

const START: u64 = 1_796_115_600;

fn split(weights: &[u32]) -> Split {
    let version = |n: usize| format!("v{}", n + 1);
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
    Split::try_from((arms, catalog.pool("gpu").unwrap(), &catalog)).unwrap()
}

/// A rollout in steps of 10, 25, 50 and 100, each half minute, with these settings besides.
fn read(weights: &[u32], settings: serde_json::Value) -> Result<Rollout, Invalid> {
    let mut section = json!({
        "start_at": "2026-12-01T09:00:00Z", "interval": "30s", "candidate_steps": [10, 25, 50, 100],
    });
    for (name, value) in settings.as_object().unwrap() {
        section[name] = value.clone();
    }
    Rollout::try_from((serde_json::from_value(section).unwrap(), &split(weights)))
}

pub(super) fn rollout(settings: serde_json::Value) -> Rollout {
    read(&[90, 10], settings).unwrap()
}

pub(super) fn plain() -> Rollout {
    rollout(json!({}))
}

pub(super) fn delayed(seconds: u64) -> Rollout {
    let delay = format!("{seconds}s");
    rollout(json!({"prometheus": {"cluster": "p", "evaluation_delay": delay}}))
}

/// So long after the start.
pub(super) fn after(seconds: u64) -> Duration {
    Duration::from_secs(START + seconds)
}

pub(super) fn verdicts(most: usize) -> impl Strategy<Value = Vec<Verdict>> {
    let verdict = prop_oneof![6 => Just(Inconclusive), 3 => Just(Pass), 1 => Just(Fail)];
    prop::collection::vec(verdict, 0..most)
}

fn percents(rollout: &Rollout, verdicts: &[Verdict]) -> Vec<u32> {
    let at = |n: usize| rollout.state_at(after(n as u64 * 30), &verdicts[..n]).percent.unwrap();
    (0..=verdicts.len()).map(at).collect()
}

proptest! {
    #[test]
    fn proxies_that_ask_at_different_moments_of_an_interval_agree(
        verdicts in verdicts(40), moments in prop::array::uniform2(0_u64..30_000_000),
    ) {
        let rollout = delayed(30);
        let start = after(30 * verdicts.len() as u64);
        let [one, other] = moments.map(|micros| start + Duration::from_micros(micros));
        prop_assert_eq!(rollout.due(one), rollout.due(other));
        prop_assert_eq!(rollout.state_at(one, &verdicts), rollout.state_at(other, &verdicts));
    }

    #[test]
    fn a_proxy_that_begins_in_the_middle_comes_to_what_one_knows_that_saw_it_all(
        verdicts in verdicts(60), from in 0_usize..60,
    ) {
        let rollout = plain();
        let now = after(30 * verdicts.len() as u64);
        // One has heard them singly, as they came; the other asks for all at once, in pieces.
        let mut heard = Vec::new();
        let mut state = rollout.state_at(after(0), &heard);
        for (n, verdict) in verdicts.iter().enumerate() {
            heard.push(*verdict);
            state = rollout.state_at(after(30 * (n as u64 + 1)), &heard);
        }
        let (known, missing) = verdicts.split_at(from.min(verdicts.len()));
        let asked = [known, missing].concat();
        prop_assert_eq!(rollout.due(now) as usize, asked.len());
        prop_assert_eq!(rollout.state_at(now, &asked), state);
    }

    #[test]
    fn what_has_ended_stays_as_it_is_whatever_verdicts_and_clocks_say(
        verdicts in verdicts(60), later in verdicts(60), clock in any::<u64>(),
    ) {
        let rollout = plain();
        let state = rollout.state_at(after(30 * verdicts.len() as u64), &verdicts);
        let all = [verdicts, later].concat();
        let now = Duration::from_micros(clock);
        if !matches!(state.phase, Phase::Waiting | Phase::Running) {
            prop_assert_eq!(rollout.state_at(now, &all), state);
        }
    }

    #[test]
    fn clocks_that_jump_change_no_weight_once_there_was_a_verdict(
        mut verdicts in verdicts(60), clocks in prop::array::uniform2(any::<u64>()),
    ) {
        verdicts.insert(0, Inconclusive);
        let rollout = delayed(10);
        let [one, other] = clocks
            .map(|micros| rollout.state_at(Duration::from_micros(micros), &verdicts));
        prop_assert_eq!((one.step, one.percent, one.since), (other.step, other.percent, other.since));
    }

    #[test]
    fn a_candidate_gets_more_only_by_a_pass_and_each_step_has_been_judged_by_itself(
        verdicts in verdicts(60), delay in 0_u64..120,
    ) {
        let rollout = delayed(delay);
        let percents = percents(&rollout, &verdicts);
        for (n, pair) in percents.windows(2).enumerate() {
            prop_assert!(pair[1] <= pair[0] || verdicts[n] == Pass);
        }
        // A step lasts until a verdict has been made that began after it.
        let raises: Vec<u64> = percents.windows(2).zip(1..)
            .filter_map(|(pair, n)| (pair[1] > pair[0]).then_some(n)).collect();
        for pair in raises.windows(2) {
            prop_assert!(pair[1] * 30 > pair[0] * 30 + delay);
        }
    }

    #[test]
    fn any_time_and_any_number_of_verdicts_has_a_state(
        clock in any::<(u64, u32)>(), verdicts in verdicts(200), interval in 1_u64..86_400,
    ) {
        let rollout = rollout(json!({"interval": format!("{interval}s")}));
        let now = Duration::new(clock.0, clock.1 % 1_000_000_000);
        let state = rollout.state_at(now, &verdicts);
        prop_assert!(rollout.due(now) <= MOST_INSTANTS);
        prop_assert!(state.next.is_none_or(|next| next > now));
    }
}

#[test]
fn a_good_candidate_goes_through_all_steps_and_is_done() {
    assert_eq!(percents(&plain(), &[Pass; 5]), [10, 25, 50, 100, 100, 100]);
    let state = plain().state_at(after(125), &[Pass; 4]);
    assert_eq!((state.phase, state.step, state.since), (Phase::Done, 3, 4));
    assert_eq!(state.next, None);
}

#[test]
fn what_is_inconclusive_or_missing_repeats_the_step() {
    let verdicts = [Pass, Inconclusive, Inconclusive, Pass];
    assert_eq!(percents(&plain(), &verdicts), [10, 25, 25, 25, 50]);
    let away = plain().state_at(after(86_400), &verdicts);
    assert_eq!((away.phase, away.percent), (Phase::Running, Some(50)));
}

#[test]
fn a_bad_candidate_gets_nothing_or_is_held_where_it_is() {
    let verdicts = [Pass, Fail, Pass, Pass];
    assert_eq!(percents(&plain(), &verdicts), [10, 25, 0, 0, 0]);
    let held = rollout(json!({"on_fail": "hold"}));
    assert_eq!(percents(&held, &verdicts), [10, 25, 25, 25, 25]);
    assert_eq!(held.state_at(after(60), &verdicts).phase, Phase::Held);
}

#[test]
fn with_late_scrapes_a_step_is_left_only_by_what_was_seen_of_it() {
    assert_eq!(percents(&delayed(29), &[Pass; 4]), [10, 25, 50, 100, 100]);
    assert_eq!(percents(&delayed(30), &[Pass; 7]), [10, 10, 25, 25, 50, 50, 100, 100]);
    // A failure of an earlier rollout is none of this one's.
    assert_eq!(percents(&delayed(30), &[Fail, Pass, Fail]), [10, 10, 25, 0]);
}

#[test]
fn before_the_start_the_weights_are_those_of_the_configuration() {
    let state = plain().state_at(after(0) - Duration::from_micros(1), &[]);
    assert_eq!((state.phase, state.percent, state.next), (Phase::Waiting, None, Some(after(0))));
    assert_eq!(plain().weights(&state, &[90, 10]), [90, 10]);
    let state = plain().state_at(after(0), &[]);
    assert_eq!(
        (state.phase, state.percent, state.next),
        (Phase::Running, Some(10), Some(after(30)))
    );
}

#[test]
fn candidate_and_stable_share_what_they_have_and_others_keep_theirs() {
    let rollout = read(&[60, 30, 10], json!({"candidate": "v3", "stable": "v1"})).unwrap();
    let at = |verdicts: &[Verdict]| {
        let state = rollout.state_at(after(30 * verdicts.len() as u64), verdicts);
        rollout.weights(&state, &[60, 30, 10])
    };
    assert_eq!(at(&[]), [6_300, 3_000, 700]);
    assert_eq!(at(&[Pass]), [5_250, 3_000, 1_750]);
    assert_eq!(at(&[Fail]), [7_000, 3_000, 0]);
}

#[test]
fn a_rollout_that_never_ends_is_held() {
    let all = vec![Inconclusive; MOST_INSTANTS as usize];
    let state = plain().state_at(after(30 * u64::from(MOST_INSTANTS)), &all);
    assert_eq!((state.phase, state.percent, state.next), (Phase::Held, Some(10), None));
}

#[test]
fn a_long_history_is_asked_for_in_pieces_at_aligned_moments() {
    let rollout = delayed(30);
    let questions: Vec<_> = pieces(1, 1_001).map(|piece| rollout.range(piece)).collect();
    let interval = Duration::from_secs(30);
    assert_eq!(
        questions,
        [[after(0), after(999 * 30), interval], [after(1_000 * 30), after(1_000 * 30), interval]]
    );
}
