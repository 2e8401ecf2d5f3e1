use super::*;

mod admission;
mod properties;
mod reference;
/// WASI has no threads to compete.
#[cfg(not(target_family = "wasm"))]
mod workers;

/// Draws that make an ejection last exactly as long as it says, and that are admitted last.
const SHORT: u64 = 0;
const UNLUCKY: u64 = u64::MAX;

fn policy(json: serde_json::Value) -> Policy {
    Policy::try_from(serde_json::from_value::<RawBreaker>(json).unwrap()).unwrap()
}

/// The default, but for hints that count for long.
fn default() -> Policy {
    policy(serde_json::json!({"max_hint": "600s"}))
}

fn roster(endpoints: usize) -> Roster {
    let endpoints: Vec<String> = (0..endpoints).map(|n| format!("10.0.0.{n}:8000")).collect();
    Roster::new("gpu-a", &["v1".into(), "v2".into()], &endpoints).unwrap()
}

fn endpoints(roster: &Roster) -> Vec<Member> {
    roster.of(Kind::Endpoint).collect()
}

const FAILURE: Signal = Signal::Failure(Cause::Status);
const SUCCESS: Signal = Signal::Success { first_token: None };

fn limited(seconds: u64) -> Signal {
    Signal::RateLimited { retry_after: Some(Duration::from_secs(seconds)) }
}

/// A record, and who reads and writes it as a proxy does.
struct Shared<'a> {
    record: Option<Vec<u8>>,
    roster: &'a Roster,
    policy: &'a Policy,
    seen: Vec<(Phase, Reason)>,
}

impl<'a> Shared<'a> {
    fn new(roster: &'a Roster, policy: &'a Policy) -> Self {
        Self { record: None, roster, policy, seen: Vec::new() }
    }

    fn at<T>(&mut self, now: Duration, turn: impl FnOnce(&mut Group<'_>) -> T) -> T {
        let mut group = Group::read(self.record.as_deref(), self.roster, self.policy, now);
        let result = turn(&mut group);
        if group.is_changed() {
            self.record = Some(group.write());
            self.seen.extend(group.transitions().iter().map(|t| (t.to, t.reason)));
        } else {
            assert_eq!(group.transitions(), []);
        }
        result
    }

    /// So many outcomes at this second, of requests sent just then.
    fn tell(&mut self, now: u64, member: Member, count: usize, signal: Signal) {
        for _ in 0..count {
            self.at(at(now), |group| group.observe(member, at(now), SHORT, signal));
        }
    }

    fn state(&mut self, now: u64, member: Member) -> State {
        self.at(at(now), |group| group.state(member))
    }

    fn admit(&mut self, now: u64, member: Member, draw: u64) -> Admission {
        self.at(at(now), |group| group.admit(member, draw))
    }
}

/// The clock does not begin with the test.
fn at(seconds: u64) -> Duration {
    Duration::from_secs(1_000_000 + seconds)
}

fn until(seconds: u64) -> State {
    State::Ejected { until: at(seconds) }
}

fn retry_in(seconds: u64) -> Admission {
    Admission::No { retry_in: Duration::from_secs(seconds) }
}

#[test]
fn the_fifth_failure_in_a_row_ejects_for_a_minute() {
    let (roster, policy) = (roster(4), default());
    let mut shared = Shared::new(&roster, &policy);
    let first = endpoints(&roster)[0];
    shared.tell(0, first, 4, FAILURE);
    shared.tell(0, first, 1, SUCCESS);
    shared.tell(0, first, 4, FAILURE);
    assert_eq!(shared.state(1, first), State::Healthy);
    shared.tell(1, first, 1, FAILURE);
    assert_eq!(shared.state(1, first), until(61));
    assert_eq!(shared.admit(31, first, SHORT), retry_in(30));
    assert_eq!(shared.seen, [(Phase::Ejected, Reason::InARow(Cause::Status))]);
    assert_eq!(shared.state(31, roster.pool()), State::Healthy);
}

#[test]
fn every_second_failure_ejects_as_soon_as_there_are_enough_requests() {
    let (roster, policy) = (roster(4), default());
    let mut shared = Shared::new(&roster, &policy);
    let first = endpoints(&roster)[0];
    for second in 0..10 {
        assert_eq!(shared.state(second, first), State::Healthy);
        shared.tell(second, first, 1, SUCCESS);
        shared.tell(second, first, 1, FAILURE);
    }
    assert_eq!(shared.seen, [(Phase::Ejected, Reason::Rate(Cause::Status))]);
}

#[test]
fn failures_that_are_older_than_the_window_are_forgotten() {
    let (roster, policy) = (roster(4), policy(serde_json::json!({"consecutive_failures": 100})));
    let mut shared = Shared::new(&roster, &policy);
    let first = endpoints(&roster)[0];
    shared.tell(0, first, 19, FAILURE);
    shared.tell(40, first, 1, FAILURE);
    assert_eq!(shared.state(40, first), State::Healthy);
    shared.tell(41, first, 19, FAILURE);
    assert_eq!(shared.state(41, first), until(101));
}

#[test]
fn a_first_token_that_is_too_slow_is_a_failure() {
    let (roster, policy) = (roster(4), policy(serde_json::json!({"slow_first_token": "2s"})));
    let mut shared = Shared::new(&roster, &policy);
    let slow = |ms| Signal::Success { first_token: Some(Duration::from_millis(ms)) };
    let first = endpoints(&roster)[0];
    shared.tell(0, first, 5, slow(2_000));
    assert_eq!(shared.state(0, first), State::Healthy);
    shared.tell(0, first, 5, slow(2_001));
    assert_eq!(shared.seen, [(Phase::Ejected, Reason::InARow(Cause::SlowFirstToken))]);
}

#[test]
fn one_probe_goes_out_and_its_success_restores_step_by_step() {
    let (roster, policy) = (roster(4), default());
    let mut shared = Shared::new(&roster, &policy);
    let first = endpoints(&roster)[0];
    shared.tell(0, first, 5, FAILURE);
    assert_eq!(shared.admit(60, first, UNLUCKY), Admission::Probe);
    assert_eq!(shared.admit(61, first, SHORT), retry_in(59));
    shared.at(at(62), |group| group.observe(first, at(60), SHORT, SUCCESS));
    assert_eq!(shared.state(62, first), State::Restoring { permille: 100 });
    assert_eq!(shared.state(67, first), State::Restoring { permille: 550 });
    let half = u64::MAX / 2;
    assert_eq!(shared.admit(66, first, half), retry_in(0));
    assert_eq!(shared.admit(67, first, half), Admission::Yes);
    assert_eq!(shared.admit(71, first, UNLUCKY), retry_in(0));
    assert_eq!(shared.admit(72, first, UNLUCKY), Admission::Yes);
    let phases: Vec<Phase> = shared.seen.iter().map(|(phase, _)| *phase).collect();
    assert_eq!(phases, [Phase::Ejected, Phase::Probing, Phase::Restoring, Phase::Healthy]);
}

#[test]
fn each_ejection_lasts_longer_up_to_a_limit_and_health_makes_it_forgotten() {
    let (roster, policy) = (roster(4), policy(serde_json::json!({"eject_at_most": "150s"})));
    let mut shared = Shared::new(&roster, &policy);
    let first = endpoints(&roster)[0];
    shared.tell(0, first, 5, FAILURE);
    for (now, ends) in [(60, 180), (180, 330), (330, 480)] {
        assert_eq!(shared.admit(now, first, SHORT), Admission::Probe);
        shared.tell(now, first, 1, FAILURE);
        assert_eq!(shared.state(now, first), until(ends));
    }
    // It was ejected four times, and is healthy from 490 on; three minutes take back three of them.
    shared.tell(480, first, 1, SUCCESS);
    shared.tell(490 + 180, first, 5, FAILURE);
    assert_eq!(shared.state(670, first), until(670 + 120));
}

#[test]
fn a_server_that_fails_now_and_then_comes_back_and_one_that_goes_on_failing_does_not() {
    let (roster, policy) = (roster(4), default());
    let mut shared = Shared::new(&roster, &policy);
    let (first, second) = (endpoints(&roster)[0], endpoints(&roster)[1]);
    for (now, count, signal) in [(0, 5, FAILURE), (60, 1, SUCCESS)] {
        shared.tell(now, first, count, signal);
        shared.tell(now, second, count, signal);
    }
    shared.tell(61, first, 2, SUCCESS);
    shared.tell(61, first, 1, FAILURE);
    assert!(matches!(shared.state(61, first), State::Restoring { .. }));
    shared.tell(61, second, 1, FAILURE);
    assert_eq!(shared.state(61, second), until(61 + 120));
    assert_eq!(shared.seen.last().unwrap().1, Reason::Relapse(Cause::Status));
}

#[test]
fn outcomes_of_requests_sent_before_an_ejection_was_over_neither_heal_nor_hurt() {
    let (roster, policy) = (roster(4), default());
    let mut shared = Shared::new(&roster, &policy);
    let first = endpoints(&roster)[0];
    shared.tell(0, first, 25, FAILURE);
    assert_eq!(shared.state(0, first), until(60));
    for signal in [SUCCESS, FAILURE] {
        shared.at(at(70), |group| group.observe(first, at(59), SHORT, signal));
        assert_eq!(shared.state(70, first), State::Probing);
    }
}

#[test]
fn a_probe_that_tells_nothing_or_never_comes_back_makes_room_for_the_next() {
    let (roster, policy) = (roster(4), default());
    let mut shared = Shared::new(&roster, &policy);
    let first = endpoints(&roster)[0];
    shared.tell(0, first, 5, FAILURE);
    assert_eq!(shared.admit(60, first, SHORT), Admission::Probe);
    shared.at(at(61), |group| group.observe(first, at(60), SHORT, Signal::Nothing));
    assert_eq!(shared.admit(62, first, SHORT), Admission::Probe);
    assert_eq!(shared.admit(121, first, SHORT), retry_in(1));
    assert_eq!(shared.admit(122, first, SHORT), Admission::Probe);
}

#[test]
fn a_client_that_goes_away_counts_neither_for_nor_against_a_server() {
    let (roster, policy) = (roster(4), default());
    let mut shared = Shared::new(&roster, &policy);
    let first = endpoints(&roster)[0];
    shared.tell(0, first, 4, FAILURE);
    let before = shared.record.clone();
    shared.tell(0, first, 100, Signal::Nothing);
    assert_eq!(shared.record, before);
    shared.tell(0, first, 1, FAILURE);
    assert_eq!(shared.state(0, first), until(60));
}

#[test]
fn asking_changes_nothing_but_where_time_has_passed_or_a_probe_goes_out() {
    let (roster, policy) = (roster(4), default());
    let mut shared = Shared::new(&roster, &policy);
    let (first, second) = (endpoints(&roster)[0], endpoints(&roster)[1]);
    shared.tell(0, first, 5, FAILURE);
    shared.tell(0, second, 3, SUCCESS);
    let mut is_changed = |now, who| {
        let before = shared.record.clone();
        shared.admit(now, who, UNLUCKY);
        shared.record != before
    };
    assert!(!is_changed(30, first) && !is_changed(30, second), "one ejected, one healthy");
    assert!(is_changed(60, second), "the ejection of the first is over");
    assert!(!is_changed(60, second));
    assert!(is_changed(60, first), "a probe");
    assert!(!is_changed(61, first), "no other");
}

#[test]
fn a_server_that_asks_for_it_is_left_alone_for_that_long_and_does_not_count_as_failing() {
    let (roster, policy) = (roster(4), default());
    let mut shared = Shared::new(&roster, &policy);
    let first = endpoints(&roster)[0];
    shared.tell(0, first, 1, Signal::RateLimited { retry_after: None });
    assert_eq!(shared.state(0, first), until(10));
    shared.tell(1, first, 1, limited(30));
    assert_eq!(shared.state(1, first), until(31));
    shared.tell(2, first, 1, limited(5));
    assert_eq!(shared.state(2, first), until(31));
    shared.tell(3, first, 1, limited(u64::MAX));
    assert_eq!(shared.state(3, first), until(603));
    assert_eq!(shared.seen.len(), 1);
    shared.tell(603, first, 1, FAILURE);
    assert_eq!(shared.state(603, first), until(663), "the first failure that ejected");
}

#[test]
fn a_server_that_may_be_asked_again_at_once_has_asked_for_nothing() {
    let (roster, policy) = (roster(4), default());
    let mut shared = Shared::new(&roster, &policy);
    let first = endpoints(&roster)[0];
    let admission = shared.at(at(0), |group| {
        group.observe(first, at(0), SHORT, limited(0));
        group.admit(first, SHORT)
    });
    assert_eq!(admission, Admission::Yes);
    assert_eq!(shared.seen.last(), None);
}

#[test]
fn two_of_four_may_be_ejected_none_of_one_and_the_pool_always() {
    let policy = default();
    for (count, most) in [(1, 0), (2, 1), (3, 1), (4, 2), (5, 2)] {
        let roster = roster(count);
        let mut shared = Shared::new(&roster, &policy);
        for member in roster.all().collect::<Vec<_>>() {
            shared.tell(0, member, 7, FAILURE);
        }
        let out = |shared: &mut Shared<'_>, kind| {
            let members: Vec<Member> = roster.of(kind).collect();
            members.into_iter().filter(|m| shared.state(0, *m) != State::Healthy).count()
        };
        assert_eq!(out(&mut shared, Kind::Endpoint), most, "of {count}");
        assert_eq!(out(&mut shared, Kind::Version), 1);
        assert_eq!(out(&mut shared, Kind::Pool), 1);
    }
}

#[test]
fn whom_its_peers_have_protected_is_ejected_by_its_next_failure() {
    let (roster, policy) = (roster(2), default());
    let mut shared = Shared::new(&roster, &policy);
    let (first, second) = (endpoints(&roster)[0], endpoints(&roster)[1]);
    shared.tell(0, first, 5, FAILURE);
    shared.tell(0, second, 9, FAILURE);
    assert_eq!(shared.state(0, second), State::Healthy);
    shared.tell(60, first, 1, SUCCESS);
    shared.tell(61, second, 1, FAILURE);
    assert_eq!(shared.state(61, second), until(121));
}

#[test]
fn a_smaller_roster_lets_those_come_back_that_are_too_many() {
    let (large, small, policy) = (roster(4), roster(2), default());
    let mut shared = Shared::new(&large, &policy);
    shared.tell(0, endpoints(&large)[0], 1, limited(100));
    shared.tell(0, endpoints(&large)[1], 1, limited(50));
    let mut shared = Shared { roster: &small, ..shared };
    assert_eq!(shared.state(1, endpoints(&small)[1]), State::Restoring { permille: 100 });
    assert_eq!(shared.state(1, endpoints(&small)[0]), until(100));
    assert_eq!(shared.seen.last(), Some(&(Phase::Restoring, Reason::ShareExceeded)));
}

#[test]
fn of_several_the_usable_ones_are_named_and_one_to_probe_and_the_least_bad() {
    let all = policy(serde_json::json!({"max_ejected_percent": 100}));
    let (roster, members) = (roster(3), endpoints(&roster(3)));
    let mut shared = Shared::new(&roster, &all);
    shared.tell(0, members[0], 1, limited(30));
    let standing = shared.at(at(0), |group| group.standing(&members, UNLUCKY));
    let usable = vec![members[1], members[2]];
    assert_eq!(standing, Standing { usable, probe: None, least_bad: Some(members[1]) });
    shared.tell(0, members[1], 1, limited(10));
    shared.tell(0, members[2], 1, limited(20));
    let standing = shared.at(at(9), |group| group.standing(&members, UNLUCKY));
    assert_eq!(standing, Standing { least_bad: Some(members[1]), ..Standing::default() });
    let standing = shared.at(at(10), |group| group.standing(&members, UNLUCKY));
    assert_eq!((standing.probe, standing.least_bad), (Some(members[1]), Some(members[1])));
    assert_eq!(shared.admit(10, members[1], UNLUCKY), Admission::Probe);
    let standing = shared.at(at(11), |group| group.standing(&members, UNLUCKY));
    assert_eq!((standing.probe, standing.least_bad), (None, Some(members[2])));
}

#[test]
fn an_unlucky_draw_makes_an_ejection_a_tenth_longer() {
    let (roster, policy) = (roster(4), default());
    let mut shared = Shared::new(&roster, &policy);
    let pool = roster.pool();
    shared.at(at(0), |group| group.observe(pool, at(0), UNLUCKY, limited(100)));
    let expected = at(110) - Duration::from_micros(1);
    assert_eq!(shared.state(0, pool), State::Ejected { until: expected });
}

#[test]
fn a_clock_that_goes_back_shortens_what_would_last_too_long() {
    let (roster, policy) = (roster(4), default());
    let mut shared = Shared::new(&roster, &policy);
    let pool = roster.pool();
    shared.tell(100_000, pool, 5, FAILURE);
    let longest = Duration::from_micros(659_999_999);
    assert_eq!(shared.state(0, pool), State::Ejected { until: at(0) + longest });
    assert_eq!(shared.admit(661, pool, SHORT), Admission::Probe);
}

#[test]
fn whoever_is_well_takes_no_room_and_no_record_has_more_members_than_may_be() {
    let (roster, policy) = (roster(4), default());
    let mut shared = Shared::new(&roster, &policy);
    let fresh = shared.at(at(0), |group| group.write());
    assert_eq!(fresh.len(), 5, "a version and a checksum");
    shared.tell(0, roster.pool(), 5, FAILURE);
    let body = crate::record::open(shared.record.as_ref().unwrap()).unwrap()[1..].to_vec();
    let is_read = |members: usize| {
        let record = crate::record::seal([vec![1], body.repeat(members)].concat());
        record::decode(&record, &roster).is_some()
    };
    assert!(is_read(MOST_MEMBERS) && !is_read(MOST_MEMBERS + 1));
}

#[test]
fn a_damaged_record_counts_as_none_and_is_to_be_replaced() {
    let (roster, policy) = (roster(4), default());
    let mut shared = Shared::new(&roster, &policy);
    shared.tell(0, roster.pool(), 5, FAILURE);
    assert_eq!(shared.admit(60, roster.pool(), SHORT), Admission::Probe);
    let record = shared.record.unwrap();
    let is_damaged = |bytes: &[u8]| {
        let group = Group::read(Some(bytes), &roster, &policy, at(60));
        assert_eq!(group.is_changed(), group.is_damaged());
        group.is_damaged() && group.state(roster.pool()) == State::Healthy
    };
    assert!(!is_damaged(&record));
    for place in 0..record.len() {
        assert!(is_damaged(&record[..place]), "cut at {place}");
        let mut damaged = record.clone();
        damaged[place] ^= 4;
        assert!(is_damaged(&damaged), "damaged at {place}");
    }
}
