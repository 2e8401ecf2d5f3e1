//! Finds out how many tokens a server says that a prompt had.
//!
//! An answer is read as it streams by, and only its `usage` is looked into: at the top of a JSON
//! body, or of the events of a stream, where Anthropic has it in `message` and the Responses API in
//! `response`. Nothing of the answer is kept. An event whose JSON is broken is passed over; one
//! that the end of the stream keeps from being complete is believed as soon as its JSON is. The last usage wins, because some servers count as they go.
//!
//! # What counts
//! `prompt_tokens` is the whole prompt, whether or not some of it came from a cache; so is
//! `input_tokens` of the Responses API. Anthropic's `input_tokens` leaves out what was read from a
//! cache or written to one, which stands beside it and is added.

use crate::events::{EventParser, EventSink};
use crate::json::{Content, Inside, Reader, Scalar, Visitor};

/// How an answer is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// One JSON object.
    Json,
    /// Server-sent events.
    Events,
}

impl Framing {
    /// That of an answer with these headers; `None` for an error, for what is compressed, and for
    /// content that has no usage.
    #[must_use]
    pub fn of_answer(
        status: Option<&[u8]>,
        content_encoding: Option<&[u8]>,
        content_type: Option<&[u8]>,
    ) -> Option<Self> {
        let is_plain =
            content_encoding.is_none_or(|coding| coding.eq_ignore_ascii_case(b"identity"));
        let is_answer = status == Some(b"200") && is_plain;
        content_type.filter(|_| is_answer).and_then(Self::of)
    }

    /// That of a content type; `None` for those that have no usage.
    #[must_use]
    pub fn of(content_type: &[u8]) -> Option<Self> {
        let mut parts = content_type.split(|byte| *byte == b';');
        let kind = parts.next().unwrap_or_default().trim_ascii();
        if kind.eq_ignore_ascii_case(b"application/json") {
            Some(Self::Json)
        } else if kind.eq_ignore_ascii_case(b"text/event-stream") {
            Some(Self::Events)
        } else {
            None
        }
    }
}

/// Reads one answer.
#[derive(Debug)]
pub struct UsageScanner {
    /// How a stream is cut into events; none for a JSON body.
    events: Option<EventParser>,
    object: Object,
}

/// The body, or the event that is being read.
#[derive(Debug)]
struct Object {
    reader: Reader,
    /// What follows cannot be read.
    lost: bool,
    found: Found,
    /// What was reported before.
    before: Option<u64>,
}

/// As deep as answers are read; logprobs and tool calls nest less than ten levels.
const MAX_DEPTH: usize = 64;

/// The longest name that means something, `cache_creation_input_tokens`, has 27 bytes.
const LONGEST_NAME: usize = 32;

impl UsageScanner {
    /// A scanner for an answer with this framing.
    #[must_use]
    pub fn new(framing: Framing) -> Self {
        let events = match framing {
            Framing::Json => None,
            Framing::Events => Some(EventParser::default()),
        };
        Self { events, object: Object::new(None) }
    }

    /// Reads the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        match &mut self.events {
            None => self.object.data(bytes),
            Some(events) => events.feed(bytes, &mut self.object),
        }
    }

    /// How many tokens the prompt had, as far as was said until now.
    #[must_use]
    pub fn prompt_tokens(&self) -> Option<u64> {
        self.object.prompt_tokens()
    }
}

impl Object {
    fn new(before: Option<u64>) -> Self {
        let reader = Reader::new(MAX_DEPTH, LONGEST_NAME);
        Self { reader, lost: false, found: Found::default(), before }
    }

    /// What was reported, here or before; of this one once it is whole.
    fn prompt_tokens(&self) -> Option<u64> {
        let is_whole = self.reader.is_complete() && !self.lost;
        is_whole.then(|| self.found.prompt_tokens()).flatten().or(self.before)
    }
}

impl EventSink for Object {
    fn data(&mut self, part: &[u8]) {
        self.lost = self.lost || self.reader.feed(part, &mut self.found).is_err();
    }

    fn dispatch(&mut self) {
        *self = Self::new(self.prompt_tokens());
    }
}

/// What one JSON object said.
#[derive(Debug, Default)]
struct Found {
    /// How many containers are open, and whether the innermost is the usage.
    depth: u8,
    in_usage: bool,
    /// What the name just read stands for.
    named: Named,
    /// The whole prompt.
    prompt: Option<u64>,
    /// The same as Anthropic counts it, and what it leaves out.
    input: Option<u64>,
    cache_read: u64,
    cache_creation: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Named {
    #[default]
    Other,
    /// An object that may have the usage in it.
    Envelope,
    Usage,
    Prompt,
    Input,
    CacheRead,
    CacheCreation,
}

impl Found {
    fn prompt_tokens(&self) -> Option<u64> {
        let cached = self.cache_read.saturating_add(self.cache_creation);
        self.prompt.or_else(|| self.input.map(|input| input.saturating_add(cached)))
    }
}

impl Visitor for Found {
    fn key(&mut self, key: Option<&[u8]>) {
        self.named = match (key.unwrap_or_default(), self.in_usage) {
            (b"message" | b"response", false) if self.depth == 1 => Named::Envelope,
            (b"usage", false) => Named::Usage,
            (b"prompt_tokens", true) => Named::Prompt,
            (b"input_tokens", true) => Named::Input,
            (b"cache_read_input_tokens", true) => Named::CacheRead,
            (b"cache_creation_input_tokens", true) => Named::CacheCreation,
            _ => Named::Other,
        };
    }

    fn object(&mut self, _: u64) -> Inside {
        let named = std::mem::take(&mut self.named);
        match (self.depth, named) {
            (0, _) | (1, Named::Envelope) => {}
            (1 | 2, Named::Usage) => self.in_usage = true,
            _ => return Inside::Nothing,
        }
        self.depth += 1;
        Inside::Events
    }

    fn array(&mut self) -> Inside {
        Inside::Nothing
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.in_usage = false;
    }

    fn string(&mut self) -> Content {
        Content::Nothing
    }

    fn value(&mut self, _: Option<&[u8]>, _: std::ops::Range<u64>) {}

    fn bytes(&mut self, _: &[u8]) {}

    fn bytes_end(&mut self) {}

    fn scalar(&mut self, scalar: Scalar, _: std::ops::Range<u64>) {
        let Scalar::Number(number) = scalar else { return };
        let Some(count) = number.count() else { return };
        match self.named {
            Named::Prompt => self.prompt = Some(count),
            Named::Input => self.input = Some(count),
            Named::CacheRead => self.cache_read = count,
            Named::CacheCreation => self.cache_creation = count,
            Named::Other | Named::Envelope | Named::Usage => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found, however the answer is cut.
    fn found(framing: Framing, answer: &str) -> Option<u64> {
        let read = |pieces: &mut dyn Iterator<Item = &[u8]>| {
            let mut scanner = UsageScanner::new(framing);
            pieces.for_each(|piece| scanner.feed(piece));
            scanner.prompt_tokens()
        };
        let bytes = answer.as_bytes();
        let whole = read(&mut [bytes].into_iter());
        assert_eq!(read(&mut bytes.chunks(1)), whole, "byte by byte: {answer}");
        for at in 0..bytes.len() {
            let (a, b) = bytes.split_at(at);
            assert_eq!(read(&mut [a, b].into_iter()), whole, "cut at {at}: {answer}");
        }
        whole
    }

    fn json(answer: &str) -> Option<u64> {
        found(Framing::Json, answer)
    }

    fn events(answer: &str) -> Option<u64> {
        found(Framing::Events, answer)
    }

    #[test]
    fn each_api_reports_in_its_own_words() {
        assert_eq!(
            json(
                r#"{"id":"x","choices":[{"message":{"content":"hi","usage":{"prompt_tokens":1}}}],
                "usage":{"prompt_tokens":42,"completion_tokens":7,"prompt_tokens_details":{"cached_tokens":40}}}"#
            ),
            Some(42)
        );
        assert_eq!(
            json(
                r#"{"output":[],"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":1}}"#
            ),
            Some(9)
        );
        assert_eq!(
            json(
                r#"{"type":"message","usage":{"cache_creation_input_tokens":100,"cache_read_input_tokens":2000,"input_tokens":7,"output_tokens":3}}"#
            ),
            Some(2107)
        );
    }

    #[test]
    fn what_is_elsewhere_or_no_count_is_not_believed() {
        for answer in [
            r#"{"prompt_tokens":5}"#,
            r#"{"choices":[{"usage":{"prompt_tokens":5}}]}"#,
            r#"{"a":{"usage":{"prompt_tokens":5}}}"#,
            r#"{"usage":{"a":{"prompt_tokens":5}}}"#,
            r#"{"usage":{"a":{}},"prompt_tokens":5}"#,
            r#"{"usage":[{"prompt_tokens":5}]}"#,
            r#"{"usage":null,"x":{"prompt_tokens":5}}"#,
            r#"{"text":"\"usage\":{\"prompt_tokens\":5}"}"#,
            r#"{"usage":{"prompt_tokens":-5}}"#,
            r#"{"usage":{"prompt_tokens":"5"}}"#,
            r#"{"usage":{"prompt_tokens":5}"#,
            r#"[{"usage":{"prompt_tokens":5}}]"#,
            "",
        ] {
            assert_eq!(json(answer), None, "{answer}");
        }
    }

    #[test]
    fn a_stream_reports_at_its_end_or_at_its_beginning() {
        assert_eq!(
            events(
                "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}],\"usage\":null}\n\ndata: {\"choices\":[],\"usage\":{\"prompt_tokens\":42}}\n\ndata: [DONE]\n\n"
            ),
            Some(42)
        );
        assert_eq!(
            events(
                "event: message_start\r\ndata:{\"message\":{\"usage\":{\"input_tokens\":5,\"cache_read_input_tokens\":6}}}\r\n\r\nevent: message_delta\r\ndata: {\"usage\":{\"output_tokens\":15}}\r\n\r\n"
            ),
            Some(11)
        );
        assert_eq!(
            events(
                ": hello\nevent: response.completed\ndata: {\"response\":{\"usage\":{\"input_tokens\":9}}}\n\n"
            ),
            Some(9)
        );
    }

    #[test]
    fn a_broken_event_spoils_no_other() {
        assert_eq!(
            events(
                "data: {\"usage\":\n\ndata: {\"usage\":{\"prompt_tokens\":1}} x\n\ndate: {\"usage\":{\"prompt_tokens\":2}}\n\ndata: {\"usage\":{\"prompt_tokens\":3}}\n\n{\"usage\":{\"prompt_tokens\":4}}\n\n"
            ),
            Some(3)
        );
    }

    #[test]
    fn what_is_followed_by_junk_is_broken() {
        assert_eq!(events("data: {\"usage\":{\"prompt_tokens\":5}} x\n\n"), None);
        assert_eq!(json(r#"{"usage":{"prompt_tokens":5}}{}"#), None);
        assert_eq!(json("{\"usage\":{\"prompt_tokens\":5}} \n"), Some(5));
    }

    #[test]
    fn an_event_may_have_several_lines_and_the_last_no_end() {
        assert_eq!(events("data: {\"usage\":\rdata: {\"prompt_tokens\":\rdata:5}}\r\r"), Some(5));
        assert_eq!(
            events(
                "data: {\"usage\":{\"prompt_tokens\":1}}\n\ndata: {\"usage\":{\"prompt_tokens\":6}}"
            ),
            Some(6)
        );
    }

    #[test]
    fn errors_and_compressed_answers_report_nothing() {
        let json: &[u8] = b"application/json";
        let framing = |status: &[u8], coding| Framing::of_answer(Some(status), coding, Some(json));
        assert_eq!(framing(b"200", None), Some(Framing::Json));
        assert_eq!(framing(b"200", Some(b"Identity")), Some(Framing::Json));
        assert_eq!(framing(b"200", Some(b"gzip")), None);
        assert_eq!(framing(b"429", None), None);
        assert_eq!(Framing::of_answer(None, None, Some(json)), None);
        assert_eq!(Framing::of_answer(Some(b"200"), None, None), None);
    }

    #[test]
    fn a_content_type_tells_the_framing() {
        assert_eq!(Framing::of(b"application/json; charset=utf-8"), Some(Framing::Json));
        assert_eq!(Framing::of(b"Text/Event-Stream"), Some(Framing::Events));
        assert_eq!(Framing::of(b"text/plain"), None);
        assert_eq!(Framing::of(b""), None);
    }
}
