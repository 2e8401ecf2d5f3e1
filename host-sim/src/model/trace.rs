//! The ordered transcript of a run: callbacks, hostcalls, effects.
//!
//! It is what two runs with the same seed have in common byte for byte, and what a failed expectation
//! prints the last lines of; so it holds virtual instants and nothing from outside the model.

use std::fmt;

use super::{
    effect::{Effect, StreamEvent, UpstreamEvent},
    headers::HeaderMap,
    time::Nanos,
};

/// Lines after which nothing more is written: a guest that is busy for ever must not take all memory.
pub(crate) const LINES_MAX: usize = 4_000_000;

/// The transcript.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    lines: Option<Vec<String>>,
}

impl Trace {
    /// Starts to write.
    pub(crate) fn on() -> Self {
        Self { lines: Some(Vec::new()) }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.lines.is_some()
    }

    pub(crate) fn line(&mut self, now: Nanos, text: fmt::Arguments<'_>) {
        if let Some(lines) = &mut self.lines
            && lines.len() < LINES_MAX
        {
            let (seconds, micros) = (now / 1_000_000_000, now / 1_000 % 1_000_000);
            lines.push(format!("{seconds}.{micros:06} {text}"));
        }
    }

    pub(crate) fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}

/// An effect in one line, bodies by length only.
pub(crate) struct Summary<'a>(pub(crate) &'a Effect);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Effect::Downstream { stream, event } => {
                write!(f, "{stream} to client: ")?;
                match event {
                    StreamEvent::Continue100 => f.write_str("100 Continue"),
                    StreamEvent::Headers(headers, end) => message(f, "headers", headers, *end),
                    StreamEvent::Data(data, end) => body(f, data.len(), *end),
                    StreamEvent::Trailers(trailers) => message(f, "trailers", trailers, true),
                    StreamEvent::Reset(reason) => write!(f, "reset {reason}"),
                }
            }
            Effect::ReadDownstream { stream, enabled } => {
                write!(f, "{stream} read from client: {enabled}")
            }
            Effect::ReadUpstream { attempt, enabled } => {
                write!(f, "{attempt} read from server: {enabled}")
            }
            Effect::Upstream { attempt, stream, event } => {
                write!(f, "{stream} {attempt} to server: ")?;
                match event {
                    UpstreamEvent::Connect { cluster, endpoint, .. } => {
                        write!(f, "connect {cluster} {endpoint}")
                    }
                    UpstreamEvent::Headers(headers, end) => message(f, "headers", headers, *end),
                    UpstreamEvent::Data(data, end) => body(f, data.len(), *end),
                    UpstreamEvent::Trailers(trailers) => message(f, "trailers", trailers, true),
                    UpstreamEvent::Reset => f.write_str("reset"),
                }
            }
            Effect::Callout { call, cluster, headers, body, .. } => {
                write!(f, "{call} to {cluster}: {headers:?} and {} bytes", body.len())
            }
            Effect::CalloutCancelled { call } => write!(f, "{call} cancelled"),
            Effect::Closed { stream, access } => {
                let code = access.response_code.unwrap_or(0);
                write!(f, "{stream} closed: {code} {} {}", access.flags, access.details)
            }
        }
    }
}

fn end(end: bool) -> &'static str {
    if end { ", end" } else { "" }
}

fn message(f: &mut fmt::Formatter<'_>, what: &str, map: &HeaderMap, last: bool) -> fmt::Result {
    write!(f, "{what} {map:?}{}", end(last))
}

fn body(f: &mut fmt::Formatter<'_>, length: usize, last: bool) -> fmt::Result {
    write!(f, "{length} bytes{}", end(last))
}
