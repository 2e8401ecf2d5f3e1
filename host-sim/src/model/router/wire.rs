//! What goes to a server's connection, and what comes back from it.

use bytes::Bytes;

use super::Seat;
use crate::{
    host::Protocol,
    model::{
        call::LocalReply,
        effect::{AttemptId, Effect, StreamId, UpstreamEvent, UpstreamReset},
        engine::Engine,
        filter_manager::{Data, Start},
        flag::Flags,
        hcm::{Follows, frame, is_tunnel, is_upgrade, method_without_body},
        headers::{HeaderMap, MapKind, check},
    },
};

impl Engine {
    /// Sends something to the server, or keeps it until there is a connection.
    pub(super) fn upstream(&mut self, id: StreamId, attempt: AttemptId, event: UpstreamEvent) {
        let now = self.world.now;
        let stream = self.world.streams.at(id);
        let broken = match &event {
            UpstreamEvent::Headers(headers, _) => check::request(headers).err(),
            _ => None,
        };
        let http1 = stream.router.attempt.as_ref().is_some_and(|attempt| !attempt.http2);
        if let UpstreamEvent::Headers(headers, _) = &event
            && http1
        {
            let what = check::undefined_in_http1(headers);
            // The model's own framing is put in only where a body follows.
            let own = stream.request.headers.as_ref();
            let made = own.is_some_and(|own| own.contains(b"transfer-encoding"));
            let made = made.then_some("a request says `transfer-encoding` itself");
            for what in [what, made].into_iter().flatten() {
                self.world.note_undefined(id, what);
            }
        }
        let stream = self.world.streams.at(id);
        if let Some(current) = stream.router.attempt.as_mut()
            && let Some(waiting) = current.waiting.as_mut()
        {
            if broken.is_none() || current.seat != Seat::Active {
                return waiting.push(event);
            }
            // The connection stood before, and stays as it was if others share it.
            current.waiting = None;
        }
        if let Some(why) = broken {
            return self.refuse_broken_request(id, &why);
        }
        stream.info.upstream.first_sent.get_or_insert(now);
        stream.router.request_began = true;
        self.world.effect(Effect::Upstream { attempt, stream: id, event });
    }

    /// Filters made of the request what no request can be. No other attempt can mend that.
    fn refuse_broken_request(&mut self, id: StreamId, why: &str) {
        let stream = self.world.streams.at(id);
        stream.info.flags.insert(Flags::DOWNSTREAM_PROTOCOL_ERROR);
        let chain = stream.router.attempt.as_ref().and_then(|attempt| attempt.chain);
        let told: String =
            why.chars().map(|c| if c.is_ascii_whitespace() { '_' } else { c }).collect();
        let details = format!("filter_removed_required_request_headers{{{told}}}");
        let reply = LocalReply::text(503, why, &details);
        match chain {
            Some(chain) => self.reply_from_chain(chain, reply),
            None => self.send_local_reply(id, reply),
        }
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

    pub(crate) fn attempt_headers(&mut self, attempt: AttemptId, headers: HeaderMap, end: bool) {
        self.attempt_connected(attempt);
        if self.mirror_answers(attempt, Some(&headers), end) {
            return;
        }
        let Some(id) = self.stream_of(attempt) else { return };
        let now = self.world.now;
        let stream = self.world.streams.at(id);
        let code: u16 = headers.text(":status").and_then(|code| code.parse().ok()).unwrap_or(0);
        if (100..200).contains(&code) && code != 101 {
            return; // Envoy has answered the expectation itself.
        }
        let Some(current) = stream.router.attempt.as_mut() else { return };
        let (http1, chain) = (!current.http2, current.chain);
        if code == 204 && headers.get(b"content-length").is_some_and(|l| &l[..] != b"0") {
            return self.attempt_reset(attempt, UpstreamReset::ProtocolError);
        }
        current.closes = headers
            .text("connection")
            .is_some_and(|value| value.split(',').any(|one| one.trim() == "close"));
        stream.info.upstream.first_received.get_or_insert(now);
        let refused = code != 101 && stream.request.headers.as_ref().is_some_and(is_upgrade);
        let mut received = HeaderMap::new();
        for (name, value) in headers {
            received.add(MapKind::Response, name, value);
        }
        let end = end || http1 && refused;
        if http1 && refused {
            // A server that does not switch has nothing more to say on this connection.
            received.remove(b"content-length");
        }
        stream.info.details = Some("via_upstream".to_owned());
        match chain {
            None => self.response_headers(id, received, end),
            Some(chain) => {
                self.world.streams.at(chain).response.headers = Some(received);
                self.encode_headers(chain, Start::Chain, end);
            }
        }
        if end {
            self.answer_is_here(attempt);
        }
    }

    pub(crate) fn attempt_data(&mut self, attempt: AttemptId, data: Bytes, end: bool) {
        if self.mirror_answers(attempt, None, end) {
            return;
        }
        let Some(id) = self.stream_of(attempt) else { return };
        let now = self.world.now;
        let stream = self.world.streams.at(id);
        stream.info.upstream.last_received = Some(now);
        let Some(current) = stream.router.attempt.as_ref() else { return };
        let (http1, chain) = (!current.http2, current.chain);
        // HTTP/1's codec sees the end of a message after its last byte.
        let split = http1 && end && !data.is_empty();
        match chain {
            None => {
                self.response_data(id, data, end && !split);
            }
            Some(chain) => {
                let data = Data::Frame(data.into());
                self.encode_data(chain, Start::Chain, data, end && !split);
            }
        }
        if split {
            self.attempt_data(attempt, Bytes::new(), true);
        } else if end {
            self.answer_is_here(attempt);
        }
    }

    pub(crate) fn attempt_trailers(&mut self, attempt: AttemptId, trailers: HeaderMap) {
        if self.mirror_answers(attempt, None, true) {
            return;
        }
        let Some(id) = self.stream_of(attempt) else { return };
        let Some(current) = self.world.streams.at(id).router.attempt.as_ref() else { return };
        if !current.http2 {
            // Those of HTTP/1 servers are dropped, and the end remains.
            return self.attempt_data(attempt, Bytes::new(), true);
        }
        match current.chain {
            None => self.response_trailers(id, trailers),
            Some(chain) => {
                self.world.streams.at(chain).response.trailers = Some(trailers);
                self.encode_trailers(chain, Start::Chain);
            }
        }
        self.answer_is_here(attempt);
    }

    pub(crate) fn disable_upstream_read(&mut self, id: StreamId) {
        let id = self.world.streams.owner_of(id);
        if let Some(attempt) = self.world.streams.at(id).router.attempt.as_mut() {
            attempt.read_disabled += 1;
            let (first, attempt) = (attempt.read_disabled == 1, attempt.id);
            if first {
                self.world.effect(Effect::ReadUpstream { attempt, enabled: false });
            }
        }
    }

    pub(crate) fn enable_upstream_read(&mut self, id: StreamId) {
        let id = self.world.streams.owner_of(id);
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
pub(crate) fn on_the_wire(mut headers: HeaderMap, http2: bool, end_stream: bool) -> HeaderMap {
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
