//! What a scenario expects: of one exchange, and of the whole run.
//!
//! Only state can be expected (status, headers, bodies, what upstreams received, metrics, filter
//! state, log lines and the absence of each), never an order of hostcalls: a filter may be written
//! anew without its scenarios changing. That a line is in the simulator's trace can be expected,
//! for what no other host shows.

use std::time::Duration;

use bytes::Bytes;
use regex::Regex;
use serde_json::Value;

use crate::scenario::observation::Ended;

/// A condition on a text.
#[derive(Debug, Clone)]
pub enum TextMatch {
    /// The whole text.
    Exact(String),
    /// A part of it.
    Contains(String),
    /// A regular expression that matches somewhere in it.
    Matches(Regex),
    /// There is a value, whatever it is.
    Present,
}

impl TextMatch {
    /// Whether `text` fulfils the condition.
    #[must_use]
    pub fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Exact(wanted) => text == wanted,
            Self::Contains(part) => text.contains(part.as_str()),
            Self::Matches(pattern) => pattern.is_match(text),
            Self::Present => true,
        }
    }
}

impl std::fmt::Display for TextMatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(wanted) => write!(f, "`{wanted}`"),
            Self::Contains(part) => write!(f, "a text with `{part}` in it"),
            Self::Matches(pattern) => write!(f, "a text that matches /{pattern}/"),
            Self::Present => f.write_str("any value"),
        }
    }
}

/// A condition on a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The smallest value that is accepted.
    pub at_least: i64,
    /// The largest value that is accepted.
    pub at_most: i64,
}

impl Range {
    /// Exactly one value.
    #[must_use]
    pub const fn exactly(value: i64) -> Self {
        Self { at_least: value, at_most: value }
    }

    /// Whether `value` lies in it.
    #[must_use]
    pub const fn accepts(self, value: i64) -> bool {
        self.at_least <= value && value <= self.at_most
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.at_least, self.at_most) {
            (low, high) if low == high => write!(f, "{low}"),
            (low, i64::MAX) => write!(f, "at least {low}"),
            (i64::MIN, high) => write!(f, "at most {high}"),
            (low, high) => write!(f, "{low} to {high}"),
        }
    }
}

/// Conditions on a body. All that are given must hold.
#[derive(Debug, Clone, Default)]
pub struct BodyExpect {
    /// The whole body.
    pub equals: Option<BodyEquals>,
    /// Parts that must be in it.
    pub contains: Vec<String>,
    /// Parts that must not be in it.
    pub absent: Vec<String>,
    /// JSON that the body must have at the same places; what is not mentioned is free.
    pub json: Option<Value>,
}

/// What a whole body is compared with.
#[derive(Debug, Clone)]
pub enum BodyEquals {
    /// The body that the client sent in this step.
    Sent,
    /// These bytes.
    Bytes(Bytes),
}

/// Conditions on header fields.
#[derive(Debug, Clone, Default)]
pub struct FieldsExpect {
    /// Fields that must be there, with a condition on the joined values.
    pub present: Vec<(String, TextMatch)>,
    /// Names that must not be there.
    pub absent: Vec<String>,
}

/// Conditions on every request that one cluster received in a step.
#[derive(Debug, Clone, Default)]
pub struct UpstreamExpect {
    /// The request method.
    pub method: Option<TextMatch>,
    /// The path with its query.
    pub path: Option<TextMatch>,
    /// Request headers.
    pub headers: FieldsExpect,
    /// Request trailers.
    pub trailers: FieldsExpect,
    /// The request body.
    pub body: BodyExpect,
    /// Whether the end of the request must have arrived.
    pub complete: Option<bool>,
}

/// Conditions on one exchange.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    /// The response's status.
    pub status: Option<u16>,
    /// Interim responses, in order.
    pub interim: Option<Vec<u16>>,
    /// Response headers.
    pub headers: FieldsExpect,
    /// Response trailers.
    pub trailers: FieldsExpect,
    /// Response body.
    pub body: BodyExpect,
    /// How it must end; when it is not said, it must end `complete`.
    pub ended: Option<Ended>,
    /// How long it may take to its end.
    pub within: Option<Duration>,
    /// How long it must take at least.
    pub not_before: Option<Duration>,
    /// How long the response headers may take.
    pub headers_within: Option<Duration>,
    /// How many requests each cluster received because of it.
    pub upstream_requests: Vec<(String, Range)>,
    /// What those requests were.
    pub upstream: Vec<(String, UpstreamExpect)>,
    /// The access log's response flags.
    pub flags: Option<TextMatch>,
    /// The access log's response code details.
    pub details: Option<TextMatch>,
    /// Texts of which each must be in some line that the configuration's own access logs wrote.
    pub access_log: Vec<TextMatch>,
    /// What plugins left in filter state, by Envoy's key (`wasm.` before the plugin's own).
    pub filter_state: FieldsExpect,
}

/// Conditions on the whole run.
#[derive(Debug, Clone, Default)]
pub struct Finally {
    /// Change of plugin metrics over the run.
    pub metrics: Vec<(String, Range)>,
    /// Parts of which each must be in some log line.
    pub logs_contain: Vec<TextMatch>,
    /// Parts of which each must be in exactly one log line.
    pub logs_once: Vec<TextMatch>,
    /// Parts that must be in no log line.
    pub logs_absent: Vec<TextMatch>,
    /// Parts of which each must be in some line of the simulator's trace; Envoy has none.
    pub trace_contains: Vec<TextMatch>,
    /// Parts that must be in no line of the simulator's trace.
    pub trace_absent: Vec<TextMatch>,
    /// How many streams may still be open; when it is not said, none.
    pub open_streams: Option<Range>,
    /// How many requests of plugins (callouts) each cluster received.
    pub callouts: Vec<(String, Range)>,
}
