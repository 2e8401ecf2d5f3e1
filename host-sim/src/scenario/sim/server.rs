//! The model servers: each attempt meets the script of its cluster's endpoint.
//!
//! What a server says comes from [`crate::upstream`], the same code that stands behind a socket
//! for a real Envoy; here only its events are played under virtual time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::attempt::{Action, Attempt, Endpoint};
use super::codec;
use crate::model::effect::{AttemptId, UpstreamEvent};
use crate::scenario::Endpoints;
use crate::scenario::observation::Received;
use crate::upstream::Reply;

/// Every endpoint and every attempt of a run.
#[derive(Debug, Default)]
pub(super) struct Servers {
    scripts: BTreeMap<(String, SocketAddr), Endpoints>,
    attempts: BTreeMap<AttemptId, Attempt>,
    /// In the order in which request headers arrived.
    received: Vec<AttemptId>,
}

impl Servers {
    pub(super) fn connect(
        &mut self,
        attempt: AttemptId,
        endpoint: Endpoint,
        endpoints: Endpoints,
        exchange: Option<usize>,
    ) {
        let key = (endpoint.cluster.clone(), endpoint.address);
        self.scripts.entry(key).or_insert_with(|| endpoints);
        self.attempts.insert(attempt, Attempt::new(endpoint, exchange));
    }

    /// What the server says to a plugin's own request; none if it refuses connections.
    pub(super) fn reply(&mut self, server: &Endpoint, endpoints: Endpoints) -> Option<Reply> {
        let key = (server.cluster.clone(), server.address);
        match self.scripts.entry(key).or_insert(endpoints) {
            Endpoints::Down => None,
            Endpoints::Scripted(script) => Some(script.next_reply()),
        }
    }

    /// What has become of the attempt's connection.
    pub(super) fn connection(&self, attempt: AttemptId) -> Connection {
        let Some(attempt) = self.attempts.get(&attempt).filter(|attempt| !attempt.is_over) else {
            return Connection::Unwanted;
        };
        let key = (attempt.endpoint.cluster.clone(), attempt.endpoint.address);
        match self.scripts.get(&key) {
            Some(Endpoints::Down) => Connection::Refused,
            Some(Endpoints::Scripted(_)) | None => Connection::Stands,
        }
    }

    pub(super) fn forget(&mut self, attempt: AttemptId) {
        self.attempts.remove(&attempt);
    }

    /// Takes what the host sends; true when the server, which was silent, has something to say.
    ///
    /// `quiet`: a cut stream of HTTP/2 looks complete.
    pub(super) fn accept(&mut self, id: AttemptId, event: UpstreamEvent, quiet: bool) -> bool {
        let at = self.received.len();
        let Some(attempt) = self.attempts.get_mut(&id) else { return false };
        let was_silent = attempt.next_after().is_none();
        match event {
            UpstreamEvent::Connect { .. } => {}
            UpstreamEvent::Headers(headers, end) => {
                let key = (attempt.endpoint.cluster.clone(), attempt.endpoint.address);
                if let Some(Endpoints::Scripted(script)) = self.scripts.get_mut(&key)
                    && attempt.begin(&headers, end, script, at)
                {
                    self.received.push(id);
                }
            }
            UpstreamEvent::Data(data, end) => attempt.take(data, end),
            UpstreamEvent::Trailers(trailers) => {
                if !attempt.take_trailers(trailers) {
                    self.received.retain(|heard| *heard != id);
                }
            }
            UpstreamEvent::Reset => attempt.give_up(quiet),
        }
        attempt.plan_if_ready();
        was_silent && attempt.next_after().is_some()
    }

    pub(super) fn next_after(&self, id: AttemptId) -> Option<Duration> {
        self.attempts.get(&id)?.next_after()
    }

    /// Whether more of the answer comes without a gap.
    pub(super) fn goes_on(&self, id: AttemptId) -> bool {
        self.attempts.get(&id).is_some_and(Attempt::goes_on)
    }

    pub(super) fn set_ordinal(&mut self, id: AttemptId, ordinal: u64) {
        if let Some(attempt) = self.attempts.get_mut(&id) {
            attempt.ordinal = ordinal;
        }
    }

    /// Which of the requests made for one exchange it is.
    pub(super) fn ordinal(&self, id: AttemptId) -> u64 {
        self.attempts.get(&id).map_or(0, |attempt| attempt.ordinal)
    }

    pub(super) fn set_reading(&mut self, id: AttemptId, enabled: bool) -> bool {
        self.attempts.get_mut(&id).is_some_and(|attempt| attempt.set_reading(enabled))
    }

    pub(super) fn serve(&mut self, id: AttemptId) -> Option<Action> {
        self.attempts.get_mut(&id)?.serve()
    }

    /// Exchanges for which a request was longer than it said.
    pub(super) fn too_long(&self) -> impl Iterator<Item = usize> {
        let too_long = self.attempts.values().filter(|attempt| attempt.is_too_long);
        too_long.filter_map(|attempt| attempt.exchange)
    }

    /// Every request that arrived, with the client's exchange it belongs to.
    pub(super) fn into_received(mut self) -> Vec<(Option<usize>, Received)> {
        let mut received = Vec::new();
        for id in std::mem::take(&mut self.received) {
            if let Some(attempt) = self.attempts.remove(&id) {
                let cluster = attempt.endpoint.cluster;
                received.push((attempt.exchange, codec::observed(cluster, attempt.request)));
            }
        }
        received
    }
}

/// What becomes of a connection to a server.
pub(super) enum Connection {
    Stands,
    Refused,
    /// The host has given the attempt up meanwhile.
    Unwanted,
}
