use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::rollout::Verdict::{Fail, Inconclusive, Pass};
use crate::rollout::tests::{after, delayed, plain, rollout, verdicts};

/// The state as its rules are written, verdict after verdict, with nothing kept.
fn by_the_rules(rollout: &Rollout, wall: Duration, verdicts: &[Verdict]) -> State {
    let (mut phase, mut step, mut since) = (Phase::Running, 0, 0);
    for (number, verdict) in (1..).zip(verdicts.iter().take(MOST_INSTANTS as usize)) {
        let at = rollout.evaluated_at(number);
        let counts = phase == Phase::Running && at > rollout.start;
        if counts && *verdict == Fail {
            phase = if rollout.on_fail == OnFail::Hold { Phase::Held } else { Phase::RolledBack };
            since = number;
        } else if counts && *verdict == Pass && at > rollout.instant(since) {
            since = number;
            if step + 1 == rollout.steps.len() {
                phase = Phase::Done;
            } else {
                step += 1;
            }
        }
    }
    if phase == Phase::Running && verdicts.is_empty() && wall < rollout.start {
        let next = Some(rollout.start);
        return State { phase: Phase::Waiting, step: 0, percent: None, since: 0, next };
    }
    let mut next = None;
    if phase == Phase::Running && rollout.due(wall) == MOST_INSTANTS {
        phase = Phase::Held;
    } else if phase == Phase::Running {
        next = Some(rollout.instant(rollout.due(wall) + 1));
    }
    let percent = if phase == Phase::RolledBack { 0 } else { rollout.steps[step] };
    State { phase, step, percent: Some(percent), since, next }
}

fn walls() -> impl Strategy<Value = Duration> {
    let near =
        (0_u64..10_000_000).prop_map(|milliseconds| after(0) + at(milliseconds) - at(100_000));
    prop_oneof![near, any::<u64>().prop_map(Duration::from_micros), Just(Duration::MAX)]
}

fn at(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

proptest! {
    #[test]
    fn the_verdicts_folded_together_are_the_state_that_they_mean(
        verdicts in verdicts(80), wall in walls(), delay in 0_u64..120, holds in any::<bool>(),
    ) {
        let on_fail = if holds { "hold" } else { "rollback" };
        let delay = format!("{delay}s");
        let prometheus = json!({"cluster": "p", "evaluation_delay": delay});
        let rollout = rollout(json!({"on_fail": on_fail, "prometheus": prometheus}));
        let expected = by_the_rules(&rollout, wall, &verdicts);
        prop_assert_eq!(rollout.state_at(wall, &verdicts), expected);
    }

    #[test]
    fn gaps_are_inconclusive_and_old_numbers_change_nothing(
        told in prop::collection::vec((any::<u16>(), 0_u32..60, verdicts(2)), 0..80), wall in walls(),
    ) {
        let rollout = delayed(30);
        let mut progress = Progress::begin(&rollout);
        let mut list: Vec<Verdict> = Vec::new();
        for (old, number, verdict) in told {
            let verdict = verdict.first().copied().unwrap_or(Pass);
            if number as usize > list.len() {
                list.resize(number as usize - 1, Inconclusive);
                list.push(verdict);
            }
            progress.verdict(&rollout, number, verdict);
            // A known one again, with another verdict.
            let old = u32::from(old) % (progress.known() + 1);
            progress.verdict(&rollout, old, Fail);
            // Another worker goes on with the record.
            progress = Progress::read(&rollout, Some(&progress.write()));
        }
        prop_assert_eq!(progress.known() as usize, list.len());
        prop_assert_eq!(progress.state(&rollout, wall), by_the_rules(&rollout, wall, &list));
    }

    #[test]
    fn whatever_clocks_say_this_proxy_goes_on_only_by_a_pass_and_stops_at_the_first_failure(
        told in prop::collection::vec((walls(), verdicts(2)), 0..60),
    ) {
        let rollout = plain();
        let mut progress = Progress::begin(&rollout);
        let mut has_begun = false;
        for (wall, verdict) in told {
            let verdict = verdict.first().copied().unwrap_or(Pass);
            let (before, was_over) = (progress.clone(), progress.is_over());
            progress.local(&rollout, wall, verdict);
            has_begun |= wall >= after(0);
            prop_assert!(progress.known >= before.known);
            let went_on = progress.step > before.step || progress.course == Course::Passed && !was_over;
            prop_assert!(!went_on || verdict == Pass && progress.known > before.known);
            prop_assert!(progress.step <= before.step + 1);
            if verdict == Fail && has_begun && rollout.due(wall) > 0 {
                prop_assert!(progress.is_over());
            }
            if was_over {
                let states = [&before, &progress].map(|p| p.state(&rollout, wall));
                prop_assert_eq!(states[0], states[1]);
            }
            let state = progress.state(&rollout, wall);
            prop_assert!(state.percent.is_none_or(|percent| percent <= 100));
            prop_assert!(state.next.is_none_or(|next| next > wall));
            progress = Progress::read(&rollout, Some(&progress.write()));
        }
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_damaged_is_the_beginning(
        verdicts in verdicts(80), at in any::<prop::sample::Index>(), bit in 0..8_u32,
        bases in prop::collection::vec((0_u8..12, 0.0..1e15), 0..12),
    ) {
        let rollout = delayed(10);
        let mut progress = Progress::begin(&rollout);
        (1..).zip(verdicts).for_each(|(n, verdict)| progress.verdict(&rollout, n, verdict));
        progress.bases = bases;
        let mut bytes = progress.write();
        prop_assert!(bytes.len() < 160);
        prop_assert_eq!(&Progress::read(&rollout, Some(&bytes)), &progress);
        let begin = Progress::begin(&rollout);
        let at = at.index(bytes.len());
        prop_assert_eq!(&Progress::read(&rollout, Some(&bytes[..at])), &begin);
        bytes[at] ^= 1 << bit;
        prop_assert_eq!(Progress::read(&rollout, Some(&bytes)), begin);
    }
}

#[test]
fn the_end_of_numbers_is_no_trap() {
    let rollout = plain();
    let mut progress = Progress::begin(&rollout);
    progress.verdict(&rollout, 0, Fail);
    progress.verdict(&rollout, u32::MAX, Fail);
    progress.verdict(&rollout, MOST_INSTANTS + 1, Fail);
    assert_eq!(progress, Progress::begin(&rollout));
    progress.verdict(&rollout, MOST_INSTANTS, Inconclusive);
    progress.local(&rollout, Duration::MAX, Fail);
    assert_eq!(progress.state(&rollout, after(0)).phase, Phase::RolledBack);
    assert_eq!(Progress::read(&rollout, Some(&progress.write())), progress);
}

#[test]
fn what_this_proxy_sees_itself_passes_at_instants_and_fails_at_once() {
    let rollout = plain();
    let mut progress = Progress::begin(&rollout);
    let step = |progress: &Progress| progress.state(&rollout, after(0)).step;
    progress.local(&rollout, after(0) - at(1), Fail);
    assert!(!progress.is_over(), "nothing counts before the start");
    for seconds in [0, 29] {
        progress.local(&rollout, after(seconds), Pass);
        assert_eq!(step(&progress), 0);
    }
    for seconds in [31, 32, 59] {
        progress.local(&rollout, after(seconds), Pass);
        assert_eq!(step(&progress), 1);
    }
    progress.local(&rollout, after(45), Fail);
    let state = progress.state(&rollout, after(45));
    assert_eq!((state.phase, state.percent, state.since), (Phase::RolledBack, Some(0), 2));
    assert_eq!(state, rollout.state_at(after(45), &[Pass, Fail]));
}

#[test]
fn a_failure_is_heeded_at_once_after_a_clock_has_gone_back_too() {
    let rollout = plain();
    let mut progress = Progress::begin(&rollout);
    progress.local(&rollout, after(30_000), Inconclusive);
    progress.local(&rollout, after(40), Pass);
    assert_eq!(progress.state(&rollout, after(40)).step, 0, "its instants are over");
    progress.local(&rollout, after(41), Fail);
    assert!(progress.is_over());
}

#[test]
fn another_schedule_asks_for_all_verdicts_again_and_forgets_no_failure() {
    let (old, new) = (delayed(30), delayed(20));
    let mut progress = Progress::begin(&old);
    (1..5).for_each(|number| progress.verdict(&old, number, Pass));
    assert_eq!(Progress::read(&new, Some(&progress.write())), Progress::begin(&new));
    progress.verdict(&old, 5, Fail);
    let kept = Progress::read(&new, Some(&progress.write()));
    assert_eq!(kept.state(&new, after(0)).phase, Phase::RolledBack);
    // Whether a failure holds or goes back may be changed under way.
    let delayed = json!({"cluster": "p", "evaluation_delay": "30s"});
    let holds = rollout(json!({"on_fail": "hold", "prometheus": delayed}));
    let held = Progress::read(&holds, Some(&progress.write()));
    assert_eq!(held.state(&holds, after(0)).phase, Phase::Held);
    assert_eq!(held.known(), 5);
}
