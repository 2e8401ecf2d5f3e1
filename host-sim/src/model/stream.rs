//! One request and its response: what Envoy keeps for a stream, from its first byte to its log line.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

use super::{
    chain::Chain,
    config::Manager,
    effect::StreamId,
    flag::Flags,
    hcm::Arrival,
    headers::HeaderMap,
    route::Route,
    router::Router,
    time::{Nanos, TimerKey},
};
use crate::host::Protocol;

/// Headers and trailers of one direction; they stay here while filters look at them.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) headers: Option<HeaderMap>,
    pub(crate) trailers: Option<HeaderMap>,
}

/// A stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) id: StreamId,
    /// Set for the filters of an attempt: the client's stream that they serve.
    pub(crate) parent: Option<StreamId>,
    /// Of the filters of an attempt: what of the answer has become the client's.
    pub(crate) handed_on: HandedOn,
    pub(crate) listener: usize,
    pub(crate) worker: usize,
    pub(crate) protocol: Protocol,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) manager: Option<Arc<Manager>>,
    pub(crate) request: Message,
    pub(crate) response: Message,
    pub(crate) chain: Chain,
    pub(crate) info: StreamInfo,
    pub(crate) route: CachedRoute,
    /// What decides among weighted clusters: the same number however often the route is chosen.
    pub(crate) route_draw: Option<u64>,
    pub(crate) router: Router,
    pub(crate) connection: ConnectionView,
    pub(crate) arrival: Arrival,
    pub(crate) idle_timer: Option<TimerKey>,
    pub(crate) idle_timeout: Option<Nanos>,
    pub(crate) request_timer: Option<TimerKey>,
}

/// Which maps of an attempt's answer the client's stream has. Envoy moves a map and copies nothing, so a filter
/// of the attempt that still reaches it changes what the client's filters hold.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HandedOn {
    pub(crate) headers: bool,
    pub(crate) trailers: bool,
}

/// What a stream does to the connection it lives on.
#[derive(Debug, Default)]
pub(crate) struct ConnectionView {
    /// The connection ends with this response.
    pub(crate) closing: bool,
    /// An upgrade or CONNECT was let through the chain.
    pub(crate) upgraded: bool,
}

/// The route of a stream, until a header changes.
#[derive(Clone, Debug, Default)]
pub(crate) enum CachedRoute {
    /// To be chosen when somebody asks.
    #[default]
    Unknown,
    /// Chosen; none if nothing matches.
    Known(Option<Arc<Route>>),
}

/// What access logs and properties tell about a stream.
#[derive(Debug, Default)]
pub(crate) struct StreamInfo {
    pub(crate) start: Nanos,
    pub(crate) start_wall: u64,
    pub(crate) end: Option<Nanos>,
    pub(crate) response_code: Option<u32>,
    pub(crate) details: Option<String>,
    pub(crate) flags: Flags,
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
    /// Objects by full name; those that plugins set start with `wasm.`.
    pub(crate) filter_state: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Those of them that cannot be set again.
    pub(crate) set_once: BTreeSet<Vec<u8>>,
    /// The route when it was last chosen; clearing the cache does not clear it.
    pub(crate) route: Option<Arc<Route>>,
    /// The cluster of the route that was chosen last, if there is such a cluster.
    pub(crate) cluster: Option<String>,
    pub(crate) upstream: UpstreamInfo,
    /// The client's address, as forwarded headers and trust tell it.
    pub(crate) remote: Option<SocketAddr>,
}

/// What is known of the upstream side.
#[derive(Clone, Debug, Default)]
pub(crate) struct UpstreamInfo {
    pub(crate) cluster: Option<String>,
    pub(crate) address: Option<SocketAddr>,
    pub(crate) attempts: u32,
    pub(crate) failure: Option<String>,
    pub(crate) first_sent: Option<Nanos>,
    pub(crate) first_received: Option<Nanos>,
    pub(crate) last_received: Option<Nanos>,
}

/// All streams, and the filter chains of attempts.
///
/// A stream that ends stays until the driver's input is dealt with, so that code up the stack still
/// finds it; afterwards late events find `nobody`, a destroyed stream on which everything is a no-op.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    live: BTreeMap<StreamId, Stream>,
    /// Those that are to be buried: most inputs end none, and there may be thousands.
    ended: Vec<StreamId>,
    nobody: Stream,
    opened: u64,
}

impl Streams {
    /// The number for the next stream; 0 is nobody's.
    pub(crate) fn next_id(&mut self) -> StreamId {
        self.opened += 1;
        StreamId(self.opened)
    }

    pub(crate) fn insert(&mut self, stream: Stream) {
        self.live.insert(stream.id, stream);
    }

    pub(crate) fn get(&self, id: StreamId) -> Option<&Stream> {
        self.live.get(&id)
    }

    pub(crate) fn at(&mut self, id: StreamId) -> &mut Stream {
        self.live.get_mut(&id).unwrap_or_else(|| {
            self.nobody.chain.destroyed = true;
            &mut self.nobody
        })
    }

    /// The client's stream: this one, or the one that the filters of an attempt serve.
    pub(crate) fn owner_of(&self, id: StreamId) -> StreamId {
        self.live.get(&id).and_then(|stream| stream.parent).unwrap_or(id)
    }

    /// The client's stream of a stream.
    pub(crate) fn owner_at(&mut self, id: StreamId) -> &mut Stream {
        self.at(self.owner_of(id))
    }

    /// Ends a stream; it is found until the next [`Streams::bury`].
    pub(crate) fn end(&mut self, id: StreamId) {
        self.at(id).chain.destroyed = true;
        self.ended.push(id);
    }

    pub(crate) fn bury(&mut self) {
        for id in self.ended.drain(..) {
            self.live.remove(&id);
        }
    }

    pub(crate) fn ids(&self) -> Vec<StreamId> {
        self.live.keys().copied().collect()
    }

    /// The streams that a worker serves.
    pub(crate) fn of_worker(&self, worker: usize) -> Vec<StreamId> {
        let own =
            self.live.values().filter(|stream| stream.worker == worker && !stream.chain.destroyed);
        own.map(|stream| stream.id).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.live.values().filter(|stream| stream.parent.is_none()).count()
    }
}
