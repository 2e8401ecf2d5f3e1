//! One rollout, and what becomes of it.

use std::time::Duration;

use filter_shell::{Answered, Now};
use serde_json::json;
use traffic_policy::catalog::{Catalog, RawPool};
use traffic_policy::rollout::{MOST_INSTANTS, Phase, Piece, Published, RawRollout, Rollout, State};
use traffic_policy::split::{RawArm, Split};

use super::answer::Answers;
use super::asking::{Asking, Outcome};
use super::metrics::Names;

/// Instants are every 10 s from 1,700,000,000 s after 1970 on, and evaluated 5 s earlier.
pub(super) fn rollout() -> Rollout {
    with_samples(100)
}

fn with_samples(least: u32) -> Rollout {
    let section = json!({
        "start_at": "2023-11-14T22:13:20Z", "interval": "10s", "candidate_steps": [10, 50, 100],
        "min_samples": least, "gates": [{"signal": "failures"}],
        "prometheus": {"cluster": "prometheus", "evaluation_delay": "5s"},
    });
    let raw: RawRollout = serde_json::from_value(section).unwrap();
    Rollout::try_from((raw, &split())).unwrap()
}

pub(super) fn split() -> Split {
    let pool = RawPool {
        name: "gpu".into(),
        model: None,
        versions: vec!["v1".into(), "v2".into()],
        fallback: vec![],
        endpoints: vec![],
    };
    let catalog = Catalog::try_from((vec![], vec![pool])).unwrap();
    let arm = |version: &str, weight| RawArm { version: version.into(), weight, model: None };
    let arms = vec![arm("v1", 90), arm("v2", 10)];
    Split::try_from((arms, catalog.pool("gpu").unwrap(), &catalog)).unwrap()
}

fn wall(seconds: u64) -> Duration {
    Duration::from_secs(1_700_000_000 + seconds)
}

fn now(seconds: u64) -> Now {
    Now { monotonic: Duration::from_secs(seconds), wall: wall(seconds) }
}

/// Prometheus' answer with so many samples at each of these instants.
fn answers(rollout: &Rollout, samples: &[(u32, f64)]) -> Answers {
    let piece = Piece { first: 1, last: 1_000 };
    let [from, _, step] = rollout.range(piece).map(|time| time.as_secs_f64());
    let value = |(number, value): &(u32, f64)| {
        json!([from + f64::from(*number - 1) * step, value.to_string()])
    };
    let values: Vec<_> = samples.iter().map(value).collect();
    let body = json!({"status": "success", "data": {"resultType": "matrix", "result": [
        {"metric": {"signal": "failures"}, "values": values}
    ]}});
    Answers::read(body.to_string().as_bytes(), rollout, piece).unwrap()
}

fn piece(last: u32) -> Piece {
    Piece { first: 1, last }
}

#[test]
fn a_proxy_that_starts_in_the_middle_has_the_configured_weights_until_it_has_heard_all() {
    let rollout = rollout();
    let mut published = Published::read(None, &rollout);
    published.begins(&rollout, wall(35));
    assert_eq!(published.state(&rollout, wall(35)).percent, None);
    // The first piece of two: who knows what the second one says?
    let history = answers(&rollout, &[(1, 0.0), (2, 150.0)]);
    published.answers(&rollout, history.instants(), (piece(2), 3), false);
    assert_eq!(published.state(&rollout, wall(35)).percent, None);
    let rest = answers(&rollout, &[(3, -1.0)]);
    let judgements = published.answers(&rollout, rest.instants(), (piece(3), 3), false);
    assert_eq!(judgements[0].failed, ["failures"]);
    let state = published.state(&rollout, wall(35));
    assert_eq!((state.phase, state.percent), (Phase::RolledBack, Some(0)));
}

#[test]
fn a_proxy_that_was_there_goes_on_without_prometheus() {
    let rollout = rollout();
    let mut published = Published::read(None, &rollout);
    published.begins(&rollout, wall(0));
    let later = published.state(&rollout, wall(5_000));
    assert_eq!((later.phase, later.step, later.percent), (Phase::Running, 0, Some(10)));
}

#[test]
fn a_history_that_is_gone_leaves_the_configured_weights() {
    let rollout = rollout();
    let mut published = Published::read(None, &rollout);
    let late = wall(10 * u64::from(MOST_INSTANTS) + 5);
    published.answers(
        &rollout,
        Answers::default().instants(),
        (piece(MOST_INSTANTS), MOST_INSTANTS),
        false,
    );
    assert_eq!(published.state(&rollout, late).percent, None);
}

#[test]
fn a_veto_takes_and_never_gives() {
    let rollout = rollout();
    let mut published = Published::read(None, &rollout);
    published.veto(&rollout, wall(0));
    assert!(!published.is_vetoed(), "there is nothing to stop before it begins");
    published.begins(&rollout, wall(0));
    published.veto(&rollout, wall(0));
    let passes = answers(&rollout, &[(1, 0.0), (2, 500.0), (3, 500.0), (5, 900.0)]);
    published.answers(&rollout, passes.instants(), (piece(5), 5), false);
    let state = published.state(&rollout, wall(55));
    assert_eq!((state.phase, state.percent), (Phase::RolledBack, Some(0)));
}

#[test]
fn what_is_written_is_read_again_and_what_is_cut_is_nothing() {
    let rollout = rollout();
    let mut published = Published::read(None, &rollout);
    published.begins(&rollout, wall(0));
    published.answers(&rollout, answers(&rollout, &[(1, 7.0)]).instants(), (piece(1), 1), false);
    published.tells(&published.state(&rollout, wall(12)));
    published.veto(&rollout, wall(12));
    let bytes = published.write();
    assert_eq!(Published::read(Some(&bytes), &rollout), published);
    assert_eq!(Published::read(Some(&[]), &rollout), Published::read(None, &rollout));
    for cut in 5..bytes.len() {
        assert_eq!(Published::read(bytes.get(..cut), &rollout).progress().known(), 0, "{cut}");
    }
}

#[test]
fn a_changed_schedule_stays_where_it_was_until_the_history_has_been_heard_again() {
    let rollout = rollout();
    let mut published = Published::read(None, &rollout);
    published.begins(&rollout, wall(0));
    published.answers(
        &rollout,
        answers(&rollout, &[(1, 0.0), (2, 150.0)]).instants(),
        (piece(2), 2),
        false,
    );
    published.tells(&published.state(&rollout, wall(25)));
    let changed = with_samples(400);
    let mut published = Published::read(Some(&published.write()), &changed);
    let share = |published: &Published| {
        let state = published.state(&changed, wall(25));
        (state.phase, state.step, state.percent)
    };
    assert_eq!(share(&published), (Phase::Running, 1, Some(50)));
    assert_eq!(Published::read(Some(&published.write()), &changed), published);
    let mut vetoed = published.clone();
    vetoed.veto(&changed, wall(25));
    assert_eq!(share(&vetoed), (Phase::RolledBack, 1, Some(0)));
    published.answers(
        &changed,
        answers(&changed, &[(1, 0.0), (2, 150.0)]).instants(),
        (piece(2), 2),
        false,
    );
    assert_eq!(share(&published), (Phase::Running, 0, Some(10)));
}

#[test]
fn a_state_is_told_once() {
    let rollout = rollout();
    let mut published = Published::read(None, &rollout);
    let state = published.state(&rollout, wall(0));
    assert_eq!([published.tells(&state), published.tells(&state)], [true, false]);
    let other = State { step: 1, ..state };
    assert_eq!([published.tells(&other), published.tells(&state)], [true, true]);
}

fn asking(rollout: &Rollout, me: u64) -> Asking {
    let names = Names::new(rollout, "gpu", &split());
    Asking::new(rollout.prometheus().unwrap(), &names, me)
}

fn answer(body: &str) -> Answered {
    Answered::Answer { status: 200, body: body.into() }
}

#[test]
fn each_instant_is_asked_for_once_and_a_little_later_than_it_is_due() {
    let rollout = rollout();
    let mut published = Published::read(None, &rollout);
    published.begins(&rollout, wall(0));
    // Half of a quarter of the interval.
    let asking = asking(&rollout, 500_000);
    let asked: Vec<u64> = (0..40)
        .filter(|second| {
            let question = asking.question(&rollout, &published, now(*second));
            if question.is_some() {
                let asked = asking.answered().unwrap();
                let none = Answers::default();
                let outcome = asking.learns(&answer("x"), Some(&none), asked, now(*second));
                assert_eq!(outcome, Outcome::Empty);
            }
            question.is_some()
        })
        .collect();
    assert_eq!(asked, [12, 22, 32]);
}

#[test]
fn what_had_no_sample_is_asked_for_again_with_the_next_one() {
    let rollout = rollout();
    let mut published = Published::read(None, &rollout);
    published.begins(&rollout, wall(0));
    let asking = asking(&rollout, 0);
    for (second, path) in [
        (10, "start=1700000005.000&end=1700000005.000"),
        (20, "start=1700000005.000&end=1700000015.000"),
    ] {
        let question = asking.question(&rollout, &published, now(second)).unwrap();
        assert!(question.path.ends_with(&format!("&{path}&step=10.000")), "{}", question.path);
        let asked = asking.answered().unwrap();
        asking.learns(&answer(""), Some(&Answers::default()), asked, now(second));
    }
}

#[test]
fn a_long_history_is_asked_for_in_pieces() {
    let rollout = rollout();
    let published = Published::read(None, &rollout);
    let asking = asking(&rollout, 0);
    let mut pieces = Vec::new();
    for second in 25_000..25_010 {
        if asking.question(&rollout, &published, now(second)).is_none() {
            continue;
        }
        let asked = asking.answered().unwrap();
        pieces.push((asked.0.first, asked.0.last));
        asking.learns(&answer(""), Some(&Answers::default()), asked, now(second));
    }
    assert_eq!(pieces, [(1, 1_000), (1_001, 2_000), (2_001, 2_500)]);
}

#[test]
fn after_failures_it_waits_longer_each_time_and_at_most_a_minute() {
    let rollout = rollout();
    let published = Published::read(None, &rollout);
    let asking = asking(&rollout, 999_999);
    let mut asked = Vec::new();
    for second in 1_000..1_400 {
        if asking.question(&rollout, &published, now(second)).is_some() {
            let open = asking.answered().unwrap();
            asking.learns(&Answered::Nothing, None, open, now(second));
            asked.push(second);
        }
    }
    let pauses: Vec<u64> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1] + 30), "{pauses:?}");
    assert!(pauses[0] <= 2 && pauses.iter().all(|pause| *pause <= 61), "{pauses:?}");
    assert!(asked.len() < 16, "{asked:?}");
}

#[test]
fn a_question_without_an_answer_is_asked_again() {
    let rollout = rollout();
    let published = Published::read(None, &rollout);
    let asking = asking(&rollout, 0);
    assert!(asking.question(&rollout, &published, now(30)).is_some());
    assert!(asking.question(&rollout, &published, now(33)).is_none(), "one at a time");
    assert!(asking.question(&rollout, &published, now(34)).is_some(), "twice the timeout is over");
}

#[test]
fn the_question_is_the_recorded_series_of_this_rollout() {
    let rollout = rollout();
    let names = Names::new(&rollout, "a\"b\\", &split());
    assert_eq!(
        names.query(),
        r#"rollout:llm_split_verdict{pool="a\"b\\",version="v2",stable="v1",start="1700000000"}"#
    );
    let question =
        asking(&rollout, 0).question(&rollout, &Published::read(None, &rollout), now(30)).unwrap();
    assert_eq!(
        (question.cluster.as_str(), question.authority.as_str()),
        ("prometheus", "prometheus")
    );
    assert!(
        question.path.starts_with(
            "/api/v1/query_range?query=rollout%3Allm_split_verdict%7Bpool%3D%22gpu%22%2Cversion%3D%22v2%22"
        ),
        "{}",
        question.path
    );
}
