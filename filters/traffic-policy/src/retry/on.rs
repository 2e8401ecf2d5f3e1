//! On which events Envoy tries again: its own names, and the statuses that classes of errors stand for.

use serde::Deserialize;

use crate::attempt::{Class, Classes};

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

/// The statuses that a class stands for; none where only words can tell.
pub(super) fn statuses(class: Class) -> &'static [u16] {
    match class {
        Class::RateLimited => &[429],
        Class::Overloaded => &[529],
        Class::ServerError => &[500, 501, 502, 503],
        Class::Timeout => &[408, 504],
        Class::Authentication => &[401, 403],
        Class::ContextLength | Class::ContentPolicy | Class::Other => &[],
    }
}

/// What the plugin behind the router answers in the place of an error that has no status of its own.
const REWRITTEN: u16 = 503;

/// All statuses that are tried again, in order.
pub(super) fn all_statuses(named: &[u16], goes_on: Classes) -> Vec<u16> {
    let classes = Class::ALL.into_iter().filter(|class| goes_on.has(*class));
    let mut all: Vec<u16> = classes.flat_map(|class| statuses(class).iter().copied()).collect();
    all.extend(named);
    all.extend((!goes_on.is_empty()).then_some(REWRITTEN));
    all.sort_unstable();
    all.dedup();
    all
}
