//! What model servers answer, made once for each kind and used again: rollouts have hundreds of thousands.
//!
//! An answer comes in two pieces, with its first token and with its last one. So much is what a version is
//! judged by; and each further piece would cost as much again.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};

use crate::model::HeaderMap;
use crate::scenario::sim::attempt::response_headers;
use crate::upstream::{Event, Fault, Received, Reply};

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    Whole,
    /// A status of 500.
    Refused,
    /// An error inside a 200, where the first token would be.
    ErrorEvent,
    /// Without its end marker.
    Truncated,
}

/// What kind of answer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) ending: Ending,
    pub(super) tokens: usize,
    pub(super) finish: &'static str,
    /// The request wants the usage at the end.
    pub(super) usage: bool,
    pub(super) http2: bool,
}

/// An answer that can be sent.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) first: Bytes,
    pub(super) rest: Bytes,
}

/// All that were needed so far.
#[derive(Debug, Default)]
pub(super) struct Answers {
    made: BTreeMap<Kind, Answer>,
}

/// The event that names the role, and the first token.
const FIRST_EVENTS: usize = 2;

impl Answers {
    pub(super) fn of(&mut self, kind: Kind) -> Answer {
        self.made.entry(kind).or_insert_with(|| make(kind)).clone()
    }
}

fn make(kind: Kind) -> Answer {
    let reply = Reply {
        text: Some((0..kind.tokens).map(|token| format!("{token} ")).collect()),
        finish: Some(kind.finish.to_owned()),
        status: if kind.ending == Ending::Refused { 500 } else { 200 },
        fault: match kind.ending {
            Ending::Whole | Ending::Refused => None,
            Ending::ErrorEvent => Some(Fault::ErrorEvent),
            Ending::Truncated => Some(Fault::Truncate),
        },
        after_tokens: if kind.ending == Ending::Truncated { kind.tokens / 2 } else { 0 },
        ..Reply::default()
    };
    let asked = serde_json::json!({
        "model": "m", "stream": true, "messages": [],
        "stream_options": {"include_usage": kind.usage},
    });
    let plan = reply.plan(&Received {
        method: "POST".into(),
        path: "/v1/chat/completions".into(),
        body: asked.to_string().into_bytes(),
        ended: true,
        ..Received::default()
    });
    let mut headers = HeaderMap::new();
    let mut pieces = [BytesMut::new(), BytesMut::new()];
    let mut events = 0;
    for one in plan.events {
        match one.event {
            Event::Headers { status, fields } => {
                headers = response_headers(kind.http2, status, fields);
            }
            Event::Data(data) => {
                let [first, rest] = &mut pieces;
                let piece = if events < FIRST_EVENTS { first } else { rest };
                piece.extend_from_slice(&data);
                events += 1;
            }
            _ => {}
        }
    }
    let [first, rest] = pieces.map(BytesMut::freeze);
    Answer { headers, first, rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(ending: Ending) -> [String; 2] {
        let kind = Kind { ending, tokens: 6, finish: "length", usage: false, http2: false };
        let Answer { first, rest, .. } = Answers::default().of(kind);
        [first, rest].map(|piece| String::from_utf8_lossy(&piece).into_owned())
    }

    #[test]
    fn the_first_piece_has_the_first_token_and_the_last_one_the_end() {
        let [first, rest] = text(Ending::Whole);
        assert!(
            first.contains("\"content\":\"0 ") && !first.contains("\"content\":\"1 "),
            "{first}"
        );
        assert!(rest.contains("\"finish_reason\":\"length\""), "{rest}");
        assert!(rest.ends_with("data: [DONE]\n\n"), "{rest}");
        let [_, cut] = text(Ending::Truncated);
        assert!(!cut.contains("DONE") && !cut.contains("length") && cut.len() > 20, "{cut}");
        let [error, _] = text(Ending::ErrorEvent);
        assert!(error.contains("\"error\"") && !error.contains("\"content\":\"0 "), "{error}");
    }
}
