//! From a reply and a request to timed events.
//!
//! A plan without an end (`End`, `Reset`, `Close`) is meant: the server falls silent there.
//! Framing is left to whoever plays the plan: `content-length` is among the headers when the length
//! is known, `transfer-encoding` never is.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::{
    answer::Answer,
    anthropic, openai_chat, openai_completions, openai_embeddings, openai_responses,
    received::{Api, Asked, Received},
    refusal,
    script::{Fault, Reply, Shape},
    sse::SseEvent,
};
use crate::fields::{Fields, field};

/// What a server does, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The events.
    pub events: Vec<TimedEvent>,
}

/// One event and the time to wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimedEvent {
    /// Time since the event before it; for the first one, since the request (see [`super::AnswerAt`]).
    pub after: Duration,
    /// What happens.
    pub event: Event,
}

/// What a server can do to a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Status and header fields.
    Headers {
        /// The status code.
        status: u16,
        /// The fields, without pseudo headers.
        fields: Fields,
    },
    /// A piece of the body.
    Data(Bytes),
    /// Trailers.
    Trailers(Fields),
    /// The response is complete.
    End,
    /// The stream is reset; with HTTP/1.1 the connection closes.
    Reset,
    /// The connection closes.
    Close,
    /// From here on, what the client sends comes back, until the client ends.
    Echo,
}

impl Reply {
    /// Whether the answer waits for the end of the request.
    #[must_use]
    pub fn waits_for_body(&self) -> bool {
        self.answer_at == super::AnswerAt::RequestEnd && self.reply != Shape::Tunnel
    }

    /// The status for this attempt of the client's request.
    fn status_for(&self, request: &Received) -> u16 {
        let count = request.header_text("x-envoy-attempt-count");
        let attempt: usize = count.and_then(|count| count.parse().ok()).unwrap_or(1);
        let by_attempt = self.by_attempt.get(attempt.saturating_sub(1)).or(self.by_attempt.last());
        by_attempt.copied().unwrap_or(self.status)
    }

    /// What this reply does to a request.
    #[must_use]
    pub fn plan(&self, request: &Received) -> Plan {
        if !self.by_attempt.is_empty() {
            let status = self.status_for(request);
            return Self { status, by_attempt: Vec::new(), ..self.clone() }.plan(request);
        }
        let mut plan = Builder::default();
        plan.wait(self.headers_after);
        match self.fault {
            Some(Fault::Silence) => return Plan::default(),
            Some(Fault::ResetBeforeHeaders) => {
                plan.push(Event::Reset);
                return plan.done();
            }
            _ => {}
        }
        if self.reply == Shape::Tunnel {
            let (status, fields) = self.accept_tunnel(request);
            plan.push(Event::Headers { status, fields });
            plan.push(Event::Echo);
            return plan.done();
        }
        let content = self.content(request);
        if !content.streams {
            plan.wait(content.generation);
        }
        let mut fields: Fields = vec![field("content-type", &content.media_type)];
        if let Some(length) = content.length {
            fields.push(field("content-length", &length.to_string()));
        }
        for (name, value) in &self.headers {
            let name = name.to_ascii_lowercase();
            fields.retain(|(key, _)| key != name.as_bytes());
            fields.push(field(&name, value));
        }
        plan.push(Event::Headers { status: self.status, fields });
        if request.method != "HEAD" {
            plan.body(content.pieces, self.frame_bytes, self.between_frames);
        }
        match content.end {
            Some(Event::End) if !self.trailers.is_empty() => {
                let trailers = self.trailers.iter().map(|(name, value)| field(name, value));
                plan.push(Event::Trailers(trailers.collect()));
                plan.push(Event::End);
            }
            Some(end) => {
                if end != Event::End {
                    plan.wait(self.between_frames);
                }
                plan.push(end);
            }
            None => {}
        }
        plan.done()
    }

    fn accept_tunnel(&self, request: &Received) -> (u16, Fields) {
        let mut fields: Fields = Vec::new();
        let upgrade = request.header_text("upgrade");
        if let Some(protocol) = &upgrade {
            fields.push(field("upgrade", protocol));
            fields.push(field("connection", "upgrade"));
        }
        fields.extend(self.headers.iter().map(|(name, value)| field(name, value)));
        (if upgrade.is_some() { 101 } else { self.status }, fields)
    }

    fn api(&self, request: &Received) -> Api {
        match self.reply {
            Shape::Chat => Api::ChatCompletions,
            Shape::Completion => Api::Completions,
            Shape::Embedding => Api::Embeddings,
            Shape::Response => Api::Responses,
            Shape::Message => Api::Messages,
            Shape::Models => Api::Models,
            Shape::Auto | Shape::Echo | Shape::Tunnel => request.api(),
        }
    }

    /// The body and how it goes wrong.
    fn content(&self, request: &Received) -> Content {
        let api = self.api(request);
        let json = request.json();
        let asked = Asked::of(&json);
        let answer = Answer::new(self, &asked, request.number());
        if self.status < 400 && self.body.is_none() && self.reply != Shape::Echo && asked.stream {
            let events = match api {
                Api::ChatCompletions => Some(openai_chat::events(&answer, &asked)),
                Api::Completions => Some(openai_completions::events(&answer, &asked)),
                Api::Responses => Some(openai_responses::events(&answer)),
                Api::Messages => Some(anthropic::events(&answer)),
                Api::Embeddings | Api::Models | Api::Unknown => None,
            };
            if let Some(events) = events {
                return self.stream(api, events);
            }
        }
        let gaps = u32::try_from(answer.generated().saturating_sub(1)).unwrap_or(u32::MAX);
        let generation = self.first_token_after + self.between_tokens.saturating_mul(gaps);
        let (media_type, bytes) = match (&self.body, self.reply) {
            (Some(body), _) => ("text/plain".to_owned(), Bytes::from(body.clone())),
            (None, Shape::Echo) => (
                request.header_text("content-type").unwrap_or_else(|| "text/plain".to_owned()),
                Bytes::from(request.body.clone()),
            ),
            (None, _) => {
                let value = match api {
                    _ if self.status >= 400 => refusal::body(api, self.status),
                    // Who has said 200 has not refused the request.
                    _ if self.fault == Some(Fault::ErrorEvent) => refusal::body(api, 500),
                    Api::ChatCompletions => openai_chat::whole(&answer),
                    Api::Completions => openai_completions::whole(&answer),
                    Api::Embeddings => openai_embeddings::whole(&answer),
                    Api::Responses => openai_responses::whole(&answer),
                    Api::Messages => anthropic::whole(&answer),
                    Api::Models => openai_embeddings::models(&answer),
                    Api::Unknown => serde_json::json!({}),
                };
                ("application/json".to_owned(), Bytes::from(value.to_string()))
            }
        };
        self.whole(media_type, bytes, generation)
    }

    /// A body that is sent in one piece, or half of it when it goes wrong.
    fn whole(&self, media_type: String, bytes: Bytes, generation: Duration) -> Content {
        let half = bytes.slice(..bytes.len() / 2);
        let length = Some(bytes.len());
        let (length, bytes, end) = match self.fault {
            None | Some(Fault::ErrorEvent | Fault::Silence | Fault::ResetBeforeHeaders) => {
                (length, bytes, Some(Event::End))
            }
            Some(Fault::Truncate) => (None, half, Some(Event::End)),
            Some(Fault::Empty) => (Some(0), Bytes::new(), Some(Event::End)),
            Some(Fault::Stall) => (length, half, None),
            Some(Fault::Reset) => (length, half, Some(Event::Reset)),
            Some(Fault::Close) => (length, half, Some(Event::Close)),
        };
        // With trailers a length would forbid them in HTTP/1.1.
        let length = length.filter(|_| self.trailers.is_empty());
        let pieces = vec![(Duration::ZERO, bytes)];
        Content { media_type, length, pieces, end, streams: false, generation }
    }

    /// A stream of events, cut short when it goes wrong.
    fn stream(&self, api: Api, events: Vec<SseEvent>) -> Content {
        let (keep, end) = match self.fault {
            None | Some(Fault::Silence | Fault::ResetBeforeHeaders) => (None, Some(Event::End)),
            Some(Fault::Empty) => (Some(None), Some(Event::End)),
            Some(Fault::ErrorEvent | Fault::Truncate) => {
                (Some(Some(self.after_tokens)), Some(Event::End))
            }
            Some(Fault::Stall) => (Some(Some(self.after_tokens)), None),
            Some(Fault::Reset) => (Some(Some(self.after_tokens)), Some(Event::Reset)),
            Some(Fault::Close) => (Some(Some(self.after_tokens)), Some(Event::Close)),
        };
        let mut pieces = Vec::new();
        let mut tokens = 0_usize;
        for event in events {
            match keep {
                Some(None) => break,
                Some(Some(limit)) if event.token && tokens >= limit => break,
                _ => {}
            }
            let after = match (event.token, tokens) {
                (false, _) => Duration::ZERO,
                (true, 0) => self.first_token_after,
                (true, _) => self.between_tokens,
            };
            tokens += usize::from(event.token);
            pieces.push((after, event.bytes));
        }
        if self.fault == Some(Fault::ErrorEvent) {
            pieces.push((self.between_tokens, refusal::event(api).bytes));
        }
        let media_type = "text/event-stream".to_owned();
        let generation = Duration::ZERO;
        // A body that is over before it begins is announced as one by every HTTP/1 library.
        let is_empty = self.fault == Some(Fault::Empty) && self.trailers.is_empty();
        let length = is_empty.then_some(0);
        Content { media_type, length, pieces, end, streams: true, generation }
    }
}

struct Content {
    media_type: String,
    length: Option<usize>,
    pieces: Vec<(Duration, Bytes)>,
    end: Option<Event>,
    streams: bool,
    generation: Duration,
}

/// Collects events; waiting adds up until the next one.
#[derive(Default)]
struct Builder {
    plan: Plan,
    waiting: Duration,
}

impl Builder {
    fn wait(&mut self, time: Duration) {
        self.waiting += time;
    }

    fn push(&mut self, event: Event) {
        let after = std::mem::take(&mut self.waiting);
        self.plan.events.push(TimedEvent { after, event });
    }

    /// Data frames: one for each piece, or of `frame_bytes` each whatever the pieces.
    fn body(
        &mut self,
        pieces: Vec<(Duration, Bytes)>,
        frame_bytes: Option<usize>,
        between: Duration,
    ) {
        let size = frame_bytes.map(|size| size.max(1));
        let mut rest = BytesMut::new();
        let mut is_first = true;
        for (after, bytes) in pieces {
            self.wait(after);
            let Some(size) = size else {
                if !bytes.is_empty() {
                    self.push(Event::Data(bytes));
                }
                continue;
            };
            rest.extend_from_slice(&bytes);
            while rest.len() >= size {
                let frame = rest.split_to(size).freeze();
                self.wait(if is_first { Duration::ZERO } else { between });
                is_first = false;
                self.push(Event::Data(frame));
            }
        }
        if !rest.is_empty() {
            self.wait(if is_first { Duration::ZERO } else { between });
            self.push(Event::Data(rest.freeze()));
        }
    }

    fn done(self) -> Plan {
        self.plan
    }
}

#[cfg(test)]
mod tests;
