//! What the model asks of its driver, and what it reports.
//!
//! The model does no input or output: bytes come in as calls of [`crate::host::Host`] and go out as
//! effects, which the driver takes one by one.

use std::{fmt, net::SocketAddr, time::Duration};

use bytes::Bytes;

use super::headers::HeaderMap;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $letter:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }
    )*};
}

ids! {
    /// One request and its response on a client's connection.
    StreamId "s";
    /// One try to get a response from an upstream endpoint.
    AttemptId "a";
    /// One request that a plugin sent by itself.
    CalloutId "c";
}

/// Something the driver has to do, or may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Something for the client of a stream.
    Downstream {
        /// Which stream.
        stream: StreamId,
        /// What the client sees.
        event: StreamEvent,
    },
    /// A buffer went over its limit, or was emptied again: stop or go on reading from the client.
    ReadDownstream {
        /// Which stream.
        stream: StreamId,
        /// Whether to read.
        enabled: bool,
    },
    /// Something for an upstream endpoint.
    Upstream {
        /// Which attempt.
        attempt: AttemptId,
        /// The stream it serves.
        stream: StreamId,
        /// What the server sees.
        event: UpstreamEvent,
    },
    /// The client is slow: stop or go on reading from the server.
    ReadUpstream {
        /// Which attempt.
        attempt: AttemptId,
        /// Whether to read.
        enabled: bool,
    },
    /// A plugin sends a request by itself; the answer goes to `Host::callout_response`.
    Callout {
        /// Which call.
        call: CalloutId,
        /// The cluster's name.
        cluster: String,
        /// The endpoint that was chosen.
        endpoint: SocketAddr,
        /// Whether the cluster speaks HTTP/2.
        http2: bool,
        /// Headers, as they go out.
        headers: HeaderMap,
        /// The body.
        body: Bytes,
        /// The model itself fires it; told for information.
        timeout: Option<Duration>,
    },
    /// The answer of a callout is no longer wanted.
    CalloutCancelled {
        /// Which call.
        call: CalloutId,
    },
    /// A stream is over and logged.
    Closed {
        /// Which stream.
        stream: StreamId,
        /// Its access-log entry.
        access: AccessEntry,
    },
}

/// What a client sees of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// `100 Continue`.
    Continue100,
    /// Response headers; true: the response ends here.
    Headers(HeaderMap, bool),
    /// A piece of the body; true: the response ends here.
    Data(Bytes, bool),
    /// Trailers, which end the response.
    Trailers(HeaderMap),
    /// The stream is cut, with Envoy's name for the reason.
    Reset(String),
}

/// How a client ends a stream before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientReset {
    /// Its connection closes.
    Gone,
    /// It cancels an HTTP/2 stream.
    Cancelled,
    /// It resets an HTTP/2 stream because of what it was sent.
    Protocol,
}

/// What an upstream server sees of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamEvent {
    /// Get a connection to this endpoint, and call `Host::upstream_connected` when it stands: only then
    /// the request follows.
    Connect {
        /// The cluster's name.
        cluster: String,
        /// The endpoint that the load balancer chose.
        endpoint: SocketAddr,
        /// Whether the cluster speaks HTTP/2.
        http2: bool,
    },
    /// Request headers; true: the request ends here.
    Headers(HeaderMap, bool),
    /// A piece of the body; true: the request ends here.
    Data(Bytes, bool),
    /// Trailers, which end the request.
    Trailers(HeaderMap),
    /// The attempt is given up.
    Reset,
}

/// How an attempt failed without a response, or in the middle of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamReset {
    /// No connection could be made.
    ConnectFailure,
    /// The connection was not made in time.
    ConnectTimeout,
    /// The server reset the stream.
    RemoteReset,
    /// The server refused the stream before it looked at it (HTTP/2 `REFUSED_STREAM`).
    RemoteRefused,
    /// The connection was closed.
    ConnectionTermination,
    /// The server sent something that is not HTTP.
    ProtocolError,
}

/// How a plugin's own request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalloutOutcome {
    /// A response.
    Response {
        /// Headers with `:status`.
        headers: HeaderMap,
        /// The whole body.
        body: Bytes,
        /// Trailers; empty for none.
        trailers: HeaderMap,
    },
    /// No connection could be made.
    ConnectFailure,
    /// The connection was lost, or the stream cut, before any response headers.
    NoResponse,
    /// The server reset the stream (HTTP/2) before any response headers.
    RemoteReset,
    /// The server could not read the request, or said that it is none.
    Refused(UpstreamReset),
    /// The response was cut in the middle, or was too large.
    Reset,
}

/// What is known of a stream when it is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessEntry {
    /// The code sent to the client; none if none was sent.
    pub response_code: Option<u32>,
    /// `%RESPONSE_FLAGS%`: short names joined by commas, `-` for none.
    pub flags: String,
    /// `%RESPONSE_CODE_DETAILS%`; `-` for none.
    pub details: String,
    /// The access-log lines that the configuration asks for.
    pub lines: Vec<String>,
}
