//! Which header map a hostcall means.

/// A map of headers or trailers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum MapType {
    /// The request's headers.
    RequestHeaders = 0,
    /// The request's trailers.
    RequestTrailers = 1,
    /// The response's headers.
    ResponseHeaders = 2,
    /// The response's trailers.
    ResponseTrailers = 3,
    /// Initial metadata of a gRPC call that the plugin made; read-only.
    GrpcInitialMetadata = 4,
    /// Trailing metadata of a gRPC call that the plugin made; read-only.
    GrpcTrailingMetadata = 5,
    /// Headers of the answer to an HTTP call; read-only.
    HttpCallResponseHeaders = 6,
    /// Trailers of the answer to an HTTP call; read-only.
    HttpCallResponseTrailers = 7,
}

impl MapType {
    /// Reads a guest's number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::RequestHeaders,
            1 => Self::RequestTrailers,
            2 => Self::ResponseHeaders,
            3 => Self::ResponseTrailers,
            4 => Self::GrpcInitialMetadata,
            5 => Self::GrpcTrailingMetadata,
            6 => Self::HttpCallResponseHeaders,
            7 => Self::HttpCallResponseTrailers,
            _ => return None,
        })
    }
}
