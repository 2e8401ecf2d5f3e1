//! Looks at the proxy from time to time: in which states its members are, and what its plugins say.

use std::net::SocketAddr;
use std::time::Duration;

use super::Member;
use super::seconds::Seconds;
use super::state::{Pools, State};
use super::traffic;
use crate::bootstrap::Bootstrap;
use crate::host::{Host, Nanos};
use crate::model::effect::StreamId;
use crate::model::metric::{MetricValue, PREFIX};

/// Texts of plugins that are kept.
const SAID_MAX: usize = 20;
/// Counted by the filters: requests that went to another pool.
const DIVERTED: &str = "llm_breaker_diverted_total";
/// From this level on plugins' words are kept.
const WARN: u32 = 3;

/// What is known of the members.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) members: Vec<Member>,
    pub(super) bad: Vec<usize>,
    pub(super) noticed_after: Option<Duration>,
    pub(super) said: Vec<String>,
    /// From when on the bad member is bad.
    begins: Nanos,
    pools: Pools,
    /// The pool of each member, and whether the filters know it as an endpoint of that.
    pool_of: Vec<Option<(String, bool)>>,
    diverted: u64,
}

impl Watch {
    pub(super) fn new(
        file: &Bootstrap,
        members: Vec<Member>,
        bad: Vec<usize>,
        begins: Nanos,
    ) -> Self {
        Self {
            pool_of: members.iter().map(|member| traffic::pool_of(file, member)).collect(),
            members,
            bad,
            begins,
            noticed_after: None,
            said: Vec::new(),
            pools: Pools::default(),
            diverted: 0,
        }
    }

    /// The place of an endpoint among the members.
    pub(super) fn place_of(&self, cluster: &str, endpoint: SocketAddr) -> Option<usize> {
        let is = |one: &Member| one.endpoint == endpoint && one.cluster == cluster;
        self.members.iter().position(is)
    }

    /// Members of the same cluster that a request is led around: it names others, or Envoy leaves them out.
    pub(super) fn unwanted(&self, host: &Host, member: usize, stream: StreamId) -> Vec<usize> {
        let Some(chosen) = self.members.get(member) else { return Vec::new() };
        let named = host.world().named_endpoints(stream);
        let is_unwanted = |one: &Member| {
            (!named.is_empty() && !named.contains(&one.endpoint))
                || host.world().is_left_out(&one.cluster, one.endpoint)
        };
        let members = self.members.iter().enumerate();
        let of_cluster = members.filter(|(_, one)| one.cluster == chosen.cluster);
        of_cluster.filter(|(_, one)| is_unwanted(one)).map(|(place, _)| place).collect()
    }

    pub(super) fn look(&mut self, host: &mut Host, seconds: &mut Seconds) {
        let now = host.now();
        self.listen(host);
        let moved = self.pools.look(host.world().metrics());
        let diverted = diverted(host);
        let more = diverted - std::mem::replace(&mut self.diverted, diverted);
        let states = seconds.at(now, |second| {
            second.diverted += more;
            for (_, to) in &moved {
                *second.transitions.entry(*to).or_default() += 1;
            }
            for (place, counted) in second.members.iter_mut().enumerate() {
                counted.state = self.state(host, place, counted.unwanted > 0);
            }
            second.members.iter().map(|member| member.state).collect::<Vec<_>>()
        });
        let is_out = |bad: &usize| {
            let ejected =
                states.as_ref().and_then(|states| states.get(*bad)) == Some(&State::Ejected);
            let pool = self.pool_of.get(*bad).and_then(Option::as_ref);
            ejected
                || moved.iter().any(|(name, to)| {
                    *to == State::Ejected && pool.is_some_and(|(pool, _)| pool == name)
                })
        };
        if now >= self.begins && self.noticed_after.is_none() && self.bad.iter().any(is_out) {
            self.noticed_after = Some(Duration::from_nanos(now - self.begins));
        }
    }

    /// The state of a member; `unwanted`: in this second requests were led around it.
    fn state(&self, host: &Host, place: usize, unwanted: bool) -> State {
        let Some(member) = self.members.get(place) else { return State::Healthy };
        if host.world().is_left_out(&member.cluster, member.endpoint) {
            return State::Ejected;
        }
        match self.pool_of.get(place).and_then(Option::as_ref) {
            // What the pool has been through is one of its members' affair: that of the unwanted one.
            Some((pool, is_endpoint)) if unwanted || !is_endpoint => self.pools.phase(pool),
            Some(_) | None => State::Healthy,
        }
    }

    /// Keeps what plugins have to complain about.
    fn listen(&mut self, host: &mut Host) {
        for line in host.take_logs() {
            if line.level >= WARN
                && self.said.len() < SAID_MAX
                && !self.said.contains(&line.message)
            {
                self.said.push(line.message);
            }
        }
    }
}

fn diverted(host: &Host) -> u64 {
    let counters = host.world().metrics().iter().filter_map(|(name, value)| match value {
        MetricValue::Counter(count) => {
            name.strip_prefix(PREFIX)?.starts_with(DIVERTED).then_some(*count)
        }
        MetricValue::Gauge(_) | MetricValue::Histogram(_) => None,
    });
    counters.sum()
}
