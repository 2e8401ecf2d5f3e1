//! Contexts: the things that a guest keeps state for.
//!
//! A root context is one plugin configuration in one VM; a stream context is one pass of a request
//! through one filter.
//! The windows say which header maps and bodies a stream context can reach at this moment: Envoy hands
//! a filter a pointer while a callback runs or while the filter holds the message, and takes it
//! back when the message moves on.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{
    buffer::Buffer,
    effect::{CalloutId, StreamId},
    grpc,
    headers::HeaderMap,
    time::TimerKey,
};
use crate::abi::ContextId;

/// A context of a VM.
#[derive(Debug)]
pub(crate) enum Context {
    /// One plugin configuration.
    Root(Root),
    /// One stream in one filter.
    Stream(StreamContext),
}

/// A plugin configuration in one VM.
#[derive(Debug)]
pub(crate) struct Root {
    /// Its place among the configured plugins.
    pub(crate) plugin: usize,
    /// `on_configure` runs: the plugin's configuration is readable.
    pub(crate) configuring: bool,
    /// The guest was told of this context.
    pub(crate) created: bool,
    /// No filter configuration uses it any more; only streams may.
    pub(crate) retired: bool,
    /// `on_done` answered false: the context waits for `proxy_done`.
    pub(crate) closing: bool,
    pub(crate) tick_millis: u32,
    pub(crate) tick: Option<TimerKey>,
    /// Calls that wait for an answer, by token.
    pub(crate) calls: BTreeMap<u32, CalloutId>,
    /// The answer that the running callback may read.
    pub(crate) answer: Option<CallAnswer>,
    /// Properties that the plugin has declared; true: to be set once.
    pub(crate) declared: BTreeMap<Vec<u8>, bool>,
    /// gRPC calls and streams, by token.
    pub(crate) grpc: BTreeMap<u32, grpc::Token>,
    /// What the running callback may read of one of them.
    pub(crate) grpc_view: grpc::View,
    /// What `proxy_get_status` says.
    pub(crate) status: (u32, String),
    /// The metrics that it has defined.
    pub(crate) defined: BTreeSet<(u32, String)>,
}

impl Root {
    pub(crate) fn new(plugin: usize) -> Self {
        Self {
            plugin,
            configuring: false,
            created: false,
            retired: false,
            closing: false,
            tick_millis: 0,
            tick: None,
            calls: BTreeMap::new(),
            answer: None,
            declared: BTreeMap::new(),
            grpc: BTreeMap::new(),
            grpc_view: grpc::View::default(),
            status: (0, String::new()),
            defined: BTreeSet::new(),
        }
    }
}

/// The response to a plugin's own request.
#[derive(Debug)]
pub(crate) struct CallAnswer {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Not made by the proxy.
    pub(crate) from_server: bool,
    /// None where the response had none: reading a value is then an error.
    pub(crate) trailers: Option<HeaderMap>,
}

impl CallAnswer {
    /// Whether the next call to the server can use the connection.
    pub(crate) fn leaves_a_connection(&self) -> bool {
        self.from_server && self.headers.text("connection") != Some("close")
    }
}

/// A body as a stream context sees it.
#[derive(Debug, Default)]
pub(crate) enum BodyWindow {
    /// Nothing to see.
    #[default]
    Closed,
    /// The piece that is passing.
    Frame(Buffer),
    /// The same, out of reach since the plugin resumed its stream.
    Passed(Buffer),
    /// What the filter manager holds for this filter.
    Held,
}

/// What a stream context can reach.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    pub(crate) headers: bool,
    pub(crate) trailers: bool,
    pub(crate) body: BodyWindow,
    /// Envoy has a pointer to a piece of the body: from its callback until one returns Continue. After the
    /// callback the piece itself is gone.
    pub(crate) piece: bool,
    /// The last body callback paused: the held body is the window until that is over.
    pub(crate) buffering: bool,
}

/// One stream in one filter.
#[derive(Debug)]
pub(crate) struct StreamContext {
    pub(crate) root: ContextId,
    pub(crate) stream: StreamId,
    /// The filter's place in the chain.
    pub(crate) filter: usize,
    pub(crate) request: Windows,
    pub(crate) response: Windows,
    /// The callback in progress ends its message.
    pub(crate) end_of_stream: bool,
    /// Properties declared by this context, which nothing looks at.
    pub(crate) declared: BTreeMap<Vec<u8>, bool>,
    /// The plugin has answered the stream by itself.
    pub(crate) replied: bool,
    /// `on_log` runs: all maps are readable and none can be changed.
    pub(crate) logging: bool,
}

impl StreamContext {
    pub(crate) fn new(root: ContextId, stream: StreamId, filter: usize) -> Self {
        Self {
            root,
            stream,
            filter,
            request: Windows::default(),
            response: Windows::default(),
            end_of_stream: false,
            declared: BTreeMap::new(),
            replied: false,
            logging: false,
        }
    }
}
