use proptest::prelude::*;

use super::*;

fn policy(percent: u32, floor: u64) -> BudgetPolicy {
    BudgetPolicy::new(percent, floor, Span(Duration::from_secs(30))).unwrap()
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(1_000_000 + seconds)
}

#[test]
fn retries_may_take_a_share_of_what_was_asked_and_the_floor_in_any_case() {
    let policy = policy(20, 1_000);
    let mut budget = Budget::read(None, &policy, at(0));
    assert_eq!([1_000, 1_001].map(|tokens| budget.allows(tokens)), [true, false]);
    budget.asked(100_000);
    budget.retried(15_000);
    assert_eq!([5_000, 5_001].map(|tokens| budget.allows(tokens)), [true, false]);
    budget.retried(5_001);
    assert_eq!(budget.left(), 0, "a request that was dearer than it said");
    assert!(budget.allows(0));
}

#[test]
fn a_long_prompt_is_not_tried_again_where_a_greeting_still_is() {
    let policy = policy(20, 10_000);
    let mut budget = Budget::read(None, &policy, at(0));
    budget.asked(100_000);
    assert!(!budget.allows(100_000));
    assert!(budget.allows(20));
}

#[test]
fn what_is_older_than_the_window_is_forgotten() {
    let policy = policy(20, 0);
    let mut budget = Budget::read(None, &policy, at(0));
    budget.asked(1_000);
    let record = budget.write();
    assert_eq!(Budget::read(Some(&record), &policy, at(30)).left(), 200);
    assert_eq!(Budget::read(Some(&record), &policy, at(36)).left(), 0);
}

#[test]
fn a_record_that_was_damaged_counts_as_none() {
    let policy = policy(100, 7);
    let mut budget = Budget::read(None, &policy, at(0));
    budget.asked(1_000);
    let record = budget.write();
    assert!(record.len() < 128);
    assert_eq!(Budget::read(Some(&record), &policy, at(0)), budget);
    for place in 0..record.len() {
        let mut damaged = record.clone();
        damaged[place] ^= 4;
        for bytes in [&record[..place], &damaged] {
            let budget = Budget::read(Some(bytes), &policy, at(0));
            assert_eq!((budget.is_damaged(), budget.left()), (true, 7), "at {place}");
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused = |percent, window: u64| {
        let window = Span(Duration::from_millis(window));
        BudgetPolicy::new(percent, 0, window).unwrap_err().to_string()
    };
    assert_eq!(
        refused(1_001, 30_000),
        "token_budget_percent: found `1001`; allowed 0 to 1000; lower it"
    );
    assert_eq!(refused(20, 30), "budget_window: found `30ms`; allowed 1s to 1h; raise it");
}

proptest! {
    #[test]
    fn no_retry_makes_it_more_than_the_share_of_any_window_and_the_floor(
        events in prop::collection::vec((0_u64..4_000, 0_u64..3_000, any::<bool>()), 1..120),
        percent in 0_u32..120, floor in 0_u64..5_000,
    ) {
        let policy = policy(percent, floor);
        let (mut record, mut now, mut done) = (None, 0, Vec::new());
        for (wait, tokens, fails) in events {
            now += wait;
            let time = Duration::from_millis(now);
            let mut budget = Budget::read(record.as_deref(), &policy, time);
            budget.asked(tokens);
            let again = if fails && budget.allows(tokens) { tokens } else { 0 };
            budget.retried(again);
            record = Some(budget.write());
            done.push((now, tokens, again));
            // What was asked may reach back a fifth further than what was retried.
            let within = |span: u64| done.iter().filter(move |(time, ..)| now - time < span);
            let asked: u64 = within(36_000).map(|(_, asked, _)| asked).sum();
            let retried: u64 = within(30_000).map(|(.., again)| again).sum();
            let most = floor.max(asked * u64::from(percent) / 100);
            prop_assert!(again == 0 || retried <= most, "{retried} of {most}");
        }
    }

    #[test]
    fn nothing_that_is_counted_breaks_it(
        events in prop::collection::vec((any::<u64>(), any::<u64>(), any::<u64>()), 0..40),
        percent in 0_u32..=1_000, floor: u64,
    ) {
        let policy = policy(percent, floor);
        let mut record = None;
        for (now, asked, retried) in events {
            let now = Duration::from_micros(now);
            let mut budget = Budget::read(record.as_deref(), &policy, now);
            budget.asked(asked);
            budget.retried(retried);
            prop_assert!(budget.allows(budget.left()));
            let written = budget.write();
            prop_assert_eq!(&Budget::read(Some(&written), &policy, now), &budget);
            record = Some(written);
        }
    }
}
