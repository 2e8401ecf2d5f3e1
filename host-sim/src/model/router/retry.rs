//! Whether an attempt that failed is followed by another one, and after how long.
//!
//! Policy and request headers come together in a [`RetryState`], once, when the request reaches the
//! router. It decides and does nothing: timers, circuit breakers and flags are the caller's.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    bootstrap::route::{ResetFormat, RetryOn, RetryPolicy},
    model::{EnvoyVersion, effect::UpstreamReset, headers::HeaderMap, time::Nanos},
};

const MILLI: Nanos = 1_000_000;
const SECOND: Nanos = 1_000_000_000;

/// What is left of a request's right to be tried again.
#[derive(Debug)]
pub(crate) struct RetryState {
    policy: Arc<RetryPolicy>,
    on: RetryOn,
    remaining: u64,
    codes: Vec<u64>,
    header_names: Vec<Bytes>,
    /// In milliseconds: the next wait is below it.
    interval: u64,
    /// In milliseconds: the server said when to come back.
    asked_interval: Option<u64>,
    /// A retry is under way and counts against the circuit breaker.
    pub(super) is_counted: bool,
}

impl RetryState {
    /// Reads the policy and the headers; none if neither asks for retries.
    pub(super) fn new(
        policy: Option<Arc<RetryPolicy>>,
        headers: &HeaderMap,
        envoy: EnvoyVersion,
    ) -> Option<Self> {
        let policy = policy.unwrap_or_default();
        let http = headers.text("x-envoy-retry-on");
        let grpc = headers.text("x-envoy-retry-grpc-on");
        if http.is_none() && grpc.is_none() && policy.retry_on.is_empty() {
            return None;
        }
        let mut on = policy
            .retry_on
            .and(http.map(RetryOn::parse).unwrap_or_default().of_http())
            .and(grpc.map(RetryOn::parse).unwrap_or_default().of_grpc());
        let wanted = &policy.retriable_request_headers;
        if !wanted.is_empty() && !wanted.iter().any(|one| one.matches(headers, envoy)) {
            on = RetryOn::default();
        }
        let asked = number(headers, "x-envoy-max-retries").filter(|_| !on.is_empty());
        let list = |name: &str| headers.text(name).unwrap_or_default().to_owned();
        let mut codes = policy.retriable_status_codes.clone();
        let more = list("x-envoy-retriable-status-codes");
        codes.extend(more.split(',').filter_map(|code| code.trim().parse::<u64>().ok()));
        let names = list("x-envoy-retriable-header-names").to_ascii_lowercase();
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        Some(Self {
            on,
            remaining: asked.unwrap_or(policy.num_retries),
            codes,
            header_names: names.map(|name| Bytes::from(name.to_owned())).collect(),
            interval: millis(policy.base_interval),
            asked_interval: None,
            is_counted: false,
            policy,
        })
    }

    /// Bodies are kept for later attempts.
    pub(super) fn is_enabled(&self) -> bool {
        !self.on.is_empty()
    }

    pub(super) fn policy(&self) -> &RetryPolicy {
        &self.policy
    }

    /// Whether such a response is worth another attempt.
    pub(super) fn wants_after_headers(&self, headers: &HeaderMap, envoy: EnvoyVersion) -> bool {
        if headers.contains(b"x-envoy-ratelimited") {
            return self.on.has(RetryOn::ENVOY_RATELIMITED);
        }
        let code = number(headers, ":status").unwrap_or(0);
        let matches = || {
            let by_policy = &self.policy.retriable_headers;
            by_policy.iter().any(|one| one.matches(headers, envoy))
                || self.header_names.iter().any(|name| headers.contains(name))
        };
        let grpc = match number(headers, "grpc-status") {
            Some(1) => RetryOn::CANCELLED,
            Some(4) => RetryOn::DEADLINE_EXCEEDED,
            Some(8) => RetryOn::RESOURCE_EXHAUSTED,
            Some(13) => RetryOn::INTERNAL,
            Some(14) => RetryOn::UNAVAILABLE,
            _ => RetryOn::default(),
        };
        self.on.has(RetryOn::SERVER_ERROR) && (500..600).contains(&code)
            || self.on.has(RetryOn::GATEWAY_ERROR) && (502..505).contains(&code)
            || self.on.has(RetryOn::RETRIABLE_4XX) && code == 409
            || self.on.has(RetryOn::RETRIABLE_STATUS_CODES) && self.codes.contains(&code)
            || self.on.has(RetryOn::RETRIABLE_HEADERS) && matches()
            || self.on.has(grpc)
    }

    /// Whether an attempt that ended so is worth another one; none: it timed out.
    pub(super) fn wants_after_reset(&self, reset: Option<UpstreamReset>, began: bool) -> bool {
        let mut enough = RetryOn::RESET.and(RetryOn::SERVER_ERROR).and(RetryOn::GATEWAY_ERROR);
        if !began {
            enough = enough.and(RetryOn::RESET_BEFORE_REQUEST);
        }
        match reset {
            Some(UpstreamReset::ConnectFailure | UpstreamReset::ConnectTimeout) => {
                enough = enough.and(RetryOn::CONNECT_FAILURE);
            }
            Some(UpstreamReset::RemoteRefused) => enough = enough.and(RetryOn::REFUSED_STREAM),
            _ => {}
        }
        self.on.has(enough)
    }

    /// Takes one of the attempts that are left; false: there is none.
    pub(super) fn take(&mut self) -> bool {
        let left = self.remaining.checked_sub(1);
        self.remaining = left.unwrap_or(0);
        left.is_some()
    }

    /// Heeds what the response says about when to come back.
    pub(super) fn note_reset_headers(&mut self, headers: &HeaderMap, wall: Nanos) {
        let now = wall / SECOND;
        let longest = millis(self.policy.reset_max_interval);
        self.asked_interval = self.policy.reset_headers.iter().find_map(|header| {
            let number = number(headers, &header.name)?;
            let seconds = match header.format {
                ResetFormat::Seconds => number,
                ResetFormat::UnixTimestamp => number.checked_sub(now).filter(|left| *left > 0)?,
            };
            let interval = seconds.checked_mul(1000)?;
            (interval > 0 && interval <= longest).then_some(interval)
        });
    }

    /// How long to wait, and whether the server said so.
    pub(super) fn next_wait(&mut self, draw: u64) -> (Nanos, bool) {
        if let Some(least) = self.asked_interval.take() {
            let jitter = draw.checked_rem(least / 2).unwrap_or(0);
            return (least.saturating_add(jitter).saturating_mul(MILLI), true);
        }
        let longest = millis(self.policy.max_interval);
        let wait = draw.checked_rem(self.interval).unwrap_or(0);
        self.interval = self.interval.saturating_mul(2).min(longest);
        (wait.saturating_mul(MILLI), false)
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.text(name)?.trim().parse().ok()
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
