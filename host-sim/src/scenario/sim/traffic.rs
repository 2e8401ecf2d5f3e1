//! What passes between the clients, the host and the servers.

use std::net::SocketAddr;

use bytes::Bytes;

use super::attempt::{Action, Endpoint};
use super::callout::{self, Callout};
use super::client::Sent;
use super::server::Connection;
use super::{Happening, Play, codec, nanos};
use crate::host::Nanos;
use crate::model::HeaderMap;
use crate::model::effect::{
    AttemptId, CalloutId, CalloutOutcome, Effect, StreamEvent, StreamId, UpstreamEvent,
    UpstreamReset,
};
use crate::model::hcm::Malformed;
use crate::scenario::Ties;
use crate::scenario::observation::CALLER;

/// A proxy hears of a client's decision a little later.
const CLOSES_AFTER: Nanos = 2_000_000;
/// What is closer together than this is at the same time, for two sockets.
const TIE: Nanos = 3_000_000;
/// So much of what a server says at once comes in one read.
const ONE_READ: usize = 16_384;
/// And so much later where there is no body to wait for.
const LINGERS_FOR: Nanos = 22_000_000;

impl Play<'_> {
    pub(super) fn send_frame(&mut self, index: usize) {
        let Some(client) = self.clients.get_mut(index) else { return };
        let Some(stream) = client.open_stream() else { return };
        if !client.may_send() {
            client.is_due = true;
            return;
        }
        client.is_due = false;
        let sent = client.take_frame();
        let began = nanos(client.exchange.began);
        // Trailers leave in one write with what is before them.
        let trailers_follow = client.has_only_trailers();
        if let Some(at) = client.next_frame_at().filter(|_| !trailers_follow) {
            let at = (began + nanos(at)).max(self.host.now());
            self.timeline.push(at, Happening::Frame(index));
        }
        match sent {
            Sent::Data(data, end) => {
                self.host.request_data(stream, data, end);
                if trailers_follow {
                    self.send_frame(index);
                }
            }
            Sent::Trailers(trailers) => self.host.request_trailers(stream, trailers),
            Sent::Broken => self.host.request_malformed(stream, Malformed::Codec),
            Sent::Nothing => {}
        }
    }

    pub(super) fn end_by_client(&mut self, index: usize, gave_up: bool) {
        let now = self.host.now();
        let Some(client) = self.clients.get_mut(index) else { return };
        let Some(stream) = client.open_stream() else { return };
        client.leave(now, gave_up);
        if gave_up {
            self.host.lint_abandoned(stream);
        }
        self.host.reset_downstream(stream);
        self.client_ended(index);
    }

    /// The length of the response was announced and is there: an HTTP/1.1 client does not wait for more.
    pub(super) fn satisfied(&mut self, index: usize) {
        let now = self.host.now();
        let Some(client) = self.clients.get_mut(index) else { return };
        let Some(stream) = client.open_stream() else { return };
        client.be_content(now);
        self.host.reset_downstream(stream);
        self.client_ended(index);
    }

    pub(super) fn connected(&mut self, attempt: AttemptId) {
        match self.servers.connection(attempt) {
            Connection::Stands => self.host.upstream_connected(attempt),
            Connection::Refused => {
                self.servers.forget(attempt);
                self.host.reset_upstream(attempt, UpstreamReset::ConnectFailure);
            }
            Connection::Unwanted => {}
        }
    }

    /// What a server says without a gap leaves in one write: the host reads it in one go, before anything
    /// else happens.
    pub(super) fn serve(&mut self, attempt: AttemptId) {
        let mut size = 0;
        while let Some(action) = self.servers.serve(attempt) {
            match action {
                Action::Headers(headers, end) => {
                    self.host.response_headers(attempt, headers, end);
                }
                Action::Data(data, end) => {
                    size += data.len();
                    self.host.response_data(attempt, data, end);
                }
                Action::Trailers(trailers) => {
                    self.host.response_trailers(attempt, trailers);
                }
                Action::Reset(reset) => self.host.reset_upstream(attempt, reset),
            }
            self.obey_effects();
            if size > ONE_READ || !self.servers.goes_on(attempt) {
                break;
            }
        }
        self.schedule_service(attempt);
    }

    pub(super) fn schedule_service(&mut self, attempt: AttemptId) {
        if let Some(after) = self.servers.next_after(attempt) {
            let after = nanos(after) + self.late(self.servers.ordinal(attempt));
            self.timeline.push(self.host.now() + after, Happening::Serve(attempt));
        }
    }

    /// Where somebody wants to know what ties decide, some of the servers that serve one exchange are a little
    /// late, and with another seed others of them.
    fn late(&self, ordinal: u64) -> Nanos {
        let is_late = match self.scenario.seed / 2 % 4 {
            0 => ordinal & 1 == 0,
            1 => ordinal & 1 == 1,
            2 => ordinal & 2 == 0,
            _ => ordinal & 2 == 2,
        };
        if self.scenario.ties != Ties::Drawn && is_late { TIE } else { 0 }
    }

    /// The how manieth call of its exchange this is, from 1; the exchange's own request is the zeroth.
    pub(super) fn ordinal_of_call(&mut self, headers: &HeaderMap) -> u64 {
        let Some(caller) = headers.text(CALLER) else { return 0 };
        let count = self.calls.entry(caller.to_owned()).or_default();
        *count += 1;
        *count
    }

    pub(super) fn obey_effects(&mut self) {
        while let Some(effect) = self.host.poll() {
            match effect {
                Effect::Downstream { stream, event } => self.downstream(stream, event),
                Effect::ReadDownstream { stream, enabled } => {
                    let Some(index) = self.clients.of(stream) else { continue };
                    let Some(client) = self.clients.get_mut(index) else { continue };
                    client.may_write = enabled;
                    if enabled && client.is_due {
                        self.timeline.push(self.host.now(), Happening::Frame(index));
                    }
                }
                Effect::Upstream { attempt, stream, event } => {
                    self.upstream(attempt, stream, event);
                }
                Effect::ReadUpstream { attempt, enabled } => {
                    if self.servers.set_reading(attempt, enabled) {
                        self.schedule_service(attempt);
                    }
                }
                Effect::Callout { call, cluster, endpoint, http2, headers, body, .. } => {
                    let server = Endpoint { cluster, address: endpoint, http2 };
                    self.callout(call, server, headers, body);
                }
                Effect::CalloutCancelled { call } => {
                    if let Some(callout) = self.callouts.iter_mut().find(|one| one.call == call) {
                        callout.outcome = None;
                    }
                }
                Effect::Closed { stream, access } => {
                    if let Some(index) = self.clients.of(stream)
                        && let Some(client) = self.clients.get_mut(index)
                    {
                        client.exchange.trace_end = Some(self.host.world().trace().len());
                        client.exchange.access = Some(codec::access(&access));
                    }
                }
            }
        }
    }

    pub(super) fn downstream(&mut self, stream: StreamId, event: StreamEvent) {
        let now = self.host.now();
        let Some(index) = self.clients.of(stream) else { return };
        let Some(client) = self.clients.get_mut(index) else { return };
        let was_waiting = client.waits_for_answer();
        let quiet = !self.host.world().envoy.resets_with_an_error();
        let ended = match event {
            StreamEvent::Reset(_) if quiet && client.has_begun_in_http2() => {
                client.be_content(now);
                true
            }
            event => client.accept(event, now),
        };
        if !ended && client.has_what_was_announced() {
            self.timeline.push(now + CLOSES_AFTER, Happening::Satisfied(index));
        } else if !ended && client.expects_no_body() {
            self.timeline.push(now + LINGERS_FOR, Happening::Satisfied(index));
        }
        if was_waiting && !client.waits_for_answer() && client.is_due {
            self.timeline.push(now, Happening::Frame(index));
        }
        // A tunnel has no end of its own: the client closes it when it has heard enough.
        let closes = ended && client.in_tunnel;
        if let Some(how) = client.take_break() {
            self.host.client_resets(stream, how);
        } else if closes {
            self.host.reset_downstream(stream);
        }
        if ended {
            self.client_ended(index);
        }
    }

    pub(super) fn upstream(&mut self, attempt: AttemptId, stream: StreamId, event: UpstreamEvent) {
        let exchange = self.clients.of(stream);
        if let UpstreamEvent::Connect { cluster, endpoint, http2 } = event {
            let endpoints = self.scenario.endpoint(&cluster, self.place(&cluster, endpoint));
            let server = Endpoint { cluster, address: endpoint, http2 };
            self.servers.connect(attempt, server, endpoints, exchange);
            self.timeline.push(self.host.now(), Happening::Connected(attempt));
            return;
        }
        let quiet = !self.host.world().envoy.resets_with_an_error();
        if let UpstreamEvent::Headers(headers, _) = &event {
            let ordinal = self.ordinal_of_call(headers);
            self.servers.set_ordinal(attempt, ordinal);
        }
        if self.servers.accept(attempt, event, quiet) {
            self.schedule_service(attempt);
        }
    }

    /// Which of its cluster's endpoints has this address.
    fn place(&self, cluster: &str, address: SocketAddr) -> usize {
        let clusters = &self.host.world().config.clusters;
        let mut endpoints = clusters.get(cluster).into_iter().flat_map(|c| &c.endpoints);
        endpoints.position(|endpoint| endpoint.address == address).unwrap_or(0)
    }

    pub(super) fn callout(
        &mut self,
        call: CalloutId,
        server: Endpoint,
        headers: HeaderMap,
        body: Bytes,
    ) {
        let place = self.place(&server.cluster, server.address);
        let endpoints = self.scenario.endpoint(&server.cluster, place);
        let ordinal = self.ordinal_of_call(&headers);
        let answer = match self.servers.reply(&server, endpoints) {
            None => callout::Answer {
                received: None,
                outcome: CalloutOutcome::ConnectFailure,
                headers_after: None,
                after: 0,
            },
            Some(reply) => {
                let before = self.callouts.iter().filter_map(|callout| callout.received.as_ref());
                let before = before.filter(|seen| seen.cluster == server.cluster).count();
                callout::answer(server, headers, body, &reply, before)
            }
        };
        // Answers of one instant come over connections of their own: which is first is a tie like others.
        let callout::Answer { received, outcome, headers_after, after } = answer;
        let after = after + self.late(ordinal);
        self.callouts.push(Callout { call, received, outcome: Some(outcome) });
        if let Some(headers) = headers_after.filter(|headers| *headers < after) {
            self.timeline.push(self.host.now() + headers, Happening::AnswerBegins(call));
        }
        self.timeline.push(self.host.now() + after, Happening::Answer(call));
    }
}
