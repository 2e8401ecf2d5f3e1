//! One simulated proxy with its clients and the servers behind it.
//!
//! It has a clock of its own, which begins with it. What it needs from elsewhere, the answers to its filters'
//! own requests, it leaves to whoever drives it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::answers::{Answer, Answers, Ending, Kind};
use super::candidate::{Candidate, Fate, fate};
use super::traffic::Traffic;
use super::{CanaryError, Schedule};
use crate::bootstrap::Bootstrap;
use crate::draw::{self, Purpose};
use crate::host::{Host, HostOptions, Nanos, OpenStream, Protocol};
use crate::model::effect::{
    AttemptId, CalloutId, CalloutOutcome, Effect, StreamEvent, StreamId, UpstreamEvent,
};
use crate::model::time::nanos;
use crate::model::{GuestFactory, HeaderMap};
use crate::scenario::sim::timeline::Timeline;

/// From the request to the first token, half of the time.
const FIRST_TOKEN: Duration = Duration::from_millis(240);
/// Between two tokens, half of the time.
const BETWEEN: Duration = Duration::from_millis(25);
/// What the logarithms of these times, to the base 2, deviate by.
const SPREAD: f64 = 0.6;
/// Until a server says that it cannot.
const REFUSES_AFTER: Duration = Duration::from_millis(40);
/// Answers' tokens.
const TOKENS: (u32, u32) = (4, 16);
/// How many in a hundred answers end so; all others are complete.
const ENDS: [(&str, u32); 2] = [("length", 8), ("content_filter", 1)];
const END_MARKER: &[u8] = b"data: [DONE]\n\n";
const ASKS_FOR_USAGE: &[u8] = b"\"include_usage\":true";

/// What is played with each proxy.
#[derive(Debug, Clone)]
pub(super) struct Behaviour {
    pub(super) candidate: Candidate,
    pub(super) stable_error: f64,
    pub(super) schedule: Arc<Schedule>,
}

/// Something that is planned.
#[derive(Debug)]
enum Happening {
    Arrival(usize),
    Connected(AttemptId),
    First(AttemptId),
    Rest(AttemptId),
}

#[derive(Debug)]
struct Client {
    number: usize,
    began: Nanos,
    version: Version,
    first_token: Option<Nanos>,
    is_refused: bool,
    /// The last bytes that came.
    tail: Bytes,
}

struct Server {
    stream: StreamId,
    http2: bool,
    wants_usage: bool,
    answer: Option<Answer>,
    lasts: Duration,
}

/// Who served a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Version {
    Candidate,
    Stable,
    /// A third version, or nobody.
    #[default]
    Other,
}

/// A client that has its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) version: Version,
    pub(super) failed: bool,
    /// How long it waited for its first token.
    pub(super) first_token: Option<Nanos>,
}

/// A request of the filters' own.
pub(super) struct Question {
    pub(super) call: CalloutId,
    pub(super) cluster: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// A proxy.
pub(super) struct Proxy {
    host: Host,
    /// When it began, on the clock of the whole simulation.
    began: Nanos,
    workers: usize,
    behaviour: Behaviour,
    traffic: Traffic,
    answers: Answers,
    timeline: Timeline<Happening>,
    clients: BTreeMap<StreamId, Client>,
    servers: BTreeMap<AttemptId, Server>,
    /// When the rollout begins, on its own clock; negative for a proxy that came later.
    rollout_begins: i128,
    pub(super) ended: Vec<Ended>,
    pub(super) questions: Vec<Question>,
}

/// How a proxy is started.
pub(super) struct Start<'a> {
    pub(super) file: &'a Bootstrap,
    pub(super) factory: Arc<dyn GuestFactory>,
    pub(super) behaviour: Behaviour,
    pub(super) workers: usize,
    pub(super) seed: u64,
    /// Requests a second.
    pub(super) rate: f64,
    /// When, on the clock of the simulation.
    pub(super) at: Nanos,
    /// The wall clock when the simulation began.
    pub(super) wall: u64,
}

impl Proxy {
    pub(super) fn start(start: Start<'_>) -> Result<Self, CanaryError> {
        let Start { file, factory, behaviour, workers, seed, rate, at, wall } = start;
        let start_wall_nanos = wall + at;
        let options = HostOptions { workers, seed, start_wall_nanos, ..HostOptions::default() };
        let schedule = &behaviour.schedule;
        let begins = schedule.start.as_nanos().cast_signed();
        let mut proxy = Self {
            host: Host::new(file, &options, factory)?,
            began: at,
            workers,
            traffic: Traffic::new(schedule, seed, rate),
            answers: Answers::default(),
            timeline: Timeline::default(),
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            rollout_begins: begins - i128::from(start_wall_nanos),
            ended: Vec::new(),
            questions: Vec::new(),
            behaviour,
        };
        proxy.plan_arrival(0);
        Ok(proxy)
    }

    pub(super) fn host(&self) -> &Host {
        &self.host
    }

    pub(super) fn host_mut(&mut self) -> &mut Host {
        &mut self.host
    }

    /// When something happens next, on the clock of the simulation.
    pub(super) fn next_at(&self) -> Option<Nanos> {
        let own = self.timeline.next_at().into_iter();
        let next = own.chain(self.host.next_deadline().map(|(at, _)| at)).min();
        next.map(|next| self.began + next)
    }

    /// Lets happen what comes next; true: the filters have ticked, and what they publish may have changed.
    pub(super) fn step(&mut self) -> bool {
        let own = self.timeline.next_at();
        let due = self.host.next_deadline();
        let ticked = match (own, due) {
            (Some(own), due) if due.is_none_or(|(due, _)| own <= due) => {
                self.move_to(own);
                if let Some(happening) = self.timeline.pop() {
                    self.happen(happening);
                }
                false
            }
            (_, Some((due, what))) => {
                self.host.advance_to(due);
                what == "tick"
            }
            (_, None) => false,
        };
        self.obey_effects();
        ticked
    }

    fn move_to(&mut self, at: Nanos) {
        if at > self.host.now() {
            self.host.advance_to(at);
            self.obey_effects();
        }
    }

    /// The answer to a question has come.
    pub(super) fn answer(&mut self, now: Nanos, call: CalloutId, outcome: CalloutOutcome) {
        self.move_to(now.saturating_sub(self.began));
        if matches!(outcome, CalloutOutcome::Response { .. }) {
            self.host.callout_headers(call);
        }
        self.host.callout_response(call, outcome);
        self.obey_effects();
    }

    fn plan_arrival(&mut self, number: usize) {
        self.timeline.push(self.traffic.arrives_at(number), Happening::Arrival(number));
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Arrival(number) => {
                self.arrive(number);
                self.plan_arrival(number + 1);
            }
            Happening::Connected(id) if self.servers.contains_key(&id) => {
                self.host.upstream_connected(id);
            }
            Happening::Connected(_) => {}
            Happening::First(id) => self.serve_first(id),
            Happening::Rest(id) => self.serve_rest(id),
        }
    }

    fn arrive(&mut self, number: usize) {
        let request = self.traffic.request(number);
        let stream = self.host.open_stream(OpenStream {
            listener: 0,
            worker: request.draw % self.workers.max(1),
            protocol: Protocol::Http11,
            peer: request.peer,
        });
        let client = Client {
            number,
            began: self.host.now(),
            version: Version::Other,
            first_token: None,
            is_refused: true,
            tail: Bytes::new(),
        };
        self.clients.insert(stream, client);
        self.host.request_headers(stream, request.headers, false);
        self.obey_effects();
        if self.clients.contains_key(&stream) {
            self.host.request_data(stream, request.body, true);
        }
    }

    fn serve_first(&mut self, id: AttemptId) {
        let Some(server) = self.servers.get(&id) else { return };
        let Some(Answer { headers, first, .. }) = server.answer.clone() else { return };
        let lasts = server.lasts;
        self.host.response_headers(id, headers, false);
        self.obey_effects();
        if self.servers.contains_key(&id) {
            self.host.response_data(id, first, false);
            self.timeline.push(self.host.now() + nanos(lasts), Happening::Rest(id));
        }
    }

    fn serve_rest(&mut self, id: AttemptId) {
        let Some(Answer { rest, .. }) = self.servers.remove(&id).and_then(|one| one.answer) else {
            return;
        };
        if !rest.is_empty() {
            self.host.response_data(id, rest, false);
            self.obey_effects();
        }
        self.host.response_data(id, Bytes::new(), true);
    }

    fn obey_effects(&mut self) {
        while let Some(effect) = self.host.poll() {
            match effect {
                Effect::Downstream { stream, event } => self.downstream(stream, event),
                Effect::Upstream { attempt, stream, event } => {
                    self.upstream(attempt, stream, event);
                }
                Effect::Callout { call, cluster, headers, body, .. } => {
                    self.questions.push(Question { call, cluster, headers, body });
                }
                // Bodies are far smaller than any buffer.
                Effect::ReadDownstream { .. }
                | Effect::ReadUpstream { .. }
                | Effect::CalloutCancelled { .. }
                | Effect::Closed { .. } => {}
            }
        }
    }

    fn downstream(&mut self, stream: StreamId, event: StreamEvent) {
        let now = self.host.now();
        let Some(client) = self.clients.get_mut(&stream) else { return };
        let ended = match event {
            StreamEvent::Continue100 => false,
            StreamEvent::Headers(headers, end) => {
                client.is_refused = headers.text(":status") != Some("200");
                end
            }
            StreamEvent::Data(data, end) => {
                if !data.is_empty() {
                    client.first_token.get_or_insert(now);
                    client.tail = data;
                }
                end
            }
            StreamEvent::Trailers(_) => true,
            StreamEvent::Reset(_) => {
                client.is_refused = true;
                true
            }
        };
        if let Some(client) = self.clients.get(&stream).filter(|_| ended) {
            let failed = client.is_refused || !client.tail.ends_with(END_MARKER);
            let first_token = client.first_token.filter(|_| !failed);
            let first_token = first_token.map(|at| at - client.began);
            self.ended.push(Ended { version: client.version, failed, first_token });
            self.clients.remove(&stream);
        }
    }

    fn upstream(&mut self, id: AttemptId, stream: StreamId, event: UpstreamEvent) {
        match event {
            UpstreamEvent::Connect { http2, .. } => {
                let lasts = Duration::ZERO;
                let server = Server { stream, http2, wants_usage: false, answer: None, lasts };
                self.servers.insert(id, server);
                self.timeline.push(self.host.now(), Happening::Connected(id));
            }
            UpstreamEvent::Headers(headers, end) => {
                let Some(server) = self.servers.get(&id) else { return };
                if let Some(client) = self.clients.get_mut(&server.stream) {
                    client.version = version(&self.behaviour.schedule, &headers);
                }
                self.answer_if(id, end);
            }
            UpstreamEvent::Data(data, end) => {
                let Some(server) = self.servers.get_mut(&id) else { return };
                let mut windows = data.windows(ASKS_FOR_USAGE.len());
                server.wants_usage |= windows.any(|window| window == ASKS_FOR_USAGE);
                self.answer_if(id, end);
            }
            UpstreamEvent::Trailers(_) => self.answer_if(id, true),
            UpstreamEvent::Reset => {
                self.servers.remove(&id);
            }
        }
    }

    /// Plans the answer when the request is complete.
    fn answer_if(&mut self, id: AttemptId, complete: bool) {
        let Some(server) = self.servers.get_mut(&id).filter(|_| complete) else { return };
        let Some(client) = self.clients.get(&server.stream) else { return };
        let now = self.host.now();
        let since = (i128::from(now) - self.rollout_begins).max(0);
        let since = Duration::from_nanos(u64::try_from(since).unwrap_or(u64::MAX));
        let candidate = (client.version == Version::Candidate).then_some(self.behaviour.candidate);
        let place = (self.traffic.seed, client.number);
        let Fate { ending, slower } = fate(candidate, self.behaviour.stable_error, since, place);
        let mut random = draw::of(place.0, Purpose::Answer, place.1);
        let tokens = draw::skewed(&mut random, TOKENS.0, TOKENS.1);
        let finish = finish(random.u32(..100));
        let first = draw::around(&mut random, FIRST_TOKEN, SPREAD).mul_f64(slower);
        let between = draw::around(&mut random, BETWEEN, SPREAD);
        let (after, lasts) = match ending {
            Ending::Whole => (first, between * tokens.saturating_sub(1)),
            Ending::Truncated => (first, between * (tokens / 2)),
            Ending::Refused | Ending::ErrorEvent => (REFUSES_AFTER, Duration::ZERO),
        };
        let (usage, http2) = (server.wants_usage, server.http2);
        let kind = Kind { ending, tokens: tokens as usize, finish, usage, http2 };
        server.answer = Some(self.answers.of(kind));
        server.lasts = lasts;
        self.timeline.push(now + nanos(after), Happening::First(id));
    }
}

/// Which version a request was sent to, as the filters said.
fn version(schedule: &Schedule, headers: &HeaderMap) -> Version {
    match headers.text("x-llm-version") {
        Some(name) if name == schedule.candidate => Version::Candidate,
        Some(name) if name == schedule.stable => Version::Stable,
        _ => Version::Other,
    }
}

fn finish(mut place: u32) -> &'static str {
    for (name, share) in ENDS {
        if place < share {
            return name;
        }
        place -= share;
    }
    "stop"
}
