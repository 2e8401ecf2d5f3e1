//! The same rules once more, as plainly as they can be said: every outcome is kept, and nothing is packed.

use proptest::prelude::*;

use super::*;

/// The policy of both, in milliseconds.
const EJECT_FOR: u64 = 4_000;
const AT_MOST: u64 = 10_000;
const RATE_LIMITED_FOR: u64 = 1_000;
const MAX_HINT: u64 = 15_000;
const RESTORE_OVER: u64 = 2_000;
const WINDOW: u64 = 5_000;
const IN_A_ROW: usize = 3;
const MIN_REQUESTS: usize = 5;
const PERCENT: usize = 40;
const PROBES: usize = 2;

fn tested() -> Policy {
    policy(serde_json::json!({
        "consecutive_failures": 3, "failure_percent": 40, "min_requests": 5, "window": "5s",
        "eject_for": "4s", "eject_at_most": "10s", "rate_limited_for": "1s", "max_hint": "15s",
        "restore_over": "2s", "probes": 2, "max_ejected_percent": 50, "slow_first_token": "1s",
    }))
}

#[derive(Debug, Clone, Default)]
struct Plain {
    phase: Phase,
    until: u64,
    since: u64,
    times: u64,
    /// When, and whether it failed, since the last ejection.
    outcomes: Vec<(u64, bool)>,
    probes: Vec<u64>,
}

impl Plain {
    fn is_out(&self) -> bool {
        matches!(self.phase, Phase::Ejected | Phase::Probing)
    }

    fn wait(&mut self, now: u64) {
        self.probes.retain(|sent| now < sent + EJECT_FOR);
        if self.phase == Phase::Ejected && self.until <= now {
            (self.phase, self.outcomes, self.probes) = (Phase::Probing, vec![], vec![]);
        }
        if self.phase == Phase::Restoring && self.since + RESTORE_OVER <= now {
            (self.phase, self.since) = (Phase::Healthy, self.since + RESTORE_OVER);
        }
    }

    fn admit(&mut self, now: u64) -> bool {
        match self.phase {
            Phase::Healthy | Phase::Restoring => true,
            Phase::Probing if self.probes.len() < PROBES => {
                self.probes.push(now);
                true
            }
            _ => false,
        }
    }

    /// The ejections that still count.
    fn times(&self, now: u64) -> u64 {
        let forgotten = (now - self.since) / EJECT_FOR;
        self.times - if self.phase == Phase::Healthy { forgotten.min(self.times) } else { 0 }
    }

    fn eject(&mut self, now: u64, times: u64, span: u64) {
        let until = now + span;
        let until = if self.phase == Phase::Ejected { until.max(self.until) } else { until };
        *self = Self { phase: Phase::Ejected, until, times, ..Self::default() };
    }

    fn observe(&mut self, now: u64, sent: u64, outcome: Outcome, may_eject: bool) {
        if let Some(probe) = self.probes.iter().position(|probe| *probe == sent) {
            self.probes.remove(probe);
        }
        let has_failed = match outcome {
            Outcome::Nothing => return,
            Outcome::Limited(hint) => {
                if may_eject {
                    let span = hint.map_or(RATE_LIMITED_FOR, |hint| hint.min(MAX_HINT));
                    self.eject(now, self.times(now), span);
                }
                return;
            }
            Outcome::Took(first_token) => first_token > 1_000,
            Outcome::Failed => true,
        };
        if self.phase == Phase::Ejected || sent < self.until {
            return;
        }
        let was = self.phase;
        if was == Phase::Probing && !has_failed {
            (self.phase, self.since, self.probes) = (Phase::Restoring, now, vec![]);
        }
        self.outcomes.push((now, has_failed));
        if has_failed && may_eject && self.is_too_much(now) {
            let times = self.times(now) + 1;
            self.eject(now, times, (EJECT_FOR * times).min(AT_MOST));
        }
    }

    fn is_too_much(&self, now: u64) -> bool {
        let bucket = |time: u64| time / (WINDOW / 5);
        let recent = self.outcomes.iter().filter(|(time, _)| bucket(now) - bucket(*time) < 6);
        let requests = recent.clone().count();
        let failures = recent.filter(|(_, failed)| *failed).count();
        let in_a_row = self.outcomes.iter().rev().take_while(|(_, failed)| *failed).count();
        let is_many = failures * 100 >= PERCENT * requests;
        match self.phase {
            Phase::Probing => true,
            Phase::Restoring => is_many || in_a_row >= IN_A_ROW,
            _ => in_a_row >= IN_A_ROW || (is_many && requests >= MIN_REQUESTS),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    Took(u64),
    Failed,
    Limited(Option<u64>),
    Nothing,
}

impl Outcome {
    fn signal(self) -> Signal {
        match self {
            Self::Took(ms) => Signal::Success { first_token: Some(Duration::from_millis(ms)) },
            Self::Failed => FAILURE,
            Self::Limited(hint) => {
                Signal::RateLimited { retry_after: hint.map(Duration::from_millis) }
            }
            Self::Nothing => Signal::Nothing,
        }
    }
}

fn outcomes() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        5 => (0_u64..1_500).prop_map(Outcome::Took),
        6 => Just(Outcome::Failed),
        1 => prop::option::of(0_u64..20_000).prop_map(Outcome::Limited),
        1 => Just(Outcome::Nothing),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// The pool and three endpoints, of which one may be out.
    #[test]
    fn the_breaker_does_what_the_rules_say(
        // Wait so long, send to this one, and tell what became of one that was sent so many before.
        steps in prop::collection::vec((0_u64..1_200, 0_usize..4, 0_usize..8, outcomes()), 1..150),
    ) {
        let (roster, policy) = (Roster::new("p", &[], &["a", "b", "c"].map(String::from)).unwrap(), tested());
        let members: Vec<Member> = roster.all().collect();
        let mut shared = Shared::new(&roster, &policy);
        let mut plain = vec![Plain::default(); 4];
        let (mut now, mut sent) = (0, vec![Vec::new(); 4]);
        for (wait, who, age, outcome) in steps {
            now += wait;
            let time = Duration::from_millis(now);
            plain.iter_mut().for_each(|plain| plain.wait(now));
            let admission = shared.at(time, |group| group.admit(members[who], SHORT));
            let may = plain[who].admit(now);
            prop_assert_eq!(!matches!(admission, Admission::No { .. }), may, "{:?}", plain[who]);
            sent[who].push(now);
            let back = sent[who].len().saturating_sub(1 + age);
            // Of one request several attempts may tell.
            let then = sent[who][back];
            let others_out = plain[1..].iter().filter(|plain| plain.is_out()).count();
            let may_eject = who == 0 || plain[who].is_out() || others_out < 1;
            plain[who].observe(now, then, outcome, may_eject);
            plain[who].wait(now);
            shared.at(time, |group| {
                group.observe(members[who], Duration::from_millis(then), SHORT, outcome.signal());
            });
            for (plain, member) in plain.iter().zip(&members) {
                let state = shared.at(time, |group| group.state(*member));
                let is_same = match state {
                    State::Healthy => plain.phase == Phase::Healthy,
                    State::Probing => plain.phase == Phase::Probing,
                    State::Restoring { .. } => plain.phase == Phase::Restoring,
                    State::Ejected { until } => {
                        plain.phase == Phase::Ejected && until == Duration::from_millis(plain.until)
                    }
                };
                prop_assert!(is_same, "{state:?} for {plain:?} at {now}");
            }
        }
    }
}
