//! What the model knows of one VM instance: its contexts, and what waits until its guest has returned.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
};

use super::{
    call::LocalReply, context::Context, effect::StreamId, guest::VmSpec, metric::MetricIds,
    thread::Thread,
};
use crate::abi::ContextId;

/// The place of a VM in the world's list; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct VmId(pub(crate) usize);

impl fmt::Display for VmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vm{}", self.0)
    }
}

/// Which half of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// The request, on its way to the upstream.
    Decode,
    /// The response, on its way to the client.
    Encode,
}

/// What a guest asked for that cannot happen while it is on the stack.
#[derive(Clone, Debug)]
pub(crate) enum AfterCall {
    /// Go on with a stream that this filter paused.
    Continue { stream: StreamId, filter: usize, side: Side },
    /// Cut a stream.
    Reset { stream: StreamId },
    /// Answer a stream.
    Reply { stream: StreamId, reply: LocalReply },
    /// A gRPC call or stream was over before it began.
    GrpcClose { root: ContextId, token: u32, status: u32, message: String },
    /// A root context that asked for time has had it.
    Delete { root: ContextId },
}

/// One VM instance.
#[derive(Debug)]
pub(crate) struct Vm {
    pub(crate) spec: Arc<VmSpec>,
    /// The place of the spec in the registry: what Envoy calls the VM key.
    pub(crate) key: usize,
    pub(crate) thread: Thread,
    /// Set by a trap; the guest is never called again.
    pub(crate) failed: bool,
    /// A local reply was sent: the answer of the callback in progress does not count.
    pub(crate) stop_iteration: bool,
    pub(crate) contexts: BTreeMap<ContextId, Context>,
    pub(crate) after_call: VecDeque<AfterCall>,
    pub(crate) metrics: MetricIds,
    pub(crate) http_calls: u32,
    pub(crate) grpc_calls: u32,
    pub(crate) grpc_streams: u32,
    next_context: ContextId,
}

impl Vm {
    pub(crate) fn new(spec: Arc<VmSpec>, key: usize, thread: Thread) -> Self {
        Self {
            spec,
            key,
            thread,
            failed: false,
            stop_iteration: false,
            contexts: BTreeMap::new(),
            after_call: VecDeque::new(),
            metrics: MetricIds::default(),
            http_calls: 0,
            grpc_calls: 0,
            grpc_streams: 0,
            next_context: 1,
        }
    }

    /// Numbers count up from 1 in each VM; root contexts and streams share them.
    pub(crate) fn add_context(&mut self, context: Context) -> ContextId {
        let id = self.next_context;
        self.next_context += 1;
        self.contexts.insert(id, context);
        id
    }

    /// The root context that `context` belongs to: itself, or its parent.
    pub(crate) fn root_of(&self, context: ContextId) -> ContextId {
        match self.contexts.get(&context) {
            Some(Context::Stream(stream)) => stream.root,
            Some(Context::Root(_)) | None => context,
        }
    }
}
