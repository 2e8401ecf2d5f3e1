//! The arguments of hostcalls that have too many for a parameter list.

/// Header-like pairs as a guest passes them: any bytes, any order.
pub type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// A response that a plugin gives by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalReply {
    /// The response code.
    pub status: u32,
    /// Response code details, for the access log.
    pub details: Vec<u8>,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// Added to the response's headers.
    pub headers: Pairs,
    /// The status of a gRPC response; outside 0..=16 for none.
    pub grpc_status: i32,
}

impl LocalReply {
    /// A reply of the proxy's own, without a body.
    pub(crate) fn bare(status: u32, details: &str) -> Self {
        Self { status, details: details.into(), grpc_status: -1, ..Self::default() }
    }

    /// A reply of the proxy's own.
    pub(crate) fn text(status: u32, body: &str, details: &str) -> Self {
        Self { body: body.into(), ..Self::bare(status, details) }
    }
}

/// A request that a plugin sends by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpCall {
    /// The cluster's name.
    pub upstream: Vec<u8>,
    /// Request headers; `:path`, `:method` and `:authority` must be among them.
    pub headers: Pairs,
    /// The request's body.
    pub body: Vec<u8>,
    /// Accepted, and not sent.
    pub trailers: Pairs,
    /// 0: no limit. Beyond `i32::MAX`: refused.
    pub timeout_ms: u32,
}

/// A unary gRPC call that a plugin makes by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrpcCall {
    /// A serialised `GrpcService`, or a cluster's name.
    pub service: Vec<u8>,
    /// The full name of the gRPC service.
    pub service_name: Vec<u8>,
    /// The method.
    pub method: Vec<u8>,
    /// Metadata sent with the call.
    pub initial_metadata: Pairs,
    /// The message.
    pub message: Vec<u8>,
    /// 0: no limit.
    pub timeout_ms: u32,
}

/// A gRPC stream that a plugin opens by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrpcStream {
    /// A serialised `GrpcService`, or a cluster's name.
    pub service: Vec<u8>,
    /// The full name of the gRPC service.
    pub service_name: Vec<u8>,
    /// The method.
    pub method: Vec<u8>,
    /// Metadata sent when the stream opens.
    pub initial_metadata: Pairs,
}
