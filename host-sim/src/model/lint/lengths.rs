//! Bodies whose length is not what their headers announce.
//!
//! A plugin that replaces a body has to correct `content-length`, or remove it. With HTTP/2 the peer
//! ends the stream with an error, with HTTP/1.1 it waits for bytes that never come, or takes those
//! that are too many for the next message.

use std::collections::BTreeMap;

use super::Lint;
use crate::model::{
    chain::Kind,
    effect::{AttemptId, Effect, StreamEvent, StreamId, UpstreamEvent},
    headers::HeaderMap,
    world::World,
};

/// A message on its way out of the proxy: of a stream to its client, or of one of its attempts.
type Message = (StreamId, Option<AttemptId>);

/// What was announced, and what has passed.
#[derive(Debug, Default)]
pub(crate) struct Lengths(BTreeMap<Message, (u64, u64)>);

impl World {
    /// Looks at what leaves the proxy.
    pub(crate) fn lint_length(&mut self, effect: &Effect) {
        match effect {
            Effect::Downstream { stream, event } => {
                let message = (*stream, None);
                match event {
                    StreamEvent::Headers(headers, end) => {
                        let bodiless = matches!(headers.text(":status"), Some("204" | "304"))
                            || self.streams.at(*stream).chain.is_head;
                        if !bodiless {
                            self.announce(message, headers, *end);
                        }
                    }
                    StreamEvent::Data(data, end) => self.pass(message, data.len(), *end),
                    StreamEvent::Trailers(_) => self.pass(message, 0, true),
                    StreamEvent::Reset(_) => drop(self.lints.lengths.0.remove(&message)),
                    StreamEvent::Continue100 => {}
                }
            }
            Effect::Upstream { attempt, stream, event } => {
                let message = (*stream, Some(*attempt));
                match event {
                    UpstreamEvent::Headers(headers, end) => {
                        self.announce(message, headers, *end);
                    }
                    UpstreamEvent::Data(data, end) => self.pass(message, data.len(), *end),
                    UpstreamEvent::Trailers(_) => self.pass(message, 0, true),
                    UpstreamEvent::Reset => drop(self.lints.lengths.0.remove(&message)),
                    UpstreamEvent::Connect { .. } => {}
                }
            }
            // What has not ended by now never will.
            Effect::Closed { stream, .. } => {
                let ends = (*stream, None)..(StreamId(stream.0.saturating_add(1)), None);
                let ended: Vec<Message> =
                    self.lints.lengths.0.range(ends).map(|(message, _)| *message).collect();
                for message in ended {
                    self.lints.lengths.0.remove(&message);
                }
            }
            Effect::ReadDownstream { .. }
            | Effect::ReadUpstream { .. }
            | Effect::Callout { .. }
            | Effect::CalloutCancelled { .. } => {}
        }
    }

    fn announce(&mut self, message: Message, headers: &HeaderMap, end: bool) {
        let length = headers.text("content-length").and_then(|length| length.parse().ok());
        let Some(length) = length else { return };
        self.lints.lengths.0.insert(message, (length, 0));
        if end {
            self.pass(message, 0, true);
        }
    }

    fn pass(&mut self, message: Message, bytes: usize, end: bool) {
        let Some((announced, passed)) = self.lints.lengths.0.get_mut(&message) else { return };
        *passed += bytes as u64;
        let (announced, passed) = (*announced, *passed);
        if !end {
            return;
        }
        self.lints.lengths.0.remove(&message);
        let plugins = self.plugins_of(message.0);
        if announced != passed && !plugins.is_empty() {
            let what = if message.1.is_none() { "response" } else { "request" };
            let detail = format!(
                "a {what} behind {} left with `content-length: {announced}` and {passed} bytes; \
                 set it, or remove it, where the body is changed",
                plugins.join(", ")
            );
            self.note(Lint::ContentLength, detail);
        }
    }

    fn plugins_of(&mut self, stream: StreamId) -> Vec<String> {
        let filters = self.streams.at(stream).chain.filters.iter();
        let places: Vec<usize> = filters
            .filter_map(|filter| match &filter.kind {
                Kind::Plugin(plugin) => Some(plugin.plugin),
                Kind::Router | Kind::Credential(_) | Kind::Codec => None,
            })
            .collect();
        let plugins = places.iter().filter_map(|place| self.config.plugins.get(*place));
        plugins.map(|plugin| format!("`{}`", plugin.name)).collect()
    }
}
