//! What the client of a scenario does.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::fields::ask_upgrade;
use crate::scenario::expect::Expect;
use crate::scenario::observation::MARK;

/// One entry of `steps`.
///
/// A step begins at its time or when the step before it has ended, whichever is later; a step that
/// runs in the background is not waited for.
#[derive(Debug, Clone)]
pub struct Step {
    /// From the start of the scenario.
    pub at: Duration,
    /// What to do.
    pub act: Act,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Act {
    /// The client sends requests.
    Request(Box<RequestStep>),
    /// The listeners drain: connections end with their response, running streams go on.
    Drain,
    /// A plugin gets a new configuration while streams run.
    Update(Update),
}

/// A new configuration for a plugin.
#[derive(Debug, Clone)]
pub struct Update {
    /// The plugin's root id.
    pub plugin: String,
    /// JSON merge patch on the configuration that is in force.
    pub patch: Value,
    /// The plugin must refuse it.
    pub refused: bool,
}

impl Update {
    /// What is wrong when no plugin has the root id.
    pub(super) fn unknown_plugin(&self) -> String {
        format!("found an update of `{}`; no plugin has this root id", self.plugin)
    }
}

impl Step {
    /// The requests, if the step sends any.
    #[must_use]
    pub fn request(&self) -> Option<&RequestStep> {
        match &self.act {
            Act::Request(request) => Some(request),
            Act::Drain | Act::Update(_) => None,
        }
    }
}

/// A step that sends requests.
#[derive(Debug, Clone)]
pub struct RequestStep {
    /// How often, and how.
    pub repetition: Repetition,
    /// The following steps do not wait for the end of this one.
    pub background: bool,
    /// What is sent.
    pub request: Request,
    /// What must come of each.
    pub expect: Expect,
}

impl From<Request> for Step {
    /// At once, a single time, with nothing expected of it but its end.
    fn from(request: Request) -> Self {
        let expect = Expect::default();
        let repetition = Repetition::InTurn(1);
        let step = RequestStep { repetition, background: false, request, expect };
        Self { at: Duration::ZERO, act: Act::Request(Box::new(step)) }
    }
}

impl RequestStep {
    /// How many requests it sends.
    #[must_use]
    pub const fn times(&self) -> usize {
        match self.repetition {
            Repetition::InTurn(times) | Repetition::AtOnce(times) => times,
        }
    }
}

/// How a request is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repetition {
    /// One after the other.
    InTurn(usize),
    /// All at the same time, each on a connection of its own.
    AtOnce(usize),
}

/// The protocol the client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Http {
    /// HTTP/1.0: no chunked bodies, the connection ends with the response.
    V1_0,
    /// HTTP/1.1.
    #[default]
    V1_1,
    /// HTTP/2 with prior knowledge.
    V2,
}

/// One request, complete down to the frames of its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `POST`, `GET`, `CONNECT`, ...
    pub method: String,
    /// With the query; empty for CONNECT.
    pub path: String,
    /// `Host` or `:authority`.
    pub authority: String,
    /// Further header fields, in order.
    pub headers: Vec<(String, String)>,
    /// The body; `None` ends the request with its headers.
    pub body: Option<Bytes>,
    /// Whether the body's length is announced.
    pub content_length: bool,
    /// How the body is cut and when the pieces are sent.
    pub chunks: Chunks,
    /// Fields behind the body.
    pub trailers: Vec<(String, String)>,
    /// The protocol.
    pub http: Http,
    /// Asks for `100 Continue` and waits for it before the body.
    pub expect_continue: bool,
    /// Name of the listener, where there are several.
    pub listener: Option<String>,
    /// The client resets the request after this time.
    pub reset_after: Option<Duration>,
    /// The client waits no longer than this for the end of the response.
    pub give_up_after: Duration,
    /// The head as it is sent, in the place of method, path, authority and headers.
    pub raw: Option<Raw>,
}

/// The head of a request as it is sent: the lines of HTTP/1, or the fields of HTTP/2 as `name: value`.
/// A character up to U+00FF is one byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// In order.
    pub lines: Vec<String>,
}

impl Raw {
    /// The bytes of HTTP/1, with the number of the exchange in a last field, and without the empty line.
    #[must_use]
    pub fn head(&self, number: usize) -> Vec<u8> {
        let mark = format!("{MARK}: {number}");
        let lines = self.lines.iter().chain([&mark]).map(|line| bytes(line));
        lines.collect::<Vec<_>>().join(&b"\r\n"[..])
    }

    /// The fields of HTTP/2, the number of the exchange behind them.
    #[must_use]
    pub fn fields(&self, number: usize) -> Vec<(Bytes, Bytes)> {
        let field = |line: &String| {
            // The first character may be the colon of a pseudo header, or of a name that is missing.
            let start = usize::from(line.starts_with(':') && !line.starts_with(": "));
            let colon = line.get(start..).and_then(|rest| rest.find(':')).map(|at| at + start);
            let (name, value) = line.split_at(colon.unwrap_or(line.len()));
            let value = value.strip_prefix(": ").or(value.strip_prefix(':')).unwrap_or(value);
            (bytes(name).into(), bytes(value).into())
        };
        let mark = (Bytes::from_static(MARK.as_bytes()), Bytes::from(number.to_string()));
        self.lines.iter().map(field).chain([mark]).collect()
    }
}

fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for character in text.chars() {
        match u8::try_from(character) {
            Ok(byte) => bytes.push(byte),
            Err(_) => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    bytes
}

/// How a body is cut into the frames that are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunks {
    /// The sizes.
    pub cut: Cut,
    /// Time between two frames.
    pub every: Duration,
    /// Time between the headers and the first frame.
    pub after: Duration,
    /// The end comes as an empty frame of its own and not with the last byte.
    pub separate_end: bool,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { cut: Cut::Whole, every: Duration::ZERO, after: Duration::ZERO, separate_end: false }
    }
}

/// Where a body is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    /// Not at all.
    Whole,
    /// Into frames of this size; the last may be shorter.
    Frames(usize),
    /// Into frames of these sizes, then the rest.
    Sizes(Vec<usize>),
}

/// The name that the manifests' `match` covers.
const AUTHORITY: &str = "llm.example.com";
/// Longer than anything that ends by itself takes, short enough for a test suite.
const GIVE_UP_AFTER: Duration = Duration::from_secs(5);

impl Request {
    /// A request without a body, over HTTP/1.1.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            authority: AUTHORITY.to_owned(),
            headers: Vec::new(),
            body: None,
            content_length: true,
            chunks: Chunks::default(),
            trailers: Vec::new(),
            http: Http::default(),
            expect_continue: false,
            listener: None,
            reset_after: None,
            give_up_after: GIVE_UP_AFTER,
            raw: None,
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST with a body.
    #[must_use]
    pub fn post(path: &str, body: impl Into<Bytes>) -> Self {
        Self { body: Some(body.into()), ..Self::new("POST", path) }
    }

    /// With one more header field; names are in lower case.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The pieces that the client sends arrive as they were cut: as frames of HTTP/2, or with time between
    /// them. Larger ones are read in parts.
    #[must_use]
    pub fn is_cut_by_the_client(&self) -> bool {
        const APART: Duration = Duration::from_millis(5);
        const READ_AT_ONCE: usize = 16_384;
        let body = self.body.clone().unwrap_or_default();
        let frames = self.chunks.frames(&body, !self.trailers.is_empty());
        let small = frames.iter().all(|frame| frame.data.len() <= READ_AT_ONCE);
        let apart = frames.len() < 2 || self.chunks.every >= APART;
        small && (self.http == Http::V2 || apart)
    }

    /// An upgrade or CONNECT: the body goes through the tunnel, once it is open.
    #[must_use]
    pub fn is_tunnel(&self) -> bool {
        if self.raw.is_some() {
            return false;
        }
        let fields = self.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        // Over HTTP/2 an upgrade is an extended CONNECT, and needs no `connection`.
        let upgrades = if self.http == Http::V2 {
            self.headers.iter().any(|(name, _)| name == "upgrade")
        } else {
            ask_upgrade(fields)
        };
        self.method == "CONNECT" || upgrades
    }
}

impl Chunks {
    /// The frames of `body`, each with the time after the headers at which it is sent and whether
    /// it ends the request. An empty body gives one empty frame that ends it.
    #[must_use]
    pub fn frames(&self, body: &Bytes, trailers_follow: bool) -> Vec<Frame> {
        let mut rest = body.clone();
        let mut frames = Vec::new();
        let mut sizes = match &self.cut {
            Cut::Sizes(sizes) => sizes.clone(),
            Cut::Whole | Cut::Frames(_) => Vec::new(),
        }
        .into_iter();
        let mut at = self.after;
        while !rest.is_empty() {
            let size = match self.cut {
                Cut::Whole => rest.len(),
                Cut::Frames(size) => size.max(1),
                Cut::Sizes(_) => sizes.next().map_or(rest.len(), |size| size.max(1)),
            };
            let data = rest.split_to(size.min(rest.len()));
            frames.push(Frame { at, data, end: false });
            at += self.every;
        }
        let ends_alone = self.separate_end || frames.is_empty();
        if trailers_follow {
            return frames;
        }
        if ends_alone {
            frames.push(Frame { at, data: Bytes::new(), end: true });
        } else if let Some(last) = frames.last_mut() {
            last.end = true;
        }
        frames
    }
}

/// A piece of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// After the headers.
    pub at: Duration,
    /// The bytes.
    pub data: Bytes,
    /// The last one of the request.
    pub end: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(chunks: &Chunks, body: &'static str) -> Vec<(usize, bool)> {
        let frames = chunks.frames(&Bytes::from_static(body.as_bytes()), false);
        frames.iter().map(|frame| (frame.data.len(), frame.end)).collect()
    }

    #[test]
    fn a_whole_body_is_one_frame_that_ends_the_request() {
        assert_eq!(sizes(&Chunks::default(), "abcde"), [(5, true)]);
    }

    #[test]
    fn the_end_can_come_alone() {
        let chunks = Chunks { separate_end: true, cut: Cut::Frames(2), ..Chunks::default() };
        assert_eq!(sizes(&chunks, "abcde"), [(2, false), (2, false), (1, false), (0, true)]);
    }

    #[test]
    fn after_the_named_sizes_comes_the_rest() {
        let chunks = Chunks { cut: Cut::Sizes(vec![1, 2]), ..Chunks::default() };
        assert_eq!(sizes(&chunks, "abcdef"), [(1, false), (2, false), (3, true)]);
    }

    #[test]
    fn frames_are_spread_over_time() {
        let chunks = Chunks {
            cut: Cut::Frames(2),
            every: Duration::from_millis(3),
            after: Duration::from_millis(10),
            ..Chunks::default()
        };
        let frames = chunks.frames(&Bytes::from_static(b"abcde"), false);
        let times: Vec<u128> = frames.iter().map(|frame| frame.at.as_millis()).collect();
        assert_eq!(times, [10, 13, 16]);
    }

    #[test]
    fn an_empty_body_still_ends() {
        assert_eq!(sizes(&Chunks::default(), ""), [(0, true)]);
    }
}
