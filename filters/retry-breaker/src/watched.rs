//! A pool that is watched: its policy, and what all workers know of it.
//!
//! Its members' health is one record, so that "at most half of them" is exact however many workers eject at
//! once. It is read for each request, and written only when something is learnt.

mod probes;

use std::time::Duration;

use filter_shell::SharedRecord;
use traffic_policy::breaker::{
    Admission, Group, Kind, Member, Phase, Roster, Signal, State, Transition,
};
use traffic_policy::budget::Budget;

use crate::config::{Entry, Mode};
use crate::metrics::Metrics;
pub(crate) use probes::Probed;
use probes::Probes;

/// A pool that is watched.
pub(crate) struct Watched {
    pub(crate) entry: Entry,
    pub(crate) metrics: Metrics,
    roster: Roster,
    health: SharedRecord,
    pub(crate) budget: SharedRecord,
    /// When this worker's probes were sent whose answers have not begun.
    probes: Probes,
}

/// What became of an attempt.
pub(crate) struct Seen<'a> {
    /// The address of its server.
    pub(crate) endpoint: Option<&'a str>,
    /// The version that the request was given.
    pub(crate) version: Option<&'a str>,
    /// The pool had no other.
    pub(crate) is_last: bool,
    pub(crate) signal: Signal,
}

/// Whether a request may go to the pool, and to whom there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Admitted {
    /// To the pool.
    pub(crate) pool: Admission,
    /// To these servers, in order; none: the proxy's own load balancing chooses.
    pub(crate) endpoints: Option<String>,
    /// Not to these versions of it.
    pub(crate) avoid: Vec<String>,
    /// How long nothing is to be had from the pool.
    pub(crate) wait: Duration,
}

/// Servers that a request names.
struct Named {
    list: String,
    /// The first of them is probed.
    is_probe: bool,
}

/// When a request was decided, and its number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) at: Duration,
    pub(crate) draw: u64,
}

impl Watched {
    pub(crate) fn new(entry: Entry, roster: Roster, metrics: Metrics) -> Self {
        let name = &entry.pool.name;
        let health = SharedRecord::of("breaker", name);
        let budget = SharedRecord::of("budget", name);
        Self { entry, metrics, roster, health, budget, probes: Probes::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.entry.pool.name
    }

    /// Asks for a request. A place among the probes is taken, if it gets one.
    pub(crate) fn admit(&self, sent: Sent, version: Option<&str>) -> Admitted {
        let mut probed = Probed::default();
        let admitted = self.change(sent.at, |group| {
            let wait = group.wait(self.roster.pool());
            let pool = group.admit(self.roster.pool(), sent.draw);
            let goes = !matches!(pool, Admission::No { .. });
            let named = self.endpoints(group, sent.draw, goes);
            let endpoint = named.as_ref().is_some_and(|named| named.is_probe);
            let (avoid, is_probe) = self.versions_out(group, version, sent.draw);
            probed = Probed { pool: pool == Admission::Probe, version: is_probe, endpoint };
            Admitted { pool, endpoints: named.map(|named| named.list), avoid, wait }
        });
        if probed != Probed::default() {
            self.probes.keep(sent.at, probed);
        }
        // What cannot be known is taken to be well.
        admitted.unwrap_or(Admitted {
            pool: Admission::Yes,
            endpoints: None,
            avoid: Vec::new(),
            wait: Duration::ZERO,
        })
    }

    /// The versions that the request must not get. It may probe the one that is its own, and no other.
    /// Whether it does.
    fn versions_out(
        &self,
        group: &mut Group<'_>,
        own: Option<&str>,
        draw: u64,
    ) -> (Vec<String>, bool) {
        let own = own.and_then(|version| self.roster.version(version));
        let (mut out, mut is_probe) = (Vec::new(), false);
        for version in self.roster.of(Kind::Version) {
            let is_out = match group.state(version) {
                State::Healthy => false,
                _ if own == Some(version) => {
                    let admission = group.admit(version, draw);
                    is_probe = admission == Admission::Probe;
                    matches!(admission, Admission::No { .. })
                }
                State::Ejected { .. } | State::Probing => true,
                State::Restoring { .. } => false,
            };
            if is_out {
                out.push(self.roster.name(version).to_owned());
            }
        }
        (out, is_probe)
    }

    /// Which servers to name, if not all of them will do: one that is to be probed first, then those that
    /// are well, from a place of the request's own on.
    fn endpoints(&self, group: &mut Group<'_>, draw: u64, may_probe: bool) -> Option<Named> {
        let members: Vec<Member> = self.roster.of(Kind::Endpoint).collect();
        let mut standing = group.standing(&members, draw);
        if standing.usable.len() == members.len() {
            return None;
        }
        // Those that are left: with the ejected one among them its successor would get its share as well. And
        // the lower half of the draw, because the upper one says which share of requests this is in.
        let start = (draw & u64::from(u32::MAX)).checked_rem(standing.usable.len() as u64);
        standing.usable.rotate_left(start.and_then(|n| usize::try_from(n).ok()).unwrap_or(0));
        let probe =
            standing.probe.filter(|m| may_probe && group.admit(*m, draw) == Admission::Probe);
        let is_probe = probe.is_some();
        let mut chosen: Vec<Member> = probe.into_iter().chain(standing.usable).collect();
        if chosen.is_empty() {
            chosen.extend(standing.least_bad);
        }
        let names: Vec<&str> = chosen.iter().map(|m| self.roster.name(*m)).collect();
        Some(Named { list: names.join(","), is_probe })
    }

    /// Takes notice of what became of an attempt: at this server, if it is known which it was, and at the pool,
    /// if that was its last word. What says nothing may still be the end of a probe.
    pub(crate) fn observe(&self, seen: &Seen<'_>, sent: Sent, now: Duration) {
        let endpoint = seen.endpoint.and_then(|address| self.roster.endpoint(address));
        let pool = seen.is_last.then(|| self.roster.pool());
        let version = seen.version.and_then(|version| self.roster.version(version));
        if endpoint.is_none() && version.is_none() && pool.is_none() {
            return;
        }
        self.change(now, |group| {
            for member in endpoint.into_iter().chain(version).chain(pool) {
                group.observe(member, sent.at, sent.draw, seen.signal);
            }
        });
    }

    /// Of whom this request is to show whether they are well again. Asked once.
    pub(crate) fn probed_by(&self, sent: Sent) -> Option<Probed> {
        self.probes.take(sent.at)
    }

    /// No server was asked: if the request was to be a probe, another may be.
    pub(crate) fn gives_back(&self, sent: Sent) {
        if let Some(probed) = self.probed_by(sent).filter(|probed| probed.pool) {
            let seen = Seen {
                endpoint: None,
                version: None,
                is_last: probed.pool,
                signal: Signal::Nothing,
            };
            self.observe(&seen, sent, sent.at);
        }
    }

    /// Whether so many of this prompt's tokens may be sent again. That it is asked allows others more.
    pub(crate) fn may_retry(&self, now: Duration, prompt_tokens: u64, at_stake: u64) -> bool {
        // A prompt of which nothing is known takes nothing, and gives nothing.
        if prompt_tokens == 0 {
            return true;
        }
        let policy = self.entry.retry.budget();
        let allowed = self.budget.update(|bytes| {
            let mut budget = Budget::read(bytes, policy, now);
            budget.asked(prompt_tokens);
            (Some(budget.write()), budget.allows(at_stake))
        });
        allowed.unwrap_or(true)
    }

    /// This prompt was sent once more.
    pub(crate) fn retried(&self, now: Duration, prompt_tokens: u64) {
        self.metrics.retried_tokens.add(prompt_tokens);
        let policy = self.entry.retry.budget();
        self.budget.update(|bytes| {
            let mut budget = Budget::read(bytes, policy, now);
            budget.retried(prompt_tokens);
            (Some(budget.write()), ())
        });
    }

    fn change<R>(&self, now: Duration, mut ask: impl FnMut(&mut Group<'_>) -> R) -> Option<R> {
        let (mut transitions, mut ejected) = (Vec::new(), 0);
        let result = self.health.update(|bytes| {
            let mut group = Group::read(bytes, &self.roster, &self.entry.breaker, now);
            let result = ask(&mut group);
            transitions = group.transitions().to_vec();
            ejected = group.ejected();
            (group.is_changed().then(|| group.write()), result)
        });
        if result.is_some() && !transitions.is_empty() {
            self.metrics.ejected.set(ejected as u64);
            transitions.iter().for_each(|transition| self.tell(transition));
        }
        result
    }

    fn tell(&self, transition: &Transition) {
        self.metrics.transition(transition.to.as_str());
        let (pool, reason) = (self.name(), transition.reason);
        let member = match self.roster.kind(transition.member) {
            Kind::Pool => String::new(),
            Kind::Version => format!(" version {}", self.roster.name(transition.member)),
            Kind::Endpoint => format!(" endpoint {}", self.roster.name(transition.member)),
        };
        let cause = reason.cause().map(|c| format!(" ({})", c.as_str())).unwrap_or_default();
        let shadow =
            if self.entry.mode == Mode::Shadow { " (shadow: nothing is done)" } else { "" };
        match transition.to {
            Phase::Ejected => log::warn!(
                "llm-mesh: pool {pool}{member} is ejected for {:.1} s: {}{cause}{shadow}",
                transition.lasts.as_secs_f64(),
                reason.as_str()
            ),
            to => log::info!(
                "llm-mesh: pool {pool}{member} is {}: {}{cause}{shadow}",
                to.as_str(),
                reason.as_str()
            ),
        }
    }
}
