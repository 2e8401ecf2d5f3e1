//! `body`: how a request's body is looked at before its route is chosen.

use std::time::Duration;

use serde::Deserialize;
use traffic_policy::invalid::Invalid;
use traffic_policy::route::Fallback;
use traffic_policy::units::{Size, Span};

/// How the filters get to see a body while the request can still be routed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Access {
    /// The request pauses in this plugin; needs `allow_on_headers_stop_iteration` in the proxy.
    Knob,
    /// The request pauses in the plugin `body-gate`, right behind this one.
    Gate,
    /// The body is not looked at, and nothing ever waits.
    HeadersOnly,
}

/// The settings of `body`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Body {
    pub(crate) access: Access,
    pub(crate) inspect_limit: usize,
    pub(crate) decide_within: Duration,
    /// What becomes of a request whose decision needs more than was seen of it.
    pub on_incomplete: Fallback,
    /// What becomes of a request whose body is not what its API takes.
    pub on_malformed: Fallback,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBody {
    access: Option<Access>,
    inspect_limit: Option<Size>,
    decide_within: Option<Span>,
    on_incomplete: Option<Fallback>,
    on_malformed: Option<Fallback>,
}

/// Half of the 1 MiB that a proxy buffers by default: a paused request must never reach that
/// limit, where it would be refused (knob) or stall (gate).
const DEFAULT_INSPECT_LIMIT: Size = Size(512 * 1024);
const DEFAULT_DECIDE_WITHIN: Span = Span(Duration::from_secs(2));

/// Sizes are numbers of 32 bits in a module. What a decision needs stands far before, and a proxy
/// that holds as much for each request needs the memory for it.
const MOST_INSPECTED: u64 = 1 << 30;

impl TryFrom<RawBody> for Body {
    type Error = Invalid;

    fn try_from(raw: RawBody) -> Result<Self, Invalid> {
        let limit = raw.inspect_limit.unwrap_or(DEFAULT_INSPECT_LIMIT).0;
        if limit == 0 || limit > MOST_INSPECTED {
            return Err(Invalid::new(
                "inspect_limit",
                format!(
                    "found {limit} bytes; allowed 1B to 1GiB; stay below the proxy's per_connection_buffer_limit_bytes"
                ),
            ));
        }
        let within = raw.decide_within.unwrap_or(DEFAULT_DECIDE_WITHIN).0;
        if within < Duration::from_millis(10) || within > Duration::from_secs(300) {
            return Err(Invalid::new(
                "decide_within",
                format!(
                    "found {within:?}; allowed 10ms to 300s; a client that sends slower than this is routed by what it has sent"
                ),
            ));
        }
        Ok(Self {
            access: raw.access.unwrap_or(Access::Gate),
            inspect_limit: usize::try_from(limit).unwrap_or(usize::MAX),
            decide_within: within,
            on_incomplete: raw.on_incomplete.unwrap_or(Fallback::RouteDefault),
            on_malformed: raw.on_malformed.unwrap_or(Fallback::RouteDefault),
        })
    }
}
