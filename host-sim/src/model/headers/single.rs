//! Headers that Envoy keeps in a fixed place of a map, and so has once at most.
//!
//! A second value of such a header is joined to the first with a comma, where that of another header
//! becomes a second entry; plugins see the difference, and so do servers.
//! The lists are those of the stock 1.40 binary, as it answers requests and responses with each header
//! twice. Extensions that are linked in add to them, so another build may have others.

/// Which list holds for a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// Request headers.
    Request,
    /// Response headers.
    Response,
    /// Trailers of either.
    Trailers,
}

impl MapKind {
    /// The name that an entry has in such a map; `name` is lower case. Requests know their host by one
    /// name only.
    pub(crate) fn entry_name(self, name: &[u8]) -> &[u8] {
        if self == Self::Request && name == b"host" { b":authority" } else { name }
    }

    /// Whether such a map has this header once at most; `name` is lower case.
    pub(super) fn has_once(self, name: &[u8]) -> bool {
        let among = |list: &[&str]| list.iter().any(|single| single.as_bytes() == name);
        match self {
            Self::Request => among(PSEUDO) || among(BOTH) || among(REQUEST),
            Self::Response => name == b":status" || among(BOTH) || among(RESPONSE),
            Self::Trailers => among(&["grpc-message", "grpc-status"]),
        }
    }
}

const PSEUDO: &[&str] = &[":authority", ":method", ":path", ":protocol", ":scheme"];

const BOTH: &[&str] = &[
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "keep-alive",
    "proxy-connection",
    "proxy-status",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-request-id",
];

const REQUEST: &[&str] = &[
    "accept",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "authorization",
    "expect",
    "grpc-accept-encoding",
    "grpc-timeout",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "origin",
    "pragma",
    "referer",
    "te",
    "user-agent",
    "x-client-trace-id",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
    "x-envoy-ip-tags",
    "x-envoy-max-retries",
    "x-envoy-original-path",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
];

const RESPONSE: &[&str] = &[
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "age",
    "date",
    "etag",
    "expires",
    "grpc-message",
    "grpc-status",
    "last-modified",
    "location",
    "server",
    "vary",
    "x-envoy-degraded",
    "x-envoy-immediate-health-check-fail",
    "x-envoy-ratelimited",
    "x-envoy-upstream-canary",
    "x-envoy-upstream-healthchecked-cluster",
    "x-envoy-upstream-service-time",
];
