//! The simulated proxy, without input and output.
//!
//! A driver feeds what clients and servers send, moves virtual time, and takes [`Effect`]s in return.
//! The same inputs, seed and options give the same effects and the same trace, byte for byte.

use std::net::SocketAddr;

use bytes::Bytes;

use crate::model::{
    EnvoyVersion, GuestFactory, HeaderMap, World,
    config::Config,
    effect::{AttemptId, CalloutId, CalloutOutcome, Effect, StreamId, UpstreamReset},
};

/// Nanoseconds of virtual, monotonic time since the host was made.
pub type Nanos = u64;

/// How the proxy is run.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Worker threads; each plugin VM exists once on each, and once on the main thread.
    pub workers: usize,
    /// Everything random is drawn from it.
    pub seed: u64,
    /// The wall clock at virtual time 0, in nanoseconds since 1970.
    pub start_wall_nanos: u64,
    /// Whether to write a trace.
    pub trace: bool,
    /// Which Envoy is played.
    pub envoy: EnvoyVersion,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self {
            workers: 1,
            seed: 1,
            start_wall_nanos: 1_767_225_600_000_000_000,
            trace: false,
            envoy: EnvoyVersion::default(),
        }
    }
}

/// The protocol that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

/// A new stream on a client's connection.
#[derive(Clone, Debug)]
pub struct OpenStream {
    /// The listener's place in the configuration.
    pub listener: usize,
    /// The worker that accepted the connection.
    pub worker: usize,
    /// What the client speaks.
    pub protocol: Protocol,
    /// The client's address.
    pub peer: SocketAddr,
}

/// Why a host could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StartError {
    /// Which plugin, and what it said.
    pub message: String,
}

/// The simulated proxy.
#[derive(Debug)]
pub struct Host {
    world: World,
}

impl Host {
    /// Makes the proxy: loads every plugin and configures it on every thread.
    ///
    /// # Errors
    /// A module does not load, or a plugin refuses its configuration.
    pub fn new(
        config: &Config,
        options: HostOptions,
        factory: &dyn GuestFactory,
    ) -> Result<Self, StartError> {
        let _ = (config, options, factory);
        Ok(Self { world: World::default() })
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> Nanos {
        0
    }

    /// When something happens next by itself, and what.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Nanos, &'static str)> {
        None
    }

    /// Moves time; everything that falls due on the way happens in order.
    pub fn advance_to(&mut self, at: Nanos) {
        let _ = at;
    }

    /// A client opens a stream.
    pub fn open_stream(&mut self, open: OpenStream) -> StreamId {
        let _ = open;
        StreamId(0)
    }

    /// The client sent request headers.
    pub fn request_headers(&mut self, stream: StreamId, headers: HeaderMap, end_stream: bool) {
        let _ = (stream, headers, end_stream);
    }

    /// The client sent a piece of the request's body.
    pub fn request_data(&mut self, stream: StreamId, data: Bytes, end_stream: bool) {
        let _ = (stream, data, end_stream);
    }

    /// The client sent trailers, which end the request.
    pub fn request_trailers(&mut self, stream: StreamId, trailers: HeaderMap) {
        let _ = (stream, trailers);
    }

    /// The client is gone, or gave the stream up.
    pub fn reset_downstream(&mut self, stream: StreamId) {
        let _ = stream;
    }

    /// A connection for the attempt stands.
    pub fn upstream_connected(&mut self, attempt: AttemptId) {
        let _ = attempt;
    }

    /// The server sent response headers.
    pub fn response_headers(&mut self, attempt: AttemptId, headers: HeaderMap, end_stream: bool) {
        let _ = (attempt, headers, end_stream);
    }

    /// The server sent a piece of the response's body.
    pub fn response_data(&mut self, attempt: AttemptId, data: Bytes, end_stream: bool) {
        let _ = (attempt, data, end_stream);
    }

    /// The server sent trailers, which end the response.
    pub fn response_trailers(&mut self, attempt: AttemptId, trailers: HeaderMap) {
        let _ = (attempt, trailers);
    }

    /// The attempt broke.
    pub fn reset_upstream(&mut self, attempt: AttemptId, reset: UpstreamReset) {
        let _ = (attempt, reset);
    }

    /// A plugin's own request is answered.
    pub fn callout_response(&mut self, call: CalloutId, outcome: CalloutOutcome) {
        let _ = (call, outcome);
    }

    /// The next effect, if there is one; drained after every input.
    pub fn poll(&mut self) -> Option<Effect> {
        None
    }

    /// The state that expectations read.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }
}
