//! What came of an outage.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::client::Failure;
use super::seconds::{MemberSecond, Second, quantile};
use super::state::State;
use super::{Member, Outage, Protection};

/// Over how many seconds loads are averaged: in one second chance moves them by a fifth.
pub(super) const WINDOW: usize = 10;

/// Everything that was counted.
#[derive(Debug, Clone)]
pub struct Record {
    /// What was played.
    pub outage: Outage,
    /// With whose means.
    pub protection: Protection,
    /// Every endpoint of the file, in its order.
    pub members: Vec<Member>,
    /// Which of them is bad.
    pub bad: Vec<usize>,
    /// Second by second, until nothing happened any more.
    pub seconds: Vec<Second>,
    /// From the beginning of the outage until the bad member was left out.
    pub noticed_after: Option<Duration>,
    /// From the end of the outage until the bad member's first answer reached a client.
    pub recovery_noticed_after: Option<Duration>,
    /// For each client whose answer another attempt brought: by how many milliseconds its first token came
    /// later than if the first attempt had brought it.
    pub retry_delays: Vec<u64>,
    /// What plugins said, level `warn` and above: each text once.
    pub said: Vec<String>,
    /// How often a plugin trapped.
    pub traps: usize,
}

impl Record {
    fn sum(&self, of: impl Fn(&Second) -> u64) -> u64 {
        self.seconds.iter().map(of).sum()
    }

    /// Requests that clients sent.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.sum(|second| second.requests)
    }

    /// Clients that saw a failure.
    #[must_use]
    pub fn client_failures(&self) -> u64 {
        self.sum(Second::client_failures)
    }

    /// Clients that saw this one.
    #[must_use]
    pub fn failures(&self, failure: Failure) -> u64 {
        self.sum(|second| second.failures.get(&failure).copied().unwrap_or(0))
    }

    /// Requests that were led around a member which was left out.
    #[must_use]
    pub fn diverted(&self) -> u64 {
        self.sum(|second| second.diverted)
    }

    /// Attempts behind the first one of their request.
    #[must_use]
    pub fn retried(&self) -> u64 {
        self.sum(|second| second.retried)
    }

    /// Prompt tokens of attempts that gave their client nothing.
    #[must_use]
    pub fn wasted_tokens(&self) -> u64 {
        self.sum(|second| second.wasted_tokens)
    }

    /// Whether a member is one of the others.
    #[must_use]
    pub fn survives(&self, member: usize) -> bool {
        !self.bad.contains(&member)
    }

    /// What all others have to carry in the seconds that end with this one, for each request of clients: 1
    /// when they carry everything once, more when they carry retries too.
    #[must_use]
    pub fn survivor_load(&self, second: usize, window: usize) -> f64 {
        let first = (second + 1).saturating_sub(window);
        let seconds = self.seconds.get(first..=second).unwrap_or_default();
        let requests: u64 = seconds.iter().map(|second| second.requests).sum();
        let carried = seconds.iter().flat_map(|second| second.members.iter().enumerate());
        let carried = carried.filter(|(member, _)| self.survives(*member));
        ratio(carried.map(|(_, member)| member.requests).sum(), requests)
    }

    /// What one member carries in the seconds that end with this one, in shares: 1 is what each of the others
    /// has when they share all requests evenly, and nobody retries.
    #[must_use]
    pub fn member_load(&self, member: usize, second: usize, window: usize) -> f64 {
        let first = (second + 1).saturating_sub(window);
        let seconds = self.seconds.get(first..=second).unwrap_or_default();
        let requests: u64 = seconds.iter().map(|second| second.requests).sum();
        let carried = seconds.iter().filter_map(|second| second.members.get(member));
        let cluster = self.members.get(member).map(|member| &member.cluster);
        let others = self
            .members
            .iter()
            .enumerate()
            .filter(|(place, other)| self.survives(*place) && Some(&other.cluster) == cluster);
        ratio(carried.map(|one| one.requests).sum::<u64>() * others.count().max(1) as u64, requests)
    }

    /// Over the whole run: the highest load on all others, over windows of so many seconds in which clients
    /// send all the time.
    #[must_use]
    pub fn max_survivor_load(&self, window: usize) -> f64 {
        self.full_windows(window).map(|end| self.survivor_load(end, window)).fold(0.0, f64::max)
    }

    /// The highest load on one of the others.
    #[must_use]
    pub fn max_member_load(&self, window: usize) -> f64 {
        let survivors = (0..self.members.len()).filter(|member| self.survives(*member));
        let loads = survivors.flat_map(|member| {
            self.full_windows(window).map(move |end| self.member_load(member, end, window))
        });
        loads.fold(0.0, f64::max)
    }

    /// By how much retries delay first tokens: what this share of them does not exceed, in milliseconds.
    #[must_use]
    pub fn retry_delay_ms(&self, percent: usize) -> Option<u64> {
        quantile(&self.retry_delays, percent)
    }

    fn full_windows(&self, window: usize) -> std::ops::Range<usize> {
        let sent = usize::try_from(self.outage.duration.as_secs()).unwrap_or(usize::MAX);
        window.saturating_sub(1)..self.seconds.len().min(sent)
    }

    /// The record for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let outage = &self.outage;
        let of = |range: usize| -> Vec<String> {
            let members = self.members.get(range).into_iter();
            members.map(|member| member.endpoint.to_string()).collect()
        };
        json!({
            "protection": match self.protection {
                Protection::Filters => "filters",
                Protection::Envoy => "envoy",
            },
            "fault": outage.fault.name(),
            "rate": outage.rate,
            "seed": outage.seed,
            "duration_ms": millis(outage.duration),
            "outage_ms": [millis(outage.bad.start), millis(outage.bad.end)],
            "bad": self.bad.iter().flat_map(|bad| of(*bad)).collect::<Vec<_>>(),
            "requests": self.requests(),
            "client_failures": self.client_failures(),
            "failures": self.by_failure(),
            "diverted": self.diverted(),
            "retried": self.retried(),
            "wasted_tokens": self.wasted_tokens(),
            "max_survivor_load": rounded(self.max_survivor_load(WINDOW)),
            "max_survivor_load_1s": rounded(self.max_survivor_load(1)),
            "max_member_load": rounded(self.max_member_load(WINDOW)),
            "retry_delay_ms": {
                "p50": self.retry_delay_ms(50),
                "p99": self.retry_delay_ms(99),
                "max": self.retry_delay_ms(100),
            },
            "noticed_after_ms": self.noticed_after.map(millis),
            "recovery_noticed_after_ms": self.recovery_noticed_after.map(millis),
            "traps": self.traps,
            "states": (0..self.seconds.len()).map(|second| self.state(second)).collect::<Vec<_>>(),
        })
    }

    fn by_failure(&self) -> BTreeMap<&'static str, u64> {
        let all = Failure::ALL.into_iter().map(|one| (one.name(), self.failures(one)));
        all.filter(|(_, count)| *count > 0).collect()
    }

    fn state(&self, place: usize) -> Value {
        let Some(second) = self.seconds.get(place) else { return Value::Null };
        let members = self.members.iter().zip(&second.members).enumerate();
        let members = members.map(|(member, (about, counted))| {
            let MemberSecond { requests, state, .. } = counted;
            json!({
                "cluster": about.cluster,
                "endpoint": about.endpoint.to_string(),
                "state": state.name(),
                "requests": requests,
                "load": rounded(self.member_load(member, place, WINDOW)),
            })
        });
        let transitions = second.transitions.iter();
        let transitions: BTreeMap<&str, u64> =
            transitions.map(|(to, count)| (to.name(), *count)).collect();
        json!({
            "second": place,
            "requests": second.requests,
            "client_failures": second.client_failures(),
            "diverted": second.diverted,
            "retried": second.retried,
            "wasted_tokens": second.wasted_tokens,
            "survivor_load": rounded(self.survivor_load(place, WINDOW)),
            "first_token_ms": {"p50": second.first_token_ms(50), "p99": second.first_token_ms(99)},
            "transitions": transitions,
            "members": members.collect::<Vec<_>>(),
        })
    }

    /// The members that had a part in it: those of the bad one's cluster, and whoever got a request.
    pub(super) fn involved(&self) -> Vec<usize> {
        let cluster = self.bad.first().and_then(|bad| self.members.get(*bad));
        let cluster = cluster.map(|member| &member.cluster);
        let got = |place: usize| {
            let mut seconds = self.seconds.iter().filter_map(|second| second.members.get(place));
            seconds.any(|member| member.requests > 0)
        };
        let members = self.members.iter().enumerate();
        let involved =
            members.filter(|(place, member)| Some(&member.cluster) == cluster || got(*place));
        involved.map(|(place, _)| place).collect()
    }

    /// The state of a member that stands for all at the end of a second.
    pub(super) fn member_state(&self, member: usize, second: usize) -> State {
        let second = self.seconds.get(second).and_then(|second| second.members.get(member));
        second.map(|member| member.state).unwrap_or_default()
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "numbers of requests")]
    let ratio = part as f64 / whole.max(1) as f64;
    if whole == 0 { 0.0 } else { ratio }
}

fn rounded(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
