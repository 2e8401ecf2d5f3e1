//! Which endpoint of a cluster takes an attempt, and which attempts are under way.
//!
//! Turns begin at the first endpoint, where Envoy begins at a random one: what a test sees is then the
//! order of its configuration.

use std::{collections::BTreeMap, net::SocketAddr};

use super::{PoolKey, Seat, affinity, breaker::Breakers, mirror::Mirror, outlier::Outliers};
use crate::{
    bootstrap::{Cluster, Endpoint, LoadBalancing},
    model::{
        effect::{AttemptId, StreamId},
        time::Nanos,
    },
};

/// Attempts under way, and whose turn it is.
#[derive(Debug, Default)]
pub(crate) struct Upstreams {
    turns: BTreeMap<String, u64>,
    under_way: BTreeMap<AttemptId, (StreamId, SocketAddr)>,
    begun: u64,
    pub(crate) breakers: Breakers,
    pub(super) outliers: Outliers,
    /// Copies that are being sent, or wait for their answers.
    pub(super) mirrors: BTreeMap<AttemptId, Mirror>,
    /// What Envoy counts for a cluster, by the counter's name.
    counters: BTreeMap<(String, &'static str), u64>,
}

/// What a request wants of the endpoint.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wish<'a> {
    /// Endpoints that are not wanted as long as others are drawn.
    pub(super) avoid: &'a [SocketAddr],
    /// How often another one is drawn.
    pub(super) attempts: u32,
    /// The request's hash.
    pub(super) hash: Option<u64>,
    /// For who was left out until when.
    pub(super) now: Nanos,
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

    /// An attempt lets go of its connection; one that has carried all that it may is counted.
    pub(crate) fn leave(
        &mut self,
        cluster: &Cluster,
        pool: &PoolKey,
        attempt: AttemptId,
        seat: Seat,
        reusable: bool,
    ) {
        if self.breakers.leave(cluster, pool, attempt, seat, reusable) {
            self.count(&cluster.name, "upstream_cx_max_requests");
        }
    }

    /// Counts something that happened at a cluster.
    pub(crate) fn count(&mut self, cluster: &str, counter: &'static str) {
        *self.counters.entry((cluster.to_owned(), counter)).or_default() += 1;
    }

    /// What was counted: cluster, counter, value.
    pub(crate) fn counters(&self) -> impl Iterator<Item = (&str, &'static str, u64)> {
        self.counters.iter().map(|((cluster, counter), value)| (cluster.as_str(), *counter, *value))
    }

    /// Whether outlier detection leaves the endpoint out.
    pub(crate) fn is_left_out(&self, cluster: &Cluster, endpoint: SocketAddr, now: Nanos) -> bool {
        self.outliers.is_out(cluster, endpoint, now)
    }

    /// Chooses an endpoint; none if the cluster has none that may be used.
    pub(crate) fn choose(
        &mut self,
        cluster: &Cluster,
        wish: Wish<'_>,
        random: &mut fastrand::Rng,
    ) -> Option<SocketAddr> {
        self.outliers.look(cluster, wish.now);
        let endpoints = self.usable(cluster, wish.now);
        let mut chosen = self.draw(cluster, &endpoints, wish, random.u64(..))?;
        for _ in 0..wish.attempts {
            if !wish.avoid.contains(&chosen) {
                break;
            }
            chosen = self.draw(cluster, &endpoints, wish, random.u64(..))?;
        }
        Some(chosen)
    }

    /// Those that are not left out; all of them, if too few are left.
    fn usable(&self, cluster: &Cluster, now: Nanos) -> Vec<Endpoint> {
        let all = &cluster.endpoints;
        let is_in = |one: &&Endpoint| !self.outliers.is_out(cluster, one.address, now);
        let healthy: Vec<Endpoint> = all.iter().filter(is_in).copied().collect();
        #[expect(clippy::cast_precision_loss, reason = "a number of endpoints")]
        let share = 100.0 * healthy.len() as f64 / all.len().max(1) as f64;
        if share < cluster.panic_threshold { all.clone() } else { healthy }
    }

    fn draw(
        &mut self,
        cluster: &Cluster,
        endpoints: &[Endpoint],
        wish: Wish<'_>,
        draw: u64,
    ) -> Option<SocketAddr> {
        let total: u64 = endpoints.iter().map(|one| u64::from(one.weight)).sum();
        let (low, high) = (draw & 0xffff_ffff, draw >> 32);
        match (cluster.balancing.policy, wish.hash) {
            (LoadBalancing::RoundRobin, _) => {
                let turn = self.turns.entry(cluster.name.clone()).or_default();
                let place = turn.checked_rem(total)?;
                *turn += 1;
                at_weight(endpoints, place)
            }
            (LoadBalancing::Random, _) | (LoadBalancing::Hash, None) => {
                at_weight(endpoints, low.checked_rem(total)?)
            }
            // The endpoint that fits best: when another one goes or comes, most requests stay.
            (LoadBalancing::Hash, Some(hash)) => {
                let fit = |one: &&Endpoint| affinity::mix(hash, one.address.to_string().as_bytes());
                endpoints.iter().max_by_key(fit).map(|one| one.address)
            }
            (LoadBalancing::LeastRequest, _) => {
                let first = at_weight(endpoints, low.checked_rem(total)?)?;
                let second = at_weight(endpoints, high.checked_rem(total)?)?;
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
