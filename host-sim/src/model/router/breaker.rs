//! Circuit breakers: how much of a cluster's traffic is under way, and who has to wait or is refused.
//!
//! Counts belong to the cluster and are shared by all workers; connections belong to a worker and an
//! endpoint. An HTTP/1 connection carries one request at a time and stays open behind it; an HTTP/2
//! connection carries all requests of its worker to its endpoint.
//!
//! # Limits
//! The driver makes a connection for each attempt; here they are counted as Envoy would keep them.
//! Connections never idle out. What plugins call over gRPC is not counted.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
};

use crate::{
    bootstrap::{Cluster, Thresholds, UpstreamProtocol},
    model::effect::AttemptId,
};

/// What is under way, by cluster and by connection pool.
#[derive(Debug, Default)]
pub(crate) struct Breakers {
    in_use: BTreeMap<String, InUse>,
    pools: BTreeMap<PoolKey, Pool>,
}

/// What is under way at a cluster.
#[derive(Clone, Copy, Debug, Default)]
struct InUse {
    connections: u64,
    pending: u64,
    requests: u64,
    retries: u64,
}

/// Connections of a worker to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PoolKey {
    pub(crate) cluster: String,
    pub(crate) worker: usize,
    pub(crate) endpoint: SocketAddr,
}

#[derive(Debug, Default)]
struct Pool {
    /// All of them, idle, busy and not yet standing.
    open: u64,
    /// Those that can take a request at once, the last used one last, with how many they have carried; of
    /// HTTP/2 the one that stands.
    ready: Vec<u32>,
    /// How many requests the connections of these attempts have carried, theirs included.
    busy: BTreeMap<AttemptId, u32>,
    waiting: VecDeque<AttemptId>,
}

/// What an attempt takes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seat {
    /// It waits for a connection that others have.
    Waiting,
    /// It waits for a connection that is being made.
    Connecting,
    /// It has a connection.
    Active,
    /// It had one, and its server has said all.
    Left,
}

/// Why an attempt is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too many wait for a connection.
    Pending,
    /// Too many have one.
    Requests,
}

impl Breakers {
    fn in_use(&mut self, cluster: &str) -> &mut InUse {
        self.in_use.entry(cluster.to_owned()).or_default()
    }

    /// A new attempt; an error: it is refused.
    pub(crate) fn enter(
        &mut self,
        cluster: &Cluster,
        key: &PoolKey,
        attempt: AttemptId,
    ) -> Result<Seat, Refused> {
        let limits = &cluster.thresholds;
        let none_ready = self.pools.entry(key.clone()).or_default().ready.is_empty();
        let used = *self.in_use(&cluster.name);
        if !none_ready {
            let attached = self.attach(cluster, key, attempt);
            return attached.then_some(Seat::Active).ok_or(Refused::Requests);
        }
        if used.pending >= u64::from(limits.pending_requests) {
            return Err(Refused::Pending);
        }
        self.in_use(&cluster.name).pending += 1;
        if self.connect(cluster, key) {
            return Ok(Seat::Connecting);
        }
        self.pools.entry(key.clone()).or_default().waiting.push_back(attempt);
        Ok(Seat::Waiting)
    }

    /// Takes a connection that can carry a request; false: there are too many requests.
    fn attach(&mut self, cluster: &Cluster, key: &PoolKey, attempt: AttemptId) -> bool {
        let used = self.in_use(&cluster.name);
        if used.requests >= u64::from(cluster.thresholds.requests) {
            return false;
        }
        used.requests += 1;
        if cluster.protocol == UpstreamProtocol::Http1 {
            let pool = self.pools.entry(key.clone()).or_default();
            let carried = pool.ready.pop().unwrap_or(0);
            pool.busy.insert(attempt, carried.saturating_add(1));
        }
        true
    }

    /// Makes a connection, if there may be another one; every pool may have one.
    fn connect(&mut self, cluster: &Cluster, key: &PoolKey) -> bool {
        let open = self.pools.get(key).map_or(0, |pool| pool.open);
        if cluster.protocol == UpstreamProtocol::Http2 && open > 0 {
            // It is being made, and will carry this attempt too.
            return true;
        }
        let used = self.in_use(&cluster.name);
        if used.connections >= u64::from(cluster.thresholds.connections) && open > 0 {
            return false;
        }
        used.connections += 1;
        self.pools.entry(key.clone()).or_default().open += 1;
        true
    }

    /// The connection of a waiting attempt stands; false: there are too many requests.
    pub(crate) fn connected(
        &mut self,
        cluster: &Cluster,
        key: &PoolKey,
        attempt: AttemptId,
    ) -> bool {
        let used = self.in_use(&cluster.name);
        used.pending = used.pending.saturating_sub(1);
        let pool = self.pools.entry(key.clone()).or_default();
        if cluster.protocol == UpstreamProtocol::Http1 || pool.ready.is_empty() {
            pool.ready.push(0);
        }
        self.attach(cluster, key, attempt)
    }

    /// An attempt is over; `reusable`: its connection can carry another one, if it has not carried as many as
    /// it may. Says whether it has.
    pub(crate) fn leave(
        &mut self,
        cluster: &Cluster,
        key: &PoolKey,
        attempt: AttemptId,
        seat: Seat,
        reusable: bool,
    ) -> bool {
        let http1 = cluster.protocol == UpstreamProtocol::Http1;
        let used = self.in_use.entry(cluster.name.clone()).or_default();
        let pool = self.pools.entry(key.clone()).or_default();
        match seat {
            Seat::Waiting => {
                used.pending = used.pending.saturating_sub(1);
                pool.waiting.retain(|waiting| *waiting != attempt);
                return false;
            }
            Seat::Connecting => used.pending = used.pending.saturating_sub(1),
            Seat::Active => used.requests = used.requests.saturating_sub(1),
            Seat::Left => return false,
        }
        let carried = pool.busy.remove(&attempt).unwrap_or(0);
        let worn_out = cluster.requests_per_connection.is_some_and(|most| carried >= most.get());
        if reusable && !worn_out {
            if http1 || pool.ready.is_empty() {
                pool.ready.push(carried);
            }
        } else if http1 || pool.open > 0 {
            pool.open = pool.open.saturating_sub(1);
            if !http1 {
                pool.ready.clear();
            }
            used.connections = used.connections.saturating_sub(1);
        }
        worn_out
    }

    /// The next attempt that no longer has to wait, with what it takes up then; the inner none: it is
    /// refused, because there are too many requests.
    pub(super) fn next_waiting(
        &mut self,
        cluster: &Cluster,
        key: &PoolKey,
    ) -> Option<(AttemptId, Option<Seat>)> {
        let pool = self.pools.get(key)?;
        let (first, ready) = (*pool.waiting.front()?, !pool.ready.is_empty());
        let seat = if ready {
            let used = self.in_use(&cluster.name);
            used.pending = used.pending.saturating_sub(1);
            self.attach(cluster, key, first).then_some(Seat::Active)
        } else if self.connect(cluster, key) {
            Some(Seat::Connecting)
        } else {
            return None;
        };
        self.pools.entry(key.clone()).or_default().waiting.pop_front();
        Some((first, seat))
    }

    /// Counts a retry; false: there are too many.
    pub(super) fn begin_retry(&mut self, cluster: &str, limits: &Thresholds) -> bool {
        let used = self.in_use(cluster);
        let most = match limits.retry_budget {
            None => f64::from(limits.retries),
            Some(budget) => {
                #[expect(clippy::cast_precision_loss, reason = "a number of requests")]
                let active = (used.requests + used.pending) as f64;
                (active * budget.percent / 100.0).floor().max(f64::from(budget.min_concurrency))
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "a number of retries")]
        let allowed = (used.retries as f64) < most;
        used.retries += u64::from(allowed);
        allowed
    }

    pub(super) fn end_retry(&mut self, cluster: &str) {
        let used = self.in_use(cluster);
        used.retries = used.retries.saturating_sub(1);
    }
}
