//! A pool and its members at one moment: read from a record, asked and told, written back.

mod admission;
mod share;

use std::time::Duration;

pub use admission::{Admitted, Probed};

use super::config::Policy;
use super::member::{Demand, Health, Moment};
use super::record;
use super::roster::{Kind, Member, Roster};
use super::{Admission, Phase, Reason, Signal, State, Transition};

/// A pool and its members at one moment.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    roster: &'a Roster,
    at: Moment<'a>,
    members: Vec<Health>,
    transitions: Vec<Transition>,
    is_changed: bool,
    is_damaged: bool,
}

/// Whom of several members a request may use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Those that may be used, in the order in which they were given.
    pub usable: Vec<Member>,
    /// One that may be probed; to do so, [`Group::admit`] it.
    pub probe: Option<Member>,
    /// The one to use if none is usable: whose ejection ends first.
    pub least_bad: Option<Member>,
}

impl<'a> Group<'a> {
    /// Reads a record, at this time of the clock that all workers have.
    ///
    /// Whom the record does not know is healthy; whom the roster does not know is left out.
    pub fn read(
        bytes: Option<&[u8]>,
        roster: &'a Roster,
        policy: &'a Policy,
        now: Duration,
    ) -> Self {
        let at = Moment { now: on_record(now), policy };
        let known = bytes.map(|bytes| record::decode(bytes, roster));
        let is_damaged = matches!(known, Some(None));
        let members = known.flatten().unwrap_or_else(|| record::empty(roster));
        let mut group = Self {
            roster,
            at,
            members,
            transitions: Vec::new(),
            is_changed: is_damaged,
            is_damaged,
        };
        for member in roster.all() {
            group.change(member, |health| health.settle(at));
        }
        group.release(Kind::Version);
        group.release(Kind::Endpoint);
        group
    }

    /// The record.
    pub fn write(&self) -> Vec<u8> {
        record::encode(&self.members, self.roster)
    }

    /// Whether the record has to be written. Reading alone may do that: time has passed.
    pub fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// Whether there was a record that could not be read, and counts as none.
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// The steps that were made; they have happened if the record was written.
    pub fn transitions(&self) -> &[Transition] {
        &self.transitions
    }

    /// How a member is.
    pub fn state(&self, member: Member) -> State {
        let Some(health) = self.health(member) else { return State::Healthy };
        match health.phase {
            Phase::Healthy => State::Healthy,
            Phase::Ejected => State::Ejected { until: health.until },
            Phase::Probing => State::Probing,
            Phase::Restoring => State::Restoring { permille: health.permille(self.at) },
        }
    }

    /// How many members are ejected or only probed.
    pub fn ejected(&self) -> usize {
        self.members.iter().filter(|health| health.is_out()).count()
    }

    /// How long nothing is to be had from a member; zero if it may be worth while to ask.
    pub fn wait(&self, member: Member) -> Duration {
        self.health(member).map_or(Duration::ZERO, |health| health.wait(self.at))
    }

    /// Whether a request may go to a member, by a draw from all numbers.
    pub fn admit(&mut self, member: Member, draw: u64) -> Admission {
        let at = self.at;
        let mut admission = Admission::Yes;
        self.change(member, |health| {
            admission = health.admit(draw, at);
            None
        });
        admission
    }

    /// Whom of these a request may use, by a draw from all numbers. Nothing changes by asking.
    pub fn standing(&self, members: &[Member], draw: u64) -> Standing {
        let mut standing = Standing::default();
        for member in members {
            let Some(health) = self.health(*member) else { continue };
            match health.clone().admit(draw, self.at) {
                Admission::Yes => standing.usable.push(*member),
                Admission::Probe => standing.probe = standing.probe.or(Some(*member)),
                Admission::No { .. } => {}
            }
        }
        let known = members.iter().filter_map(|member| Some((self.health(*member)?, *member)));
        let least_bad = known.min_by_key(|(health, _)| (health.wait(self.at), health.phase));
        standing.least_bad = least_bad.map(|(_, member)| member);
        standing
    }

    /// Takes notice of what became of a request that was `sent` to a member.
    ///
    /// `sent` is the time at which the request was admitted: it tells a probe's outcome from that of a
    /// request that was sent before the ejection. `draw` makes the ejections of proxies differ.
    pub fn observe(&mut self, member: Member, sent: Duration, draw: u64, signal: Signal) {
        let (at, sent) = (self.at, on_record(sent));
        let mut demand = Demand::None;
        self.change(member, |health| {
            let (more, reason) = health.observe(signal, sent, at);
            demand = more;
            reason
        });
        if let Demand::Eject(reason, span) = demand
            && self.may_eject(member)
        {
            let span = span.saturating_add(at.policy.jitter(span, draw));
            self.change(member, |health| {
                health.eject(reason, span, at);
                Some(reason)
            });
        }
        // An ejection or a restoration that lasts no time is over.
        self.change(member, |health| health.settle(at));
    }

    fn health(&self, member: Member) -> Option<&Health> {
        self.members.get(usize::from(member.0))
    }

    /// Changes a member, and keeps what that was if the phase has changed by it.
    fn change(&mut self, member: Member, change: impl FnOnce(&mut Health) -> Option<Reason>) {
        let Some(health) = self.members.get_mut(usize::from(member.0)) else { return };
        let before = health.clone();
        let reason = change(health);
        self.is_changed |= *health != before;
        let (from, to) = (before.phase, health.phase);
        if let Some(reason) = reason.filter(|_| from != to) {
            let lasts = match to {
                Phase::Ejected => health.until.saturating_sub(self.at.now),
                _ => Duration::ZERO,
            };
            self.transitions.push(Transition { member, from, to, reason, lasts });
        }
    }
}

/// A time as records have it.
fn on_record(time: Duration) -> Duration {
    Duration::from_micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}
