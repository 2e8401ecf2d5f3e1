//! `RetryPolicy`: what is tried again, how often, and after how long.
//!
//! A route's policy takes the place of its virtual host's; the two are never mixed. What request
//! headers add to it is the router's business.

use std::{sync::Arc, time::Duration};

use super::{
    super::{
        connection_manager::timeout,
        message::{CURE, Message},
    },
    HeaderMatcher, matcher,
};
use crate::yaml::{Error, Reader};

/// What is tried again.
#[derive(Debug, Clone)]
pub struct RetryPolicy {
    /// `retry_on`
    pub retry_on: RetryOn,
    /// `num_retries`, 1 by default.
    pub num_retries: u64,
    /// `per_try_timeout`: until the response headers of each try.
    pub per_try_timeout: Option<Duration>,
    /// Statuses for `retriable-status-codes`.
    pub retriable_status_codes: Vec<u64>,
    /// Response headers for `retriable-headers`; one has to match.
    pub retriable_headers: Vec<HeaderMatcher>,
    /// Where there are any, one has to match the request, or nothing is tried again.
    pub retriable_request_headers: Vec<HeaderMatcher>,
    /// `retry_back_off.base_interval`, 25 milliseconds by default.
    pub base_interval: Duration,
    /// `retry_back_off.max_interval`, ten times the base interval by default.
    pub max_interval: Duration,
    /// Response headers that say when to come back, in order.
    pub reset_headers: Vec<ResetHeader>,
    /// What these headers may ask for at most, 5 minutes by default; more is not heeded.
    pub reset_max_interval: Duration,
    /// `envoy.retry_host_predicates.previous_hosts`: another endpoint, if there is one.
    pub avoid_previous_hosts: bool,
    /// How often another endpoint is drawn for that.
    pub host_selection_attempts: u32,
}

/// A response header that says when to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetHeader {
    /// Lower case.
    pub name: String,
    /// What its number is.
    pub format: ResetFormat,
}

/// What the number in a [`ResetHeader`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResetFormat {
    /// Seconds from now.
    Seconds,
    /// Seconds since 1970.
    UnixTimestamp,
}

/// A set of conditions, as `retry_on` and the headers `x-envoy-retry-on` and
/// `x-envoy-retry-grpc-on` name them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryOn(u32);

macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident = $bit:literal $word:literal;)*) => {
        impl RetryOn {
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*
            const WORDS: &'static [(&'static str, Self)] = &[$(($word, Self::$name)),*];
        }
    };
}

conditions! {
    /// A 5xx, or no response.
    SERVER_ERROR = 0 "5xx";
    /// 502, 503 or 504, or no response.
    GATEWAY_ERROR = 1 "gateway-error";
    /// No response.
    RESET = 2 "reset";
    /// No response, and nothing of the request was sent.
    RESET_BEFORE_REQUEST = 3 "reset-before-request";
    /// No connection.
    CONNECT_FAILURE = 4 "connect-failure";
    /// 409.
    RETRIABLE_4XX = 5 "retriable-4xx";
    /// The server refused the stream.
    REFUSED_STREAM = 6 "refused-stream";
    /// One of the policy's or the request's statuses.
    RETRIABLE_STATUS_CODES = 7 "retriable-status-codes";
    /// One of the policy's or the request's headers.
    RETRIABLE_HEADERS = 8 "retriable-headers";
    /// The response has `x-envoy-ratelimited`.
    ENVOY_RATELIMITED = 9 "envoy-ratelimited";
    /// Something that only HTTP/3 has.
    HTTP3_POST_CONNECT_FAILURE = 10 "http3-post-connect-failure";
    /// gRPC status 1.
    CANCELLED = 11 "cancelled";
    /// gRPC status 4.
    DEADLINE_EXCEEDED = 12 "deadline-exceeded";
    /// gRPC status 8.
    RESOURCE_EXHAUSTED = 13 "resource-exhausted";
    /// gRPC status 13.
    INTERNAL = 14 "internal";
    /// gRPC status 14.
    UNAVAILABLE = 15 "unavailable";
}

/// Where the words of gRPC begin.
const GRPC: u32 = RetryOn::CANCELLED.0;

impl RetryOn {
    /// Reads a list of words; those that are unknown are left out, as Envoy does.
    #[must_use]
    pub fn parse(list: &str) -> Self {
        let known = |word: &str| Self::WORDS.iter().find(|(own, _)| *own == word.trim());
        Self(list.split(',').filter_map(known).fold(0, |set, (_, one)| set | one.0))
    }

    /// Those of `x-envoy-retry-on`.
    #[must_use]
    pub fn of_http(self) -> Self {
        Self(self.0 & (GRPC - 1))
    }

    /// Those of `x-envoy-retry-grpc-on`.
    #[must_use]
    pub fn of_grpc(self) -> Self {
        Self(self.0 & !(GRPC - 1))
    }

    /// Whether one of `others` is in the set.
    #[must_use]
    pub fn has(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }

    /// Both sets.
    #[must_use]
    pub fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Nothing is tried again.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The policy of a route without one.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retry_on: RetryOn::default(),
            num_retries: 1,
            per_try_timeout: None,
            retriable_status_codes: Vec::new(),
            retriable_headers: Vec::new(),
            retriable_request_headers: Vec::new(),
            base_interval: BASE_INTERVAL,
            max_interval: BASE_INTERVAL.saturating_mul(10),
            reset_headers: Vec::new(),
            reset_max_interval: RESET_MAX,
            avoid_previous_hosts: false,
            host_selection_attempts: 1,
        }
    }
}

const BASE_INTERVAL: Duration = Duration::from_millis(25);
const RESET_MAX: Duration = Duration::from_secs(300);

const NAME: &str = "envoy.config.route.v3.RetryPolicy";

pub(super) fn read(reader: &Reader<'_>) -> Result<Arc<RetryPolicy>, Error> {
    let mut message = Message::read(reader, NAME)?;
    let m = &mut message;
    let mut policy = RetryPolicy {
        retry_on: m.or("retry_on", RetryOn::default(), retry_on)?,
        num_retries: m.or("num_retries", 1, |number| number.integer::<u32>().map(u64::from))?,
        per_try_timeout: m.or("per_try_timeout", None, timeout)?,
        retriable_status_codes: m
            .each("retriable_status_codes", |code| code.integer::<u32>().map(u64::from))?,
        retriable_headers: m.each("retriable_headers", matcher::header)?,
        retriable_request_headers: m.each("retriable_request_headers", matcher::header)?,
        avoid_previous_hosts: !m.each("retry_host_predicate", previous_hosts)?.is_empty(),
        host_selection_attempts: m.or("host_selection_retry_max_attempts", 1, Reader::integer)?,
        ..RetryPolicy::default()
    };
    m.maybe("retry_back_off", |reader| back_off(reader, &mut policy))?;
    m.maybe("rate_limited_retry_back_off", |reader| rate_limited(reader, &mut policy))?;
    message.finish()?;
    Ok(Arc::new(policy))
}

fn retry_on(reader: &Reader<'_>) -> Result<RetryOn, Error> {
    let text = reader.string()?;
    let unknown = |word: &&str| RetryOn::parse(word).is_empty();
    if let Some(word) = text.split(',').map(str::trim).filter(|word| !word.is_empty()).find(unknown)
    {
        let known: Vec<&str> = RetryOn::WORDS.iter().map(|(word, _)| *word).collect();
        // Envoy leaves it out without a word.
        return Err(reader.invalid(&format!("`{word}`"), &known.join(", "), "correct it"));
    }
    Ok(RetryOn::parse(text))
}

const PREVIOUS_HOSTS: &str = "envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate";

fn previous_hosts(reader: &Reader<'_>) -> Result<(), Error> {
    let mut message =
        Message::read(reader, "envoy.config.route.v3.RetryPolicy.RetryHostPredicate")?;
    message.required("name")?.name()?;
    Message::unpack(&message.required("typed_config")?, &[PREVIOUS_HOSTS])?.finish()?;
    message.finish()
}

fn back_off(reader: &Reader<'_>, policy: &mut RetryPolicy) -> Result<(), Error> {
    let mut message = Message::read(reader, "envoy.config.route.v3.RetryPolicy.RetryBackOff")?;
    // Envoy rounds what is below a millisecond up to one.
    let millis = |r: &Reader<'_>| Ok(r.seconds_above_zero()?.max(Duration::from_millis(1)));
    policy.base_interval = millis(&message.required("base_interval")?)?;
    let longest = policy.base_interval.saturating_mul(10);
    policy.max_interval = message.or("max_interval", longest, millis)?;
    message.finish()?;
    if policy.max_interval < policy.base_interval {
        let found = "a `max_interval` below `base_interval`";
        return Err(reader.invalid(found, "at least as much", "raise it"));
    }
    Ok(())
}

fn rate_limited(reader: &Reader<'_>, policy: &mut RetryPolicy) -> Result<(), Error> {
    let mut message =
        Message::read(reader, "envoy.config.route.v3.RetryPolicy.RateLimitedRetryBackOff")?;
    policy.reset_headers = message.each("reset_headers", |reader| {
        let mut message = Message::read(reader, "envoy.config.route.v3.RetryPolicy.ResetHeader")?;
        let formats =
            [("SECONDS", ResetFormat::Seconds), ("UNIX_TIMESTAMP", ResetFormat::UnixTimestamp)];
        let header = ResetHeader {
            name: message.required("name")?.name()?.to_ascii_lowercase(),
            format: message.or("format", ResetFormat::Seconds, |format| format.choice(&formats))?,
        };
        message.finish()?;
        Ok(header)
    })?;
    policy.reset_max_interval = message.or("max_interval", RESET_MAX, Reader::seconds)?;
    message.finish()?;
    if policy.reset_headers.is_empty() {
        return Err(reader.not_modelled("no `reset_headers`", "one or more", CURE));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_with_spaces_and_unknown_ones_are_left_out() {
        let set = RetryOn::parse("5xx, reset,nonsense ,unavailable");
        assert!(set.has(RetryOn::SERVER_ERROR) && set.has(RetryOn::RESET));
        assert!(!set.has(RetryOn::GATEWAY_ERROR));
        assert!(
            set.of_grpc().has(RetryOn::UNAVAILABLE) && !set.of_http().has(RetryOn::UNAVAILABLE)
        );
        assert!(RetryOn::parse("nonsense").is_empty());
    }
}
