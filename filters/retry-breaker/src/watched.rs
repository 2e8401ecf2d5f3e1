//! A pool that is watched: its policy, and what all workers know of it.
//!
//! Its members' health is one record, so that "at most half of them" is exact however many workers eject at
//! once. It is read for each request, and written only when something is learnt.

mod probes;

use std::time::Duration;

use filter_shell::SharedRecord;
use traffic_policy::breaker::{
    Admitted, Group, Kind, Member, Phase, Probed, Roster, Signal, Transition,
};
use traffic_policy::budget::Budget;

use crate::config::Entry;
use crate::metrics::Metrics;
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

    /// Asks for a request of this version.
    pub(crate) fn admit(&self, sent: Sent, version: Option<&str>) -> Admitted {
        let version = version.and_then(|version| self.roster.version(version));
        let admitted = self.change(sent.at, |group| group.admit_request(version, sent.draw));
        let admitted = admitted.unwrap_or_default();
        if admitted.probed.is_any() {
            self.probes.keep(sent.at, admitted.probed);
        }
        admitted
    }

    /// What members are called.
    pub(crate) fn names(&self, members: &[Member]) -> Vec<&str> {
        members.iter().map(|member| self.roster.name(*member)).collect()
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
        let shadow = if self.entry.mode.is_shadow() { " (shadow: nothing is done)" } else { "" };
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
