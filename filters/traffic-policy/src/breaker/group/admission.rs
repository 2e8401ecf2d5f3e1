//! Whether a request may go to the pool, and to whom there.

use std::time::Duration;

use super::Group;
use crate::breaker::{Admission, Kind, Member, State};

/// Whether a request may go to the pool, and to whom there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// To the pool.
    pub pool: Admission,
    /// To these endpoints, in order; none: all are well, and whoever balances the load may choose.
    pub endpoints: Option<Vec<Member>>,
    /// Not to these versions.
    pub avoid: Vec<Member>,
    /// How long nothing is to be had from the pool.
    pub wait: Duration,
    /// Of whom the request is to show whether they are well again.
    pub probed: Probed,
}

impl Default for Admitted {
    /// What cannot be known is taken to be well.
    fn default() -> Self {
        Self {
            pool: Admission::Yes,
            endpoints: None,
            avoid: Vec::new(),
            wait: Duration::ZERO,
            probed: Probed::default(),
        }
    }
}

/// Whom a request is to show to be well again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Probed {
    /// The pool.
    pub pool: bool,
    /// The version that is the request's own.
    pub version: bool,
    /// The endpoint that it is sent to first.
    pub endpoint: bool,
}

impl Probed {
    /// All that a request has to do with.
    pub const ALL: Self = Self { pool: true, version: true, endpoint: true };

    /// Whether it is to show anything.
    pub fn is_any(self) -> bool {
        self != Self::default()
    }
}

impl Group<'_> {
    /// Asks for a request of this version, by a draw from all numbers. A place among the probes is taken
    /// wherever it gets one.
    pub fn admit_request(&mut self, version: Option<Member>, draw: u64) -> Admitted {
        let wait = self.wait(self.roster.pool());
        let pool = self.admit(self.roster.pool(), draw);
        let goes = !matches!(pool, Admission::No { .. });
        // Who has to take what it should not still knows which of its servers are the bad ones.
        let (endpoints, endpoint) = self.endpoints(draw, goes);
        let (avoid, version) = self.versions_out(version, draw);
        let probed = Probed { pool: pool == Admission::Probe, version, endpoint };
        Admitted { pool, endpoints, avoid, wait, probed }
    }

    /// Which servers to name, if not all of them will do: one that is to be probed first, then those that
    /// are well, from a place of the request's own on. And whether the first is probed.
    fn endpoints(&mut self, draw: u64, may_probe: bool) -> (Option<Vec<Member>>, bool) {
        let members: Vec<Member> = self.roster.of(Kind::Endpoint).collect();
        let mut standing = self.standing(&members, draw);
        if standing.usable.len() == members.len() {
            return (None, false);
        }
        // Those that are left: with the ejected one among them its successor would get its share as well. And
        // the lower half of the draw, because the upper one says which share of requests this is in.
        let start = (draw & u64::from(u32::MAX)).checked_rem(standing.usable.len() as u64);
        standing.usable.rotate_left(start.and_then(|n| usize::try_from(n).ok()).unwrap_or(0));
        let probe = standing.probe.filter(|_| may_probe);
        let probe = probe.filter(|member| self.admit(*member, draw) == Admission::Probe);
        let mut chosen: Vec<Member> = probe.into_iter().chain(standing.usable).collect();
        if chosen.is_empty() {
            chosen.extend(standing.least_bad);
        }
        (Some(chosen), probe.is_some())
    }

    /// The versions that the request must not get, and whether it probes its own: it may probe no other.
    fn versions_out(&mut self, own: Option<Member>, draw: u64) -> (Vec<Member>, bool) {
        let (mut out, mut is_probe) = (Vec::new(), false);
        for version in self.roster.of(Kind::Version) {
            let is_out = match self.state(version) {
                State::Healthy => false,
                _ if own == Some(version) => {
                    let admission = self.admit(version, draw);
                    is_probe = admission == Admission::Probe;
                    matches!(admission, Admission::No { .. })
                }
                State::Ejected { .. } | State::Probing => true,
                State::Restoring { .. } => false,
            };
            if is_out {
                out.push(version);
            }
        }
        (out, is_probe)
    }
}
