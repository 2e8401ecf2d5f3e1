//! The client: sends what a step says, at its times, and writes down what comes back.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::library::{self, Heard};
use super::{codec, raw::Body};
use crate::host::Nanos;
use crate::model::HeaderMap;
use crate::model::effect::{ClientReset, StreamEvent, StreamId};
use crate::scenario::observation::{Ended, Exchange, Fields};
use crate::scenario::step::{Frame, Http, Request, RequestStep};

/// The largest DATA frame of an HTTP/2 peer that was not told otherwise.
const HTTP2_FRAME_MAX: usize = 16_384;
/// The most that an Envoy with default limits was seen to read from an HTTP/1.1 client at once.
const HTTP1_READ_MAX: usize = 1_048_420;

/// Every client of a run.
#[derive(Debug, Default)]
pub(super) struct Clients {
    all: Vec<Client>,
    by_stream: BTreeMap<StreamId, usize>,
}

impl Clients {
    pub(super) fn add(&mut self, client: Client) -> usize {
        self.all.push(client);
        self.all.len() - 1
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Client> {
        self.all.get_mut(index)
    }

    /// The client of a stream. Streams are entered on first sight: the host makes their ids.
    pub(super) fn of(&mut self, stream: StreamId) -> Option<usize> {
        if let Some(index) = self.by_stream.get(&stream) {
            return Some(*index);
        }
        let index = self.all.iter().position(|client| client.stream == Some(stream))?;
        self.by_stream.insert(stream, index);
        Some(index)
    }

    pub(super) fn all_ended_of(&self, step: usize) -> bool {
        self.all.iter().filter(|client| client.step == step).all(|client| client.has_ended)
    }

    /// Streams that the host has not logged: for it they are not over.
    pub(super) fn still_unlogged(&self) -> u64 {
        let open = |client: &&Client| client.stream.is_some() && client.exchange.access.is_none();
        self.all.iter().filter(open).count() as u64
    }

    pub(super) fn into_exchanges(self) -> Vec<Exchange> {
        self.all.into_iter().map(Client::into_exchange).collect()
    }
}

/// One client with one request.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) step: usize,
    pub(super) request: Request,
    pub(super) exchange: Exchange,
    /// The host reads from this client.
    pub(super) may_write: bool,
    /// The time of the next frame has come, but it could not be sent.
    pub(super) is_due: bool,
    stream: Option<StreamId>,
    frames: VecDeque<Frame>,
    trailers: Option<HeaderMap>,
    /// Behind the frames comes what cannot be read.
    ends_unreadable: bool,
    waits_for_continue: bool,
    /// An upgrade or CONNECT that nobody has answered yet.
    waits_for_tunnel: bool,
    /// What is sent and received goes through a tunnel.
    pub(super) in_tunnel: bool,
    body: BytesMut,
    /// The headers were an interim response, and the host thinks that they were not.
    heard_interim: bool,
    /// The client closes the connection, because of what it cannot read, or resets the stream.
    breaks: Option<ClientReset>,
    has_ended: bool,
}

/// What a client sends next.
pub(super) enum Sent {
    Data(Bytes, bool),
    Trailers(HeaderMap),
    /// What is no message any more.
    Broken,
    Nothing,
}

impl Client {
    pub(super) fn new(step: usize, round: usize, request: &RequestStep) -> Self {
        let request = request.request.clone();
        let sent = request.body.clone().unwrap_or_default();
        Self {
            step,
            exchange: Exchange { step, round, sent, ..Exchange::default() },
            may_write: true,
            is_due: false,
            stream: None,
            frames: frames(&request),
            trailers: codec::request_trailers(&request),
            ends_unreadable: false,
            waits_for_continue: request.expect_continue,
            waits_for_tunnel: request.is_tunnel(),
            in_tunnel: false,
            body: BytesMut::new(),
            heard_interim: false,
            breaks: None,
            has_ended: false,
            request,
        }
    }

    pub(super) fn begin(&mut self, stream: StreamId, now: Nanos) {
        self.stream = Some(stream);
        self.exchange.began = Duration::from_nanos(now);
    }

    /// The stream, as long as the client takes part in it.
    pub(super) fn open_stream(&self) -> Option<StreamId> {
        self.stream.filter(|_| !self.has_ended)
    }

    pub(super) fn may_send(&self) -> bool {
        self.may_write && !self.waits_for_answer()
    }

    /// The body may not be sent before the host has said something.
    pub(super) fn waits_for_answer(&self) -> bool {
        self.waits_for_continue || self.waits_for_tunnel
    }

    /// This is the body, whatever the request says.
    pub(super) fn send(&mut self, body: Body) {
        self.frames = body.frames;
        self.trailers = body.trailers;
        self.ends_unreadable = body.breaks;
    }

    /// When the next frame is to be sent, from the beginning of the request.
    pub(super) fn next_frame_at(&self) -> Option<Duration> {
        match self.frames.front() {
            Some(frame) => Some(frame.at),
            None => (self.trailers.is_some() || self.ends_unreadable).then_some(Duration::ZERO),
        }
    }

    /// What is left to send are trailers.
    pub(super) fn has_only_trailers(&self) -> bool {
        let apart = self.request.chunks.separate_end;
        self.frames.is_empty() && !self.ends_unreadable && !apart && self.trailers.is_some()
    }

    pub(super) fn take_frame(&mut self) -> Sent {
        match self.frames.pop_front() {
            Some(frame) => Sent::Data(frame.data, frame.end),
            None if std::mem::take(&mut self.ends_unreadable) => Sent::Broken,
            None => self.trailers.take().map_or(Sent::Nothing, Sent::Trailers),
        }
    }

    /// From here on a cut that comes as `NO_ERROR` is the end of the response.
    pub(super) fn has_begun_in_http2(&self) -> bool {
        let has_begun = self.exchange.response.status.is_some();
        self.request.http == Http::V2 && has_begun && !self.has_ended
    }

    /// Writes down what came; true when the exchange is over.
    pub(super) fn accept(&mut self, event: StreamEvent, now: Nanos) -> bool {
        if self.has_ended {
            return false;
        }
        let response = &mut self.exchange.response;
        let took = Duration::from_nanos(now).saturating_sub(self.exchange.began);
        let headers_only = matches!(event, StreamEvent::Headers(_, true));
        let ended = match event {
            StreamEvent::Continue100 => {
                // The client's library hides them in HTTP/2.
                if self.request.http != Http::V2 {
                    response.interim.push(100);
                }
                self.waits_for_continue = false;
                None
            }
            StreamEvent::Headers(headers, end) => self.accept_headers(&headers, end, took),
            StreamEvent::Data(data, end) => self.accept_data(&data, end),
            StreamEvent::Trailers(trailers) if self.request.http == Http::V2 => {
                match library::http2_trailers(trailers) {
                    Ok(trailers) => {
                        response.trailers = codec::fields(&trailers);
                        Some(Ended::Complete)
                    }
                    Err(_) => Some(Ended::Reset),
                }
            }
            StreamEvent::Trailers(trailers) => {
                response.trailers = codec::fields(&trailers);
                Some(Ended::Complete)
            }
            StreamEvent::Reset(_) => Some(Ended::Reset),
        };
        let Some(mut ended) = ended else { return false };
        if ended == Ended::Complete && self.waits_for_more() {
            return false; // As long as the connection stands.
        }
        if ended == Ended::Complete && !self.in_tunnel {
            ended = match self.request.http {
                Http::V2 => self.judged_by_length(headers_only),
                // The connection closes instead.
                _ if self.lacks_something() => Ended::Reset,
                _ => Ended::Complete,
            };
        }
        let response = &mut self.exchange.response;
        response.ended = ended;
        response.took = took;
        self.has_ended = true;
        true
    }

    /// Whether the exchange is over with the headers, and how.
    fn accept_headers(&mut self, headers: &HeaderMap, end: bool, took: Duration) -> Option<Ended> {
        let headers = match library::response(headers, self.request.http == Http::V2) {
            Heard::Message(headers) => headers,
            Heard::Interim(status) => {
                self.exchange.response.interim.push(status);
                self.heard_interim = true;
                return None;
            }
            Heard::Malformed => return self.break_off(ClientReset::Protocol),
            Heard::Unreadable => return self.break_off(ClientReset::Gone),
        };
        // A final answer releases a client that waits for `100 Continue`: it stops sending.
        if self.waits_for_continue {
            self.frames.clear();
            self.trailers = None;
            self.waits_for_continue = false;
        }
        if std::mem::take(&mut self.waits_for_tunnel) {
            let connects = self.request.method == "CONNECT" || self.request.http == Http::V2;
            self.in_tunnel = match headers.text(":status") {
                Some("101") => true,
                Some(status) => connects && status.starts_with('2'),
                None => false,
            };
            if !self.in_tunnel {
                self.frames.clear();
            }
        }
        let response = &mut self.exchange.response;
        codec::response(&self.request, headers, end, response);
        response.headers_after = Some(took);
        if response.status == Some(101) && !self.in_tunnel {
            // A switch that nobody asked for: what follows is not HTTP.
            self.breaks = Some(ClientReset::Gone);
            return Some(Ended::Complete);
        }
        let all_is_back = self.in_tunnel && self.exchange.sent.is_empty();
        (end || all_is_back).then_some(Ended::Complete)
    }

    fn accept_data(&mut self, data: &[u8], end: bool) -> Option<Ended> {
        if self.heard_interim {
            // Where another response should begin there is a body.
            return if data.is_empty() { None } else { self.break_off(ClientReset::Gone) };
        }
        let (length, announced) = (self.body.len() + data.len(), self.announced());
        let announced = announced.filter(|_| !self.in_tunnel).unwrap_or(length);
        let fits = length <= announced && !(end && length < announced);
        if self.request.http == Http::V2 && !data.is_empty() && !fits {
            return self.break_off(ClientReset::Protocol);
        }
        self.body.extend_from_slice(data);
        if self.request.http != Http::V2 {
            self.body.truncate(announced);
        }
        let all_is_back = self.in_tunnel && self.body.len() >= self.exchange.sent.len();
        (end || all_is_back).then_some(Ended::Complete)
    }

    fn break_off(&mut self, how: ClientReset) -> Option<Ended> {
        self.breaks = Some(how);
        Some(Ended::Reset)
    }

    /// How the client ends what it cannot go on with.
    pub(super) fn take_break(&mut self) -> Option<ClientReset> {
        self.breaks.take()
    }

    /// The announced length of the response's body, where it has one.
    fn announced(&self) -> Option<usize> {
        let bodiless = matches!(self.exchange.response.status, Some(100..=199 | 204 | 304));
        let length = self.exchange.response.headers.joined("content-length")?;
        length.parse().ok().filter(|_| !bodiless && self.request.method != "HEAD")
    }

    /// HTTP/1.1, and as much is there as was announced.
    pub(super) fn has_what_was_announced(&self) -> bool {
        self.request.http != Http::V2
            && !self.in_tunnel
            && self.announced().is_some_and(|length| self.body.len() >= length)
    }

    /// HTTP/1.1, and a response that has none, whatever the host still waits for.
    pub(super) fn expects_no_body(&self) -> bool {
        let bodiless = matches!(self.exchange.response.status, Some(204 | 304));
        self.request.http != Http::V2 && !self.in_tunnel && bodiless
    }

    /// HTTP/1.1, and more was announced than came: as long as the connection stands, it may still come.
    fn waits_for_more(&self) -> bool {
        let headers = &self.exchange.response.headers;
        self.request.http != Http::V2
            && !self.in_tunnel
            && headers.joined("connection").is_none_or(|options| options != "close")
            && self.lacks_something()
    }

    fn lacks_something(&self) -> bool {
        self.announced().is_some_and(|length| self.body.len() < length)
    }

    /// An HTTP/2 client refuses a response that is not as long as it says; if that shows with the headers,
    /// nobody hears of them, nor ever of trailers.
    fn judged_by_length(&mut self, headers_only: bool) -> Ended {
        match self.announced() {
            Some(length) if length != self.body.len() => {
                let response = &mut self.exchange.response;
                response.trailers = Fields::default();
                if headers_only {
                    response.status = None;
                    response.headers = Fields::default();
                }
                Ended::Reset
            }
            _ => Ended::Complete,
        }
    }

    /// The client has what it wanted.
    pub(super) fn be_content(&mut self, now: Nanos) {
        let response = &mut self.exchange.response;
        response.ended = Ended::Complete;
        response.took = Duration::from_nanos(now).saturating_sub(self.exchange.began);
        self.has_ended = true;
    }

    /// The client ends the exchange itself.
    pub(super) fn leave(&mut self, now: Nanos, gave_up: bool) {
        let response = &mut self.exchange.response;
        response.ended = if gave_up { Ended::Hung } else { Ended::ClientReset };
        response.took = Duration::from_nanos(now).saturating_sub(self.exchange.began);
        self.has_ended = true;
    }

    fn into_exchange(mut self) -> Exchange {
        self.exchange.response.body = self.body.freeze();
        self.exchange
    }
}

/// The frames as the protocol can carry them.
fn frames(request: &Request) -> VecDeque<Frame> {
    let Some(body) = &request.body else { return VecDeque::new() };
    let longest = if request.http == Http::V2 { HTTP2_FRAME_MAX } else { HTTP1_READ_MAX };
    let mut cut: VecDeque<Frame> = VecDeque::new();
    for mut frame in request.chunks.frames(body, !request.trailers.is_empty()) {
        while frame.data.len() > longest {
            let data = frame.data.split_to(longest);
            cut.push_back(Frame { at: frame.at, data, end: false });
        }
        cut.push_back(frame);
    }
    if request.is_tunnel() {
        cut.retain(|frame| !frame.data.is_empty());
        cut.iter_mut().for_each(|frame| frame.end = false);
        return cut;
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::check::tests::one_step;
    use crate::scenario::expect::Expect;

    /// Sizes of frames and where the request ends, for a body of so many bytes.
    fn cut(http: Http, bytes: usize) -> Vec<(usize, bool)> {
        let (scenario, _) = one_step(Expect::default());
        let request = scenario.steps.first().and_then(|step| step.request()).unwrap();
        let body = Some(Bytes::from(vec![b'x'; bytes]));
        let request = Request { http, body, ..request.request.clone() };
        frames(&request).iter().map(|frame| (frame.data.len(), frame.end)).collect()
    }

    #[test]
    fn a_request_ends_with_its_last_frame() {
        assert_eq!(cut(Http::V1_1, 5), [(5, true)]);
        assert_eq!(cut(Http::V2, 5), [(5, true)]);
    }

    #[test]
    fn no_frame_is_larger_than_its_protocol_carries() {
        assert_eq!(cut(Http::V2, 40_000), [(16_384, false), (16_384, false), (7_232, true)]);
        assert_eq!(cut(Http::V1_1, 2_000_000), [(1_048_420, false), (951_580, true)]);
    }

    #[test]
    fn the_first_answer_releases_a_client_that_waits_for_100() {
        let (scenario, _) = one_step(Expect::default());
        let step = scenario.steps.first().and_then(|step| step.request()).unwrap();
        let mut step = step.clone();
        step.request.expect_continue = true;
        let mut client = Client::new(0, 0, &step);
        client.begin(StreamId(1), 0);
        assert!(!client.may_send());
        assert!(!client.accept(StreamEvent::Continue100, 5));
        assert!(client.may_send());
        assert_eq!(client.exchange.response.interim, [100]);
        let mut client = Client::new(0, 0, &step);
        client.begin(StreamId(1), 0);
        let refused: HeaderMap = [(":status".to_owned(), "417".to_owned())].into_iter().collect();
        assert!(client.accept(StreamEvent::Headers(refused, true), 7));
        assert!(matches!(client.take_frame(), Sent::Nothing), "the body stays with the client");
        assert_eq!(client.exchange.response.ended, Ended::Complete);
    }
}
