//! The model servers: each attempt meets the script of its cluster's endpoint.
//!
//! What a server says comes from [`crate::upstream`], the same code that stands behind a socket
//! for a real Envoy; here only its events are played under virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::host::Nanos;
use crate::model::HeaderMap;
use crate::model::effect::{AttemptId, CalloutOutcome, UpstreamEvent, UpstreamReset};
use crate::scenario::Endpoints;
use crate::scenario::observation::{Fields, Received};
use crate::upstream::{self, Event, Reply, Script, TimedEvent};

/// Where an attempt goes.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) cluster: String,
    pub(super) address: SocketAddr,
    pub(super) http2: bool,
}

/// What a server does to the host.
pub(super) enum Action {
    Headers(HeaderMap, bool),
    Data(Bytes, bool),
    Trailers(HeaderMap),
    Reset(UpstreamReset),
}

/// Every endpoint and every attempt of a run.
#[derive(Debug, Default)]
pub(super) struct Servers {
    scripts: BTreeMap<(String, SocketAddr), Endpoints>,
    attempts: BTreeMap<AttemptId, Attempt>,
    /// In the order in which request headers arrived.
    received: Vec<AttemptId>,
}

#[derive(Debug)]
struct Attempt {
    endpoint: Endpoint,
    /// Index of the client's exchange; none for a mirror or a callout.
    exchange: Option<usize>,
    request: upstream::Received,
    reply: Option<Reply>,
    plan: VecDeque<TimedEvent>,
    echoes: bool,
    is_planned: bool,
    has_begun: bool,
    may_write: bool,
    is_due: bool,
    is_over: bool,
}

impl Servers {
    pub(super) fn connect(
        &mut self,
        attempt: AttemptId,
        endpoint: Endpoint,
        endpoints: Endpoints,
        exchange: Option<usize>,
    ) {
        self.scripts
            .entry((endpoint.cluster.clone(), endpoint.address))
            .or_insert_with(|| endpoints);
        self.attempts.insert(
            attempt,
            Attempt {
                endpoint,
                exchange,
                request: upstream::Received::default(),
                reply: None,
                plan: VecDeque::new(),
                echoes: false,
                is_planned: false,
                has_begun: false,
                may_write: true,
                is_due: false,
                is_over: false,
            },
        );
    }

    pub(super) fn is_down(&self, attempt: AttemptId) -> bool {
        let key = self
            .attempts
            .get(&attempt)
            .map(|found| (found.endpoint.cluster.clone(), found.endpoint.address));
        key.is_some_and(|key| matches!(self.scripts.get(&key), Some(Endpoints::Down)))
    }

    pub(super) fn forget(&mut self, attempt: AttemptId) {
        self.attempts.remove(&attempt);
    }

    /// Takes what the host sends; true when the server has something to say now.
    pub(super) fn accept(&mut self, id: AttemptId, event: UpstreamEvent) -> bool {
        let count = self.received.len();
        let Some(attempt) = self.attempts.get_mut(&id) else { return false };
        match event {
            UpstreamEvent::Connect { .. } => return false,
            UpstreamEvent::Headers(headers, end) => {
                attempt.request = request(&headers, end, attempt.endpoint.http2, count);
                self.received.push(id);
                let key = (attempt.endpoint.cluster.clone(), attempt.endpoint.address);
                if let Some(Endpoints::Scripted(script)) = self.scripts.get_mut(&key) {
                    attempt.reply = Some(script.next_reply());
                }
                // An upgrade that is answered as a plain request has no body.
                let waits = attempt.reply.as_ref().is_some_and(Reply::waits_for_body);
                let upgrades = headers.contains(b"upgrade") && !attempt.endpoint.http2;
                attempt.request.ended = end || (upgrades && waits);
            }
            UpstreamEvent::Data(data, end) => {
                attempt.request.body.extend_from_slice(&data);
                attempt.request.ended = end;
                if attempt.echoes && !attempt.is_over {
                    let echo = TimedEvent { after: Duration::ZERO, event: Event::Data(data) };
                    let was_idle = attempt.plan.is_empty();
                    attempt.plan.push_back(echo);
                    if end {
                        let end = TimedEvent { after: Duration::ZERO, event: Event::End };
                        attempt.plan.push_back(end);
                    }
                    return was_idle;
                }
            }
            UpstreamEvent::Trailers(trailers) => {
                // In HTTP/1.1 a proxy drops trailers unless it was told to pass them on.
                if attempt.endpoint.http2 {
                    attempt.request.trailers = trailers.into_iter().collect();
                }
                attempt.request.ended = true;
            }
            UpstreamEvent::Reset => {
                attempt.request.reset = !attempt.request.ended;
                attempt.is_over = true;
                attempt.plan.clear();
                return false;
            }
        }
        attempt.plan_if_ready()
    }

    /// How long the server waits before its next event; none when it has nothing to say now.
    pub(super) fn next_after(&mut self, id: AttemptId) -> Option<Duration> {
        let attempt = self.attempts.get_mut(&id).filter(|attempt| !attempt.is_over)?;
        attempt.plan.front().map(|event| event.after)
    }

    /// The host reads from this server again, or stops; true when an event waited for that.
    pub(super) fn set_reading(&mut self, id: AttemptId, enabled: bool) -> bool {
        let Some(attempt) = self.attempts.get_mut(&id) else { return false };
        attempt.may_write = enabled;
        if let Some(next) = attempt.plan.front_mut().filter(|_| enabled && attempt.is_due) {
            next.after = Duration::ZERO;
        }
        enabled && std::mem::take(&mut attempt.is_due)
    }

    /// Plays the next event.
    pub(super) fn serve(&mut self, id: AttemptId) -> Option<Action> {
        let attempt = self.attempts.get_mut(&id).filter(|attempt| !attempt.is_over)?;
        if !attempt.may_write {
            attempt.is_due = true;
            return None;
        }
        let action = attempt.next_action()?;
        attempt.is_over = match &action {
            Action::Headers(_, end) | Action::Data(_, end) => *end,
            Action::Trailers(_) | Action::Reset(_) => true,
        };
        Some(action)
    }

    /// Every request that arrived, with the client's exchange it belongs to.
    pub(super) fn into_received(mut self) -> Vec<(Option<usize>, Received)> {
        let mut received = Vec::new();
        for id in std::mem::take(&mut self.received) {
            if let Some(attempt) = self.attempts.remove(&id) {
                let cluster = attempt.endpoint.cluster;
                received.push((attempt.exchange, observed(cluster, attempt.request)));
            }
        }
        received
    }
}

impl Attempt {
    fn plan_if_ready(&mut self) -> bool {
        let Some(reply) = self.reply.as_ref().filter(|_| !self.is_planned) else { return false };
        if reply.waits_for_body() && !self.request.ended {
            return false;
        }
        self.is_planned = true;
        self.plan = reply.plan(&self.request).events.into();
        !self.plan.is_empty()
    }

    fn next_action(&mut self) -> Option<Action> {
        let TimedEvent { event, .. } = self.plan.pop_front()?;
        Some(match event {
            Event::Headers { status, fields } => {
                self.has_begun = true;
                let known_length = fields.iter().any(|(name, _)| name == "content-length");
                let end = self.end_follows() && (known_length || self.endpoint.http2);
                if end {
                    self.plan.clear();
                }
                Action::Headers(self.response_headers(status, fields), end)
            }
            Event::Data(data) => {
                // The end of an HTTP/1.1 message is told apart from its last byte.
                let end = self.endpoint.http2 && self.end_follows();
                if end {
                    self.plan.clear();
                }
                Action::Data(data, end)
            }
            Event::Trailers(trailers) if self.endpoint.http2 => {
                self.plan.clear();
                Action::Trailers(trailers.into_iter().collect())
            }
            // In HTTP/1.1 a proxy drops trailers unless it was told to pass them on.
            Event::Trailers(_) => {
                self.plan.clear();
                Action::Data(Bytes::new(), true)
            }
            Event::End => Action::Data(Bytes::new(), true),
            Event::Reset if self.endpoint.http2 => Action::Reset(UpstreamReset::RemoteReset),
            Event::Reset | Event::Close => Action::Reset(self.broken_connection()),
            Event::Echo => {
                self.echoes = true;
                return None;
            }
        })
    }

    /// A connection that closes in the middle of an HTTP/1.1 message leaves a broken message.
    fn broken_connection(&self) -> UpstreamReset {
        if self.has_begun && !self.endpoint.http2 {
            UpstreamReset::ProtocolError
        } else {
            UpstreamReset::ConnectionTermination
        }
    }

    /// The end comes together with what was just said.
    fn end_follows(&self) -> bool {
        self.plan.front().is_some_and(|next| next.event == Event::End && next.after.is_zero())
    }

    fn response_headers(&self, status: u16, fields: crate::fields::Fields) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.append(":status", status.to_string());
        let has_length = fields.iter().any(|(name, _)| name == "content-length");
        for (name, value) in fields {
            headers.append(name, value);
        }
        let bodiless = matches!(status, 100..=199 | 204 | 304);
        if !self.endpoint.http2 && !has_length && !bodiless {
            headers.append("transfer-encoding", "chunked");
        }
        headers
    }
}

/// What a server gets to see of the host's request headers.
fn request(headers: &HeaderMap, end: bool, http2: bool, index: usize) -> upstream::Received {
    let text = |name: &str| headers.text(name).unwrap_or_default().to_owned();
    let authority = text(":authority");
    let mut fields: crate::fields::Fields = Vec::new();
    if !http2 {
        fields.push((Bytes::from_static(b"host"), Bytes::from(authority.clone())));
    }
    for (name, value) in headers.iter().filter(|(name, _)| !name.starts_with(b":")) {
        fields.push((name.clone(), value.clone()));
    }
    let method = text(":method");
    let upgrades = headers.contains(b"upgrade") || method == "CONNECT";
    let framed = headers.contains(b"content-length") || headers.contains(b"transfer-encoding");
    if !http2 && !end && !framed && !upgrades {
        fields.push((Bytes::from_static(b"transfer-encoding"), Bytes::from_static(b"chunked")));
    }
    upstream::Received {
        index,
        http2,
        method,
        path: text(":path"),
        authority,
        headers: fields,
        ended: end,
        ..upstream::Received::default()
    }
}

/// A server's record as a scenario's observation has it.
pub(crate) fn observed(cluster: String, request: upstream::Received) -> Received {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let fields = |fields: crate::fields::Fields| {
        Fields(fields.iter().map(|(name, value)| (text(name), text(value))).collect())
    };
    Received {
        cluster,
        method: request.method,
        path: request.path,
        headers: fields(request.headers),
        body: Bytes::from(request.body),
        trailers: fields(request.trailers),
        complete: request.ended,
    }
}

/// What a server answers to a plugin's own request, and after how long.
pub(super) fn answer_callout(
    cluster: String,
    headers: HeaderMap,
    body: Bytes,
    mut script: Script,
    served: usize,
) -> (Received, CalloutOutcome, Nanos) {
    let mut request = request(&headers, false, false, served);
    request.body = body.to_vec();
    request.ended = true;
    for _ in 0..served {
        script.next_reply();
    }
    let plan = script.next_reply().plan(&request);
    let mut after = Duration::ZERO;
    let mut headers = HeaderMap::new();
    let mut body = BytesMut::new();
    let mut trailers = HeaderMap::new();
    let mut outcome = None;
    for TimedEvent { after: wait, event } in plan.events {
        after += wait;
        match event {
            Event::Headers { status, fields } => {
                headers = fields.into_iter().collect();
                headers.append(":status", status.to_string());
            }
            Event::Data(data) => body.extend_from_slice(&data),
            Event::Trailers(fields) => trailers = fields.into_iter().collect(),
            Event::End => {
                let (headers, trailers) = (headers.clone(), trailers.clone());
                let body = body.clone().freeze();
                outcome = Some(CalloutOutcome::Response { headers, body, trailers });
            }
            Event::Reset | Event::Close | Event::Echo => outcome = Some(CalloutOutcome::Reset),
        }
    }
    let silent = Duration::from_secs(3600);
    let after = if outcome.is_some() { after } else { silent };
    let nanos = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX / 2);
    (observed(cluster, request), outcome.unwrap_or(CalloutOutcome::Reset), nanos)
}
