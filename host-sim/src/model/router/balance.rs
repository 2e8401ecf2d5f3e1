//! Which endpoint of a cluster takes an attempt, and which attempts are under way.
//!
//! Turns begin at the first endpoint, where Envoy begins at a random one: what a test sees is then the
//! order of its configuration.

use std::{collections::BTreeMap, net::SocketAddr};

use super::breaker::Breakers;
use crate::{
    bootstrap::{Cluster, Endpoint, LoadBalancing},
    model::effect::{AttemptId, StreamId},
};

/// Attempts under way, and whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Upstreams {
    turns: BTreeMap<String, u64>,
    under_way: BTreeMap<AttemptId, (StreamId, SocketAddr)>,
    begun: u64,
    pub(super) breakers: Breakers,
    /// What Envoy counts for a cluster, by the counter's name.
    counters: BTreeMap<(String, &'static str), u64>,
}

/// Endpoints that are not wanted as long as others are drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Avoid<'a> {
    pub(super) endpoints: &'a [SocketAddr],
    /// How often another one is drawn.
    pub(super) attempts: u32,
}

impl Upstreams {
    /// A new attempt at an endpoint.
    pub(crate) fn begin(&mut self, stream: StreamId, endpoint: SocketAddr) -> AttemptId {
        self.begun += 1;
        let id = AttemptId(self.begun);
        self.under_way.insert(id, (stream, endpoint));
        id
    }

    pub(crate) fn end(&mut self, attempt: AttemptId) {
        self.under_way.remove(&attempt);
    }

    pub(super) fn stream_of(&self, attempt: AttemptId) -> Option<StreamId> {
        self.under_way.get(&attempt).map(|(stream, _)| *stream)
    }

    /// Counts something that happened at a cluster.
    pub(crate) fn count(&mut self, cluster: &str, counter: &'static str) {
        *self.counters.entry((cluster.to_owned(), counter)).or_default() += 1;
    }

    /// What was counted: cluster, counter, value.
    pub(crate) fn counters(&self) -> impl Iterator<Item = (&str, &'static str, u64)> {
        self.counters.iter().map(|((cluster, counter), value)| (cluster.as_str(), *counter, *value))
    }

    /// Chooses an endpoint; none if the cluster has none.
    pub(crate) fn choose(
        &mut self,
        cluster: &Cluster,
        avoid: Avoid<'_>,
        random: &mut fastrand::Rng,
    ) -> Option<SocketAddr> {
        let mut chosen = self.draw(cluster, random.u64(..))?;
        for _ in 0..avoid.attempts {
            if !avoid.endpoints.contains(&chosen) {
                break;
            }
            chosen = self.draw(cluster, random.u64(..))?;
        }
        Some(chosen)
    }

    fn draw(&mut self, cluster: &Cluster, draw: u64) -> Option<SocketAddr> {
        let total: u64 = cluster.endpoints.iter().map(|one| u64::from(one.weight)).sum();
        let (low, high) = (draw & 0xffff_ffff, draw >> 32);
        match cluster.load_balancing {
            LoadBalancing::RoundRobin => {
                let turn = self.turns.entry(cluster.name.clone()).or_default();
                let place = turn.checked_rem(total)?;
                *turn += 1;
                at_weight(&cluster.endpoints, place)
            }
            LoadBalancing::Random => at_weight(&cluster.endpoints, low.checked_rem(total)?),
            LoadBalancing::LeastRequest => {
                let first = at_weight(&cluster.endpoints, low.checked_rem(total)?)?;
                let second = at_weight(&cluster.endpoints, high.checked_rem(total)?)?;
                let busy = |one: SocketAddr| {
                    self.under_way.values().filter(|(_, endpoint)| *endpoint == one).count()
                };
                Some(if busy(second) < busy(first) { second } else { first })
            }
        }
    }
}

/// The endpoint on which a number below the sum of the weights falls.
fn at_weight(endpoints: &[Endpoint], mut number: u64) -> Option<SocketAddr> {
    endpoints.iter().find_map(|endpoint| {
        let weight = u64::from(endpoint.weight);
        let falls_here = number < weight;
        number = number.saturating_sub(weight);
        falls_here.then_some(endpoint.address)
    })
}
