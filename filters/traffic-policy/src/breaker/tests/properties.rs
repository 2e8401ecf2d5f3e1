//! What holds whatever happens, whatever a record says, and in whatever order clocks go.

use proptest::prelude::*;

use super::member::Health;
use super::*;
use crate::recent::Recent;

/// Times near a few that matter, and all others.
fn times() -> impl Strategy<Value = u64> {
    let second = 1_000_000_u64;
    prop_oneof![0..second, 1_000 * second..2_000 * second, Just(u64::MAX), any::<u64>()]
}

fn healths() -> impl Strategy<Value = Health> {
    let phases = prop_oneof![
        Just(Phase::Healthy),
        Just(Phase::Restoring),
        Just(Phase::Probing),
        Just(Phase::Ejected)
    ];
    let counts = prop::array::uniform6(any::<[u32; 2]>());
    let probes = prop::collection::vec(times(), 0..=4);
    (phases, any::<(u8, u32)>(), times(), times(), times(), counts, probes).prop_map(
        |(phase, (times, run), until, since, newest, counts, probes)| Health {
            phase,
            times,
            run,
            until: Duration::from_micros(until),
            since: Duration::from_micros(since),
            recent: Recent { newest, buckets: counts.map(|pair| pair.map(u64::from)) },
            probes: probes.into_iter().map(Duration::from_micros).collect(),
        },
    )
}

fn signals() -> impl Strategy<Value = Signal> {
    let spans = || prop::option::of(times().prop_map(Duration::from_micros));
    prop_oneof![
        2 => spans().prop_map(|first_token| Signal::Success { first_token }),
        4 => Just(FAILURE),
        2 => spans().prop_map(|retry_after| Signal::RateLimited { retry_after }),
        1 => Just(Signal::Nothing),
    ]
}

fn policies() -> impl Strategy<Value = Policy> {
    (1_u32..8, 1_u32..=100, 0_u32..=100, 1_u32..=4, 0_u64..30_000, 1_u64..100_000).prop_map(
        |(run, rate, share, probes, restore, eject)| {
            policy(serde_json::json!({
                "consecutive_failures": run, "failure_percent": rate, "min_requests": 5,
                "max_ejected_percent": share, "probes": probes, "slow_first_token": "1s",
                "restore_over": format!("{restore}ms"), "eject_for": format!("{eject}ms"),
            }))
        },
    )
}

fn share(group: &Group<'_>, roster: &Roster, kind: Kind) -> (usize, usize) {
    let is_out = |m: &Member| matches!(group.state(*m), State::Ejected { .. } | State::Probing);
    (roster.of(kind).filter(is_out).count(), roster.of(kind).count())
}

proptest! {
    #[test]
    fn a_record_is_read_as_it_was_written_and_is_bounded(
        healths in prop::collection::vec(healths(), MOST_MEMBERS),
    ) {
        let roster = roster(MOST_MEMBERS - 3);
        let record = record::encode(&healths, &roster);
        prop_assert!(record.len() <= 8 << 10, "{}", record.len());
        prop_assert_eq!(record::decode(&record, &roster), Some(healths));
    }

    #[test]
    fn bytes_that_are_no_record_are_none_and_break_nothing(
        bytes in prop::collection::vec(any::<u8>(), 0..300), now in times(),
    ) {
        let (roster, policy) = (roster(2), default());
        for bytes in [bytes.clone(), crate::record::seal([vec![1], bytes].concat())] {
            let now = Duration::from_micros(now);
            let group = Group::read(Some(&bytes), &roster, &policy, now);
            prop_assert!(!Group::read(Some(&group.write()), &roster, &policy, now).is_damaged());
        }
    }

    #[test]
    fn the_share_is_never_exceeded_whatever_records_signals_and_clocks_say(
        healths in prop::collection::vec(healths(), 9),
        policy in policies(),
        steps in prop::collection::vec((times(), times(), 0_u8..12, any::<u64>(), signals()), 1..60),
    ) {
        let roster = roster(6);
        let mut record = Some(record::encode(&healths, &roster));
        for (now, sent, member, draw, signal) in steps {
            let (now, member) = (Duration::from_micros(now), Member(member));
            let mut group = Group::read(record.as_deref(), &roster, &policy, now);
            group.admit(member, draw);
            group.observe(member, Duration::from_micros(sent), draw, signal);
            for kind in [Kind::Version, Kind::Endpoint] {
                let (out, peers) = share(&group, &roster, kind);
                prop_assert!(out * 100 <= peers * policy.max_ejected_percent as usize);
            }
            let standing = group.standing(&endpoints(&roster), draw);
            prop_assert!(standing.least_bad.is_some());
            record = Some(group.write());
        }
    }

    #[test]
    fn whoever_was_ejected_gets_a_request_again_in_bounded_time(
        healths in prop::collection::vec(healths(), 9), policy in policies(), now in times(),
    ) {
        let roster = roster(6);
        let record = record::encode(&healths, &roster);
        let mut shared = Shared { record: Some(record), ..Shared::new(&roster, &policy) };
        // A clock near its end stands still, as far as records can say.
        let now = Duration::from_micros(now.min(u64::MAX / 2));
        shared.at(now, |_| ());
        // Whatever is on its way is lost, and then nothing stands in the way of a probe.
        let later = now + policy.longest() + policy.eject_for + policy.restore_over;
        for member in roster.all() {
            let state = shared.at(now + policy.longest(), |group| group.state(member));
            let is_ejected = matches!(state, State::Ejected { .. });
            prop_assert!(!is_ejected, "{state:?}");
        }
        for member in roster.all() {
            let admission = shared.at(later, |group| group.admit(member, UNLUCKY));
            let is_admitted = matches!(admission, Admission::Yes | Admission::Probe);
            prop_assert!(is_admitted, "{admission:?}");
        }
    }

    #[test]
    fn a_longer_hint_extends_and_a_shorter_never_shortens(
        hints in prop::collection::vec((0_u64..3_000, prop::option::of(1_u64..900_000)), 1..40),
    ) {
        let (roster, policy) = (roster(4), default());
        let mut shared = Shared::new(&roster, &policy);
        let (mut now, mut longest) = (0, 0);
        for (wait, hint) in hints {
            now += wait;
            longest = longest.max(now + hint.unwrap_or(10_000).min(600_000));
            let retry_after = hint.map(Duration::from_millis);
            let time = Duration::from_millis(now);
            let state = shared.at(time, |group| {
                group.observe(roster.pool(), time, SHORT, Signal::RateLimited { retry_after });
                group.state(roster.pool())
            });
            if longest <= now {
                prop_assert_eq!(state, State::Probing);
                break;
            }
            prop_assert_eq!(state, State::Ejected { until: Duration::from_millis(longest) });
        }
    }

    #[test]
    fn outcomes_during_an_ejection_change_nothing_but_a_hint_does(
        policy in policies(),
        outcomes in prop::collection::vec((0_u64..100, any::<u64>(), signals()), 1..50),
    ) {
        let roster = roster(4);
        let mut shared = Shared::new(&roster, &policy);
        shared.tell(0, roster.pool(), 8, FAILURE);
        let before = shared.record.clone();
        for (late, draw, signal) in outcomes {
            if !matches!(signal, Signal::RateLimited { .. }) {
                let now = at(0) + Duration::from_micros(late);
                shared.at(now, |group| group.observe(roster.pool(), now, draw, signal));
            }
        }
        prop_assert_eq!(shared.record, before);
    }
}
