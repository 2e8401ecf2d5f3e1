//! What Envoy's router makes of a request that a plugin sends by itself.
//!
//! Such a request passes a router of its own, whose route is nothing but the call's time limit. Headers that
//! speak to a router therefore count here too, as those of a request from inside.
//!
//! # Limits
//! A call is one attempt: the caller refuses one that asks to be tried again.

use std::time::Duration;

use super::{
    request::{FOR_THE_ROUTER, NO_STREAM_DURATION, STREAM_DURATION},
    retry::RetryState,
    timeouts::Timeouts,
};
use crate::model::{EnvoyVersion, headers::HeaderMap, time::Nanos};

const NO_RETRIES: &str =
    "retries of a call (`x-envoy-retry-on` in `proxy_http_call`) are not modelled";

/// What its headers asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnRequest {
    /// When it is given up; none: never.
    pub(crate) timeout: Option<Nanos>,
    /// When it is given up before, as long as the server says nothing.
    pub(crate) per_try: Option<Nanos>,
    /// A timeout is told as a 204 without a body.
    pub(crate) times_out_quietly: bool,
    /// What it asks for and the model has not.
    pub(crate) not_modelled: Option<&'static str>,
}

impl OwnRequest {
    /// Takes what is for the router out of the headers, and tells the server how long it has.
    pub(crate) fn take(
        headers: &mut HeaderMap,
        limit: Option<Duration>,
        envoy: EnvoyVersion,
    ) -> Self {
        let retry = RetryState::new(None, headers, envoy);
        let quietly = headers.contains(b"x-envoy-upstream-rq-timeout-alt-response");
        let timeouts = Timeouts::within(headers, limit, None);
        let not_modelled = match retry {
            Some(retry) if retry.is_enabled() => Some(NO_RETRIES),
            _ if headers.contains(STREAM_DURATION.as_bytes()) => Some(NO_STREAM_DURATION),
            _ => None,
        };
        headers.remove_all(&FOR_THE_ROUTER);
        headers.remove(b"x-envoy-expected-rq-timeout-ms");
        timeouts.tell(headers, 0);
        Self {
            timeout: timeouts.global,
            per_try: timeouts.per_try,
            times_out_quietly: quietly,
            not_modelled,
        }
    }
}

impl OwnRequest {
    /// The next limit, and what it counts as.
    pub(crate) fn limit(&self, began: bool) -> Option<(Nanos, &'static str)> {
        let per_try = self.per_try.filter(|_| !began);
        let per_try = per_try.map(|limit| (limit, "upstream_rq_per_try_timeout"));
        per_try.or_else(|| self.timeout.map(|limit| (limit, "upstream_rq_timeout")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::nanos;

    #[test]
    fn headers_shorten_a_call_and_do_not_reach_the_server() {
        let mut headers: HeaderMap = [
            ("x-envoy-upstream-rq-timeout-ms", "50"),
            ("x-envoy-upstream-rq-per-try-timeout-ms", "20"),
            ("x-envoy-upstream-rq-timeout-alt-response", "1"),
            ("x-envoy-retry-on", "5xx"),
        ]
        .into_iter()
        .collect();
        let asked =
            OwnRequest::take(&mut headers, Some(Duration::from_secs(1)), EnvoyVersion::default());
        assert_eq!(
            asked,
            OwnRequest {
                timeout: Some(nanos(Duration::from_millis(50))),
                per_try: Some(nanos(Duration::from_millis(20))),
                times_out_quietly: true,
                not_modelled: Some(NO_RETRIES),
            }
        );
        assert_eq!(headers.text("x-envoy-expected-rq-timeout-ms"), Some("20"));
        assert_eq!(headers.len(), 1);
    }
}
