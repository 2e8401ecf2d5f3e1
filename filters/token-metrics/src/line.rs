//! One line of JSON for each request, for those who have no access log to read or want it by machine.
//!
//! It has names of the configuration, numbers and fixed words. Nothing in it was in a body, except
//! that a name of the configuration was.

use serde::Serialize;
use traffic_policy::stream::StreamOutcome;

/// What is known before the answer.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) labels: Vec<(&'static str, String)>,
    pub(crate) api: &'static str,
}

/// The line.
#[derive(Debug, Serialize)]
struct Fields<'a> {
    event: &'static str,
    api: &'a str,
    #[serde(flatten)]
    labels: std::collections::BTreeMap<&'a str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    r#type: &'a str,
    outcome: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    tokens: std::collections::BTreeMap<&'a str, u64>,
    duration_ms: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers_ms: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_byte_ms: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_token_ms: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue_ms: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_token_us: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens_per_second: Option<u64>,
    longest_gap_ms: u128,
    stalls: u32,
}

impl Line {
    /// Writes it into the proxy's log.
    pub(crate) fn write(&self, outcome: &StreamOutcome) {
        if let Ok(line) = serde_json::to_string(&self.fields(outcome)) {
            log::info!("{line}");
        }
    }

    fn fields<'a>(&'a self, outcome: &'a StreamOutcome) -> Fields<'a> {
        let times = &outcome.times;
        let milliseconds = |span: std::time::Duration| span.as_millis();
        let per_token_us = outcome.per_token().map(|span| span.as_micros());
        let counts = outcome.tokens.as_ref().map(|tokens| &tokens.counts);
        Fields {
            event: "llm_request",
            api: self.api,
            labels: self.labels.iter().map(|(key, value)| (*key, value.as_str())).collect(),
            status: outcome.status,
            r#type: outcome.kind.as_str(),
            outcome: outcome.outcome.as_str(),
            finish_reason: outcome.answer.finish.map(|finish| finish.as_str()),
            source: outcome.tokens.as_ref().map(|tokens| tokens.source.as_str()),
            tokens: counts.into_iter().flat_map(|counts| counts.by_type()).collect(),
            duration_ms: milliseconds(times.end),
            headers_ms: times.headers.map(milliseconds),
            first_byte_ms: times.first_byte.map(milliseconds),
            first_token_ms: times.to_first_token().map(milliseconds),
            queue_ms: times.queued.map(milliseconds),
            per_token_us,
            tokens_per_second: per_token_us
                .filter(|us| *us > 0)
                .and_then(|us| u64::try_from(1_000_000 / us).ok()),
            longest_gap_ms: milliseconds(outcome.longest_gap),
            stalls: outcome.stalls,
        }
    }
}
