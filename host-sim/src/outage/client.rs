//! A client: what it still sends, what it has got, and whether it would call that a failure.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::traffic::Request;
use crate::host::Nanos;
use crate::model::effect::StreamEvent;

/// Why a client was not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// A status of 500 or more.
    ServerError,
    /// 429.
    RateLimited,
    /// Another status that is not 200: the file does not serve such requests.
    Refused,
    /// An error event inside a 200.
    ErrorEvent,
    /// The answer ended without its end marker, or was cut.
    Truncated,
    /// No first token as long as it waited, or none after it.
    TooLate,
    /// A piece of the answer was missing, or came twice.
    Garbled,
}

impl Failure {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 7] = [
        Self::ServerError,
        Self::RateLimited,
        Self::Refused,
        Self::ErrorEvent,
        Self::Truncated,
        Self::TooLate,
        Self::Garbled,
    ];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServerError => "server_error",
            Self::RateLimited => "rate_limited",
            Self::Refused => "refused",
            Self::ErrorEvent => "error_event",
            Self::Truncated => "truncated",
            Self::TooLate => "too_late",
            Self::Garbled => "garbled",
        }
    }
}

/// A client and its request.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) number: usize,
    pub(super) prompt_tokens: u64,
    pub(super) began: Nanos,
    pub(super) first_token: Option<Nanos>,
    /// When it got something last.
    pub(super) heard: Nanos,
    /// The proxy reads from it.
    pub(super) may_write: bool,
    /// What it still has to send.
    pub(super) body: VecDeque<Bytes>,
    /// Attempts that reached a server, by the member's place.
    pub(super) attempts: Vec<usize>,
    pieces: usize,
    expected: usize,
    has_end_marker: bool,
    failure: Option<Failure>,
    /// The beginning of an event whose end has not come.
    rest: Vec<u8>,
}

/// What came of a response.
pub(super) type Outcome = Result<(), Failure>;

/// An event of a chat completion's stream, or an error in the place of one.
#[derive(Deserialize)]
struct Chunk {
    error: Option<IgnoredAny>,
    #[serde(default)]
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Delta>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
}

impl Client {
    pub(super) fn new(request: Request, expected: usize, now: Nanos) -> Self {
        Self {
            number: request.number,
            prompt_tokens: request.prompt_tokens,
            began: now,
            first_token: None,
            heard: now,
            may_write: true,
            body: request.body.into(),
            attempts: Vec::new(),
            pieces: 0,
            expected,
            has_end_marker: false,
            failure: None,
            rest: Vec::new(),
        }
    }

    /// Takes what the proxy sends; some outcome: the response is over.
    pub(super) fn accept(&mut self, event: StreamEvent, now: Nanos) -> Option<Outcome> {
        self.heard = now;
        let ended = match event {
            StreamEvent::Continue100 => false,
            StreamEvent::Headers(headers, end) => {
                let status = headers.text(":status").and_then(|status| status.parse().ok());
                self.failure = match status {
                    Some(200_u16) => None,
                    Some(429) => Some(Failure::RateLimited),
                    Some(500..) => Some(Failure::ServerError),
                    _ => Some(Failure::Refused),
                };
                end
            }
            StreamEvent::Data(data, end) => {
                self.read(&data, now);
                end
            }
            StreamEvent::Trailers(_) => true,
            StreamEvent::Reset(_) => {
                self.fail(Failure::Truncated);
                true
            }
        };
        ended.then(|| self.outcome(now))
    }

    /// What it is when nothing more comes.
    fn outcome(&mut self, now: Nanos) -> Outcome {
        let rest = std::mem::take(&mut self.rest);
        self.event(&rest, now);
        if !self.has_end_marker {
            self.fail(Failure::Truncated);
        } else if self.pieces != self.expected {
            self.fail(Failure::Garbled);
        }
        self.failure.map_or(Ok(()), Err)
    }

    fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    fn read(&mut self, data: &[u8], now: Nanos) {
        self.rest.extend_from_slice(data);
        let all = std::mem::take(&mut self.rest);
        let mut rest = all.as_slice();
        while let Some(end) = rest.windows(2).position(|two| two == b"\n\n") {
            let (event, behind) = rest.split_at(end + 2);
            self.event(event, now);
            rest = behind;
        }
        self.rest = rest.to_vec();
    }

    /// An event, or a body in one piece.
    fn event(&mut self, event: &[u8], now: Nanos) {
        let data = event.strip_prefix(b"data: ").unwrap_or(event).trim_ascii();
        if data == b"[DONE]" {
            self.has_end_marker = true;
            return;
        }
        let Ok(chunk) = serde_json::from_slice::<Chunk>(data) else { return };
        if chunk.error.is_some() {
            self.fail(Failure::ErrorEvent);
        }
        let deltas = chunk.choices.into_iter().filter_map(|choice| choice.delta?.content);
        for piece in deltas.filter(|piece| !piece.is_empty()) {
            self.first_token.get_or_insert(now);
            if piece.trim().parse() != Ok(self.pieces) {
                self.fail(Failure::Garbled);
            }
            self.pieces += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HeaderMap;

    fn client(expected: usize) -> Client {
        let request = Request {
            number: 0,
            prompt_tokens: 10,
            peer: ([127, 0, 0, 1], 1).into(),
            headers: HeaderMap::new(),
            body: Vec::new(),
            draw: 0,
        };
        Client::new(request, expected, 0)
    }

    fn headers(status: &str) -> StreamEvent {
        let headers = [(":status".to_owned(), status.to_owned())];
        StreamEvent::Headers(headers.into_iter().collect(), false)
    }

    fn token(piece: usize) -> String {
        format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{piece} \"}}}}]}}\n\n")
    }

    /// What comes of a body that arrives in pieces of so many bytes.
    fn outcome(status: &str, body: &str, size: usize) -> Outcome {
        let mut client = client(2);
        assert_eq!(client.accept(headers(status), 1), None);
        for piece in body.as_bytes().chunks(size) {
            let data = StreamEvent::Data(Bytes::copy_from_slice(piece), false);
            assert_eq!(client.accept(data, 2), None);
        }
        client.accept(StreamEvent::Data(Bytes::new(), true), 3).unwrap()
    }

    #[test]
    fn a_whole_answer_is_none_of_the_failures_however_it_is_cut() {
        let body = format!("{}{}data: [DONE]\n\n", token(0), token(1));
        for size in 1..body.len() {
            assert_eq!(outcome("200", &body, size), Ok(()), "pieces of {size}");
        }
    }

    #[test]
    fn every_failure_has_its_name() {
        let [zero, one] = [token(0), token(1)];
        let done = "data: [DONE]\n\n";
        let error = "data: {\"error\":{\"message\":\"overloaded\"}}\n\n";
        let cases = [
            ("503", "sorry".to_owned(), Failure::ServerError),
            ("429", String::new(), Failure::RateLimited),
            ("404", String::new(), Failure::Refused),
            ("200", format!("{error}{done}"), Failure::ErrorEvent),
            ("200", error.replace("data: ", ""), Failure::ErrorEvent),
            ("200", format!("{zero}{one}"), Failure::Truncated),
            ("200", format!("{zero}{done}"), Failure::Garbled),
            ("200", format!("{zero}{one}{one}{done}"), Failure::Garbled),
            ("200", format!("{one}{zero}{done}"), Failure::Garbled),
        ];
        for (status, body, failure) in cases {
            assert_eq!(outcome(status, &body, 7), Err(failure), "{status} {body}");
        }
        let mut cut = client(1);
        assert_eq!(cut.accept(StreamEvent::Reset("gone".into()), 1), Some(Err(Failure::Truncated)));
    }

    #[test]
    fn the_first_token_is_the_first_event_with_text() {
        let mut client = client(1);
        client.accept(headers("200"), 1);
        let role =
            "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
        client.accept(StreamEvent::Data(role.into(), false), 5);
        assert_eq!(client.first_token, None);
        client.accept(StreamEvent::Data(token(0).into(), false), 9);
        assert_eq!(client.first_token, Some(9));
    }
}
