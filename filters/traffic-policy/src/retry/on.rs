//! On which events Envoy tries again, by its own names.

use serde::Deserialize;

/// What `x-envoy-retry-on` may say of HTTP requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryOn {
    /// Any 5xx, and no answer at all: no connection, a reset, a timeout.
    #[serde(rename = "5xx")]
    FiveHundreds,
    /// 502, 503 and 504.
    GatewayError,
    /// No answer at all.
    Reset,
    /// A reset before the request was sent.
    ResetBeforeRequest,
    /// No connection.
    ConnectFailure,
    /// `x-envoy-ratelimited` in the answer.
    EnvoyRatelimited,
    /// 409.
    #[serde(rename = "retriable-4xx")]
    Retriable4xx,
    /// A stream that was refused before the server has seen the request.
    RefusedStream,
    /// The statuses that are named beside it.
    RetriableStatusCodes,
    /// The response headers that the route names.
    RetriableHeaders,
    /// A failure after the connection, where that is HTTP/3.
    #[serde(rename = "http3-post-connect-failure")]
    Http3PostConnectFailure,
}

impl RetryOn {
    /// Envoy's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FiveHundreds => "5xx",
            Self::GatewayError => "gateway-error",
            Self::Reset => "reset",
            Self::ResetBeforeRequest => "reset-before-request",
            Self::ConnectFailure => "connect-failure",
            Self::EnvoyRatelimited => "envoy-ratelimited",
            Self::Retriable4xx => "retriable-4xx",
            Self::RefusedStream => "refused-stream",
            Self::RetriableStatusCodes => "retriable-status-codes",
            Self::RetriableHeaders => "retriable-headers",
            Self::Http3PostConnectFailure => "http3-post-connect-failure",
        }
    }
}
