//! The router: the last filter, which turns a request into attempts at upstream endpoints.
//!
//! [`request`] chooses what to do with a request, prepares its headers and keeps its body for later
//! attempts, [`attempt`] begins and ends tries at one endpoint, [`upstream_chain`] are the filters on the
//! way there, [`wire`] is what goes there and comes back, [`response`] and [`failure`] decide what the client hears, and [`again`] whether there is
//! another attempt: a rule of [`retry`], within the limits of [`breaker`] and [`timeouts`]. Where it goes is
//! chosen by [`balance`], [`affinity`] and [`outlier`]; [`mirror`] sends copies elsewhere, and [`own_request`] is
//! the little that holds for what plugins call.
//!
//! # Limits
//! One attempt at a time: requests are not hedged.

mod affinity;
mod again;
mod attempt;
mod balance;
mod breaker;
mod edits;
mod failure;
mod mirror;
mod outlier;
mod own_request;
mod request;
mod response;
mod retry;
mod timeouts;
mod upstream_chain;
mod wire;

use std::{collections::VecDeque, net::SocketAddr, sync::Arc};

use super::{
    effect::{AttemptId, StreamId, UpstreamEvent},
    route::Route,
    time::{Nanos, TimerKey},
};
pub(crate) use balance::{Upstreams, Wish};
pub(crate) use breaker::{PoolKey, Refused, Seat};
pub(crate) use failure::{failure_of, failure_of_overflow};
pub(crate) use own_request::OwnRequest;
pub(crate) use request::set_scheme;
use retry::RetryState;
use timeouts::Timeouts;
pub(crate) use wire::on_the_wire;

/// What the router counts for each cluster, by Envoy's names.
pub const CLUSTER_COUNTERS: [&str; 12] = [
    "retry_or_shadow_abandoned",
    "upstream_cx_max_requests",
    "upstream_cx_overflow",
    "upstream_rq_pending_overflow",
    "upstream_rq_per_try_timeout",
    "upstream_rq_retry",
    "upstream_rq_retry_backoff_exponential",
    "upstream_rq_retry_backoff_ratelimited",
    "upstream_rq_retry_limit_exceeded",
    "upstream_rq_retry_overflow",
    "upstream_rq_retry_success",
    "upstream_rq_timeout",
];

/// The router's part of a stream.
#[derive(Debug, Default)]
pub(crate) struct Router {
    pub(crate) attempt: Option<Attempt>,
    /// The route by which the request came here; what is chosen later is not the router's.
    route: Option<Arc<Route>>,
    timeouts: Timeouts,
    /// The route's timeout.
    timer: Option<TimerKey>,
    /// When the request had arrived completely.
    pub(crate) request_complete: Option<Nanos>,
    /// Response headers went into the chain.
    pub(crate) response_started: bool,
    retry: Option<RetryState>,
    /// The next attempt begins then.
    back_off: Option<TimerKey>,
    /// Something of the request was sent to a server.
    request_began: bool,
    /// Where earlier attempts went.
    previous: Vec<SocketAddr>,
    /// What keeps a request at an endpoint.
    hash: Option<u64>,
    /// Endpoints that the request names and no attempt went to; none before the first attempt.
    named: Option<VecDeque<SocketAddr>>,
    /// All that it named.
    pub(crate) wanted: Vec<SocketAddr>,
    /// Copies for other clusters.
    mirrors: Vec<AttemptId>,
}

/// One try at one endpoint.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) id: AttemptId,
    pub(crate) http2: bool,
    /// The filters between the router and the server; none where there are none.
    chain: Option<StreamId>,
    /// The headers have passed them and wait for a connection; true: the request ends with them.
    latched: Option<bool>,
    pool: PoolKey,
    seat: Seat,
    connect_timer: Option<TimerKey>,
    per_try_timer: Option<TimerKey>,
    /// What is to be sent once the connection stands; none when it does.
    waiting: Option<Vec<UpstreamEvent>>,
    /// Everything was sent.
    request_ended: bool,
    /// The connection ends with the response.
    closes: bool,
    /// How many reasons there are not to read from the server.
    read_disabled: usize,
}
