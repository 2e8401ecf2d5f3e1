//! One try at one endpoint: what goes there, and what comes back.

use std::net::SocketAddr;

use bytes::Bytes;

use super::Attempt;
use crate::{
    bootstrap::{Cluster, UpstreamProtocol},
    host::Protocol,
    model::{
        effect::{AttemptId, Effect, StreamId, UpstreamEvent, UpstreamReset},
        engine::Engine,
        filter_manager::{Data, Start},
        hcm::{Follows, frame, is_tunnel, is_upgrade, method_without_body},
        headers::{HeaderMap, MapKind},
        time::{Event, nanos},
        vm::Side,
    },
};

impl Engine {
    pub(super) fn begin_attempt(
        &mut self,
        id: StreamId,
        cluster: &Cluster,
        endpoint: SocketAddr,
        end_stream: bool,
    ) {
        let attempt = self.world.upstreams.begin(id, endpoint);
        let due = self.world.now.saturating_add(nanos(cluster.connect_timeout));
        let connect_timer = Some(self.world.schedule.at(due, Event::ConnectTimeout(attempt)));
        let http2 = cluster.protocol == UpstreamProtocol::Http2;
        let stream = self.world.streams.at(id);
        stream.info.upstream.address = Some(endpoint);
        stream.info.upstream.attempts += 1;
        stream.router.attempt = Some(Attempt {
            id: attempt,
            http2,
            connect_timer,
            waiting: Some(Vec::new()),
            request_ended: end_stream,
            read_disabled: 0,
        });
        let headers = stream.request.headers.clone().unwrap_or_default();
        let event = UpstreamEvent::Connect { cluster: cluster.name.clone(), endpoint, http2 };
        self.world.effect(Effect::Upstream { attempt, stream: id, event });
        let wire = on_the_wire(headers, http2, end_stream);
        self.upstream(id, attempt, UpstreamEvent::Headers(wire, end_stream));
    }

    /// Sends something to the server, or keeps it until there is a connection.
    fn upstream(&mut self, id: StreamId, attempt: AttemptId, event: UpstreamEvent) {
        let now = self.world.now;
        let stream = self.world.streams.at(id);
        if let Some(current) = stream.router.attempt.as_mut()
            && let Some(waiting) = current.waiting.as_mut()
        {
            return waiting.push(event);
        }
        stream.info.upstream.first_sent.get_or_insert(now);
        self.world.effect(Effect::Upstream { attempt, stream: id, event });
    }

    pub(super) fn send_attempt_data(&mut self, id: StreamId, data: Bytes, end: bool) {
        let Some(attempt) = self.world.streams.at(id).router.attempt.as_mut() else { return };
        attempt.request_ended = end;
        let attempt = attempt.id;
        if !data.is_empty() || end {
            self.upstream(id, attempt, UpstreamEvent::Data(data, end));
        }
    }

    pub(super) fn send_attempt_trailers(&mut self, id: StreamId) {
        let stream = self.world.streams.at(id);
        let trailers = stream.request.trailers.clone().unwrap_or_default();
        let Some(attempt) = stream.router.attempt.as_mut() else { return };
        attempt.request_ended = true;
        let (attempt, http2) = (attempt.id, attempt.http2);
        // HTTP/1 servers get trailers only where the cluster says so, which is not modelled.
        let event = if trailers.is_empty() || !http2 {
            UpstreamEvent::Data(Bytes::new(), true)
        } else {
            UpstreamEvent::Trailers(trailers)
        };
        self.upstream(id, attempt, event);
    }

    /// The stream of an attempt, as long as the attempt is the one in progress.
    fn stream_of(&mut self, attempt: AttemptId) -> Option<StreamId> {
        let id = self.world.upstreams.stream_of(attempt)?;
        let current = self.world.streams.at(id).router.attempt.as_ref();
        current.is_some_and(|current| current.id == attempt).then_some(id)
    }

    /// A connection stands.
    pub(crate) fn attempt_connected(&mut self, attempt: AttemptId) {
        let Some(id) = self.stream_of(attempt) else { return };
        let Some(current) = self.world.streams.at(id).router.attempt.as_mut() else { return };
        let (timer, waiting) = (current.connect_timer.take(), current.waiting.take());
        self.world.schedule.cancel(timer);
        for event in waiting.into_iter().flatten() {
            self.upstream(id, attempt, event);
        }
    }

    pub(crate) fn attempt_headers(&mut self, attempt: AttemptId, headers: HeaderMap, end: bool) {
        self.attempt_connected(attempt);
        let Some(id) = self.stream_of(attempt) else { return };
        let now = self.world.now;
        let stream = self.world.streams.at(id);
        let code: u16 = headers.text(":status").and_then(|code| code.parse().ok()).unwrap_or(0);
        if (100..200).contains(&code) && code != 101 {
            return; // Envoy has answered the expectation itself.
        }
        let http1 = stream.router.attempt.as_ref().is_some_and(|attempt| !attempt.http2);
        if http1 && code == 204 && headers.get(b"content-length").is_some_and(|l| &l[..] != b"0") {
            return self.attempt_reset(attempt, UpstreamReset::ProtocolError);
        }
        stream.info.upstream.first_received.get_or_insert(now);
        stream.info.response_code = Some(code);
        stream.router.response_started = true;
        let suppress = stream.manager.as_ref().is_some_and(|m| m.suppress_envoy_headers);
        let refused = code != 101 && stream.request.headers.as_ref().is_some_and(is_upgrade);
        let mut received = HeaderMap::new();
        for (name, value) in headers {
            received.add(MapKind::Response, name, value);
        }
        let mut headers = received;
        let end = end || http1 && refused;
        if http1 && refused {
            // A server that does not switch has nothing more to say on this connection.
            headers.remove(b"content-length");
        }
        if let (Some(complete), false) = (stream.router.request_complete, suppress) {
            let millis = now.saturating_sub(complete) / 1_000_000;
            headers.set("x-envoy-upstream-service-time", millis.to_string());
        }
        stream.response.headers = Some(headers);
        stream.info.details = Some("via_upstream".to_owned());
        let route = stream.info.route.clone();
        if let Some(route) = route {
            if route.counts_attempts() {
                let attempts = self.world.streams.at(id).info.upstream.attempts.to_string();
                if let Some(headers) = &mut self.world.streams.at(id).response.headers {
                    headers.set("x-envoy-attempt-count", attempts);
                }
            }
            self.edit_headers(id, Side::Encode, &route.response_edits);
        }
        if end {
            self.upstream_complete(id);
        }
        self.encode_headers(id, Start::Chain, end);
    }

    pub(crate) fn attempt_data(&mut self, attempt: AttemptId, data: Bytes, end: bool) {
        let Some(id) = self.stream_of(attempt) else { return };
        let now = self.world.now;
        let stream = self.world.streams.at(id);
        stream.info.upstream.last_received = Some(now);
        let http1 = stream.router.attempt.as_ref().is_some_and(|attempt| !attempt.http2);
        if http1 && end && !data.is_empty() {
            // HTTP/1's codec sees the end of a message after its last byte.
            self.encode_data(id, Start::Chain, Data::Frame(data.into()), false);
            return self.attempt_data(attempt, Bytes::new(), true);
        }
        if end {
            self.upstream_complete(id);
        }
        self.encode_data(id, Start::Chain, Data::Frame(data.into()), end);
    }

    pub(crate) fn attempt_trailers(&mut self, attempt: AttemptId, trailers: HeaderMap) {
        let Some(id) = self.stream_of(attempt) else { return };
        let current = self.world.streams.at(id).router.attempt.as_ref();
        if current.is_some_and(|current| !current.http2) {
            // Those of HTTP/1 servers are dropped, and the end remains.
            return self.attempt_data(attempt, Bytes::new(), true);
        }
        self.world.streams.at(id).response.trailers = Some(trailers);
        self.upstream_complete(id);
        self.encode_trailers(id, Start::Chain);
    }

    /// The whole response is here. If the request is not, the rest of it is not wanted.
    fn upstream_complete(&mut self, id: StreamId) {
        let router = &mut self.world.streams.at(id).router;
        let timer = router.timer.take();
        let attempt = router.attempt.take();
        self.world.schedule.cancel(timer);
        let Some(attempt) = attempt else { return };
        self.world.upstreams.end(attempt.id);
        if !attempt.request_ended {
            self.upstream(id, attempt.id, UpstreamEvent::Reset);
        }
    }

    /// Lets go of what the router has upstream.
    pub(crate) fn abandon_upstream(&mut self, id: StreamId) {
        let router = &mut self.world.streams.at(id).router;
        let (timer, attempt) = (router.timer.take(), router.attempt.take());
        self.world.schedule.cancel(timer);
        if let Some(attempt) = attempt {
            self.world.upstreams.end(attempt.id);
            self.world.schedule.cancel(attempt.connect_timer);
            self.upstream(id, attempt.id, UpstreamEvent::Reset);
        }
    }

    pub(crate) fn disable_upstream_read(&mut self, id: StreamId) {
        if let Some(attempt) = self.world.streams.at(id).router.attempt.as_mut() {
            attempt.read_disabled += 1;
            let (first, attempt) = (attempt.read_disabled == 1, attempt.id);
            if first {
                self.world.effect(Effect::ReadUpstream { attempt, enabled: false });
            }
        }
    }

    pub(crate) fn enable_upstream_read(&mut self, id: StreamId) {
        if let Some(attempt) = self.world.streams.at(id).router.attempt.as_mut() {
            attempt.read_disabled = attempt.read_disabled.saturating_sub(1);
            let (last, attempt) = (attempt.read_disabled == 0, attempt.id);
            if last {
                self.world.effect(Effect::ReadUpstream { attempt, enabled: true });
            }
        }
    }
}

/// The request as the server's connection carries it.
fn on_the_wire(mut headers: HeaderMap, http2: bool, end_stream: bool) -> HeaderMap {
    let tunnel = is_tunnel(&headers);
    if http2 {
        if is_upgrade(&headers) {
            headers.remove(b"connection");
        }
        return headers;
    }
    let follows = match end_stream {
        _ if tunnel => Follows::Tunnel,
        true if method_without_body(&headers) => Follows::Never,
        true => Follows::Nothing,
        false => Follows::Body,
    };
    frame(&mut headers, Protocol::Http11, follows);
    headers
}
