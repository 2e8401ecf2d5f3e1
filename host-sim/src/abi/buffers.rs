//! Which buffer a hostcall means.

/// Bytes that a callback is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum BufferType {
    /// The request's body, or the piece of it at hand.
    RequestBody = 0,
    /// The response's body, or the piece of it at hand.
    ResponseBody = 1,
    /// Bytes from a TCP client.
    DownstreamData = 2,
    /// Bytes from a TCP server.
    UpstreamData = 3,
    /// The body of the answer to an HTTP call.
    HttpCallResponseBody = 4,
    /// A gRPC message.
    GrpcReceive = 5,
    /// The VM's configuration.
    VmConfiguration = 6,
    /// The plugin's configuration.
    PluginConfiguration = 7,
    /// Arguments of a foreign function.
    CallData = 8,
}

impl BufferType {
    /// Reads a guest's number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::RequestBody,
            1 => Self::ResponseBody,
            2 => Self::DownstreamData,
            3 => Self::UpstreamData,
            4 => Self::HttpCallResponseBody,
            5 => Self::GrpcReceive,
            6 => Self::VmConfiguration,
            7 => Self::PluginConfiguration,
            8 => Self::CallData,
            _ => return None,
        })
    }
}
