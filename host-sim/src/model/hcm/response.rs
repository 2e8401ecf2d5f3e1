//! A response after the last filter, on its way to the client.

use bytes::Bytes;

use super::codec::{Follows, frame, is_connect, is_upgrade, leaves_body_out, status_without_body};
use crate::{
    host::Protocol,
    model::{
        date,
        effect::{Effect, StreamEvent, StreamId},
        engine::Engine,
        headers::{HeaderMap, check},
    },
};

impl Engine {
    pub(crate) fn send_response_headers(&mut self, id: StreamId, end_stream: bool) {
        if self.world.streams.at(id).parent.is_some() {
            return self.answer_of_chain(id, end_stream);
        }
        let wall = self.world.wall_nanos();
        let draining = self.world.draining;
        let keep_alive_passes = self.world.envoy.passes_keep_alive();
        let stream = self.world.streams.at(id);
        let old = stream.protocol != Protocol::Http2;
        let Some(manager) = stream.manager.clone() else { return };
        let request = stream.request.headers.as_ref();
        let tunnel = request.is_some_and(|request| is_upgrade(request) || is_connect(request));
        let request_id = request.and_then(|request| request.get(b"x-request-id").cloned());
        let Some(headers) = stream.response.headers.as_mut() else { return };
        if !headers.contains(b"date") {
            headers.append("date", date::http_date(wall));
        }
        headers.set("server", "envoy");
        let tunnel = tunnel && (is_upgrade(headers) || is_success(headers));
        clean(headers, tunnel, old && keep_alive_passes);
        if let (true, Some(value)) =
            (manager.settings.always_set_request_id_in_response, request_id)
        {
            headers.set("x-request-id", value);
        }
        let view = &mut stream.connection;
        if stream.protocol == Protocol::Http10 {
            view.closing |= !headers.contains(b"content-length");
            if !view.closing {
                headers.set("connection", "keep-alive");
            }
        }
        // HTTP/1 cannot skip the rest of a request that is still coming. HTTP/2 drains by GOAWAY.
        view.closing |= old && (draining || !stream.chain.remote_decode_complete);
        if view.closing && old && !tunnel {
            headers.set("connection", "close");
        }
        let undefined = check::undefined_in_http1(headers).filter(|_| old);
        let status = check::status(headers);
        stream.info.response_code = status.map(low_half);
        let mut wire = headers.clone();
        if let (true, Some(status)) = (old, status) {
            // HTTP/1 has the number; HTTP/2 has the text.
            wire.set(":status", status.to_string());
        }
        let follows = match end_stream {
            _ if tunnel => Follows::Tunnel,
            _ if status.is_some_and(status_without_body) => Follows::Never,
            true if status == Some(304) => Follows::Never,
            _ if stream.chain.is_head => Follows::Elsewhere,
            true => Follows::Nothing,
            false => Follows::Body,
        };
        frame(&mut wire, stream.protocol, follows);
        let event = StreamEvent::Headers(wire, end_stream);
        self.world.effect(Effect::Downstream { stream: id, event });
        if let Some(what) = undefined {
            self.world.note_undefined(id, what);
        }
    }

    /// Gives back what was not taken: to a client everything goes, but filters of the client's stream may leave
    /// a piece that comes from those of an attempt.
    pub(crate) fn send_response_data(
        &mut self,
        id: StreamId,
        data: Bytes,
        end_stream: bool,
    ) -> Bytes {
        if self.world.streams.at(id).parent.is_some() {
            return self.answer_data_of_chain(id, data, end_stream);
        }
        let stream = self.world.streams.at(id);
        stream.info.bytes_sent += data.len() as u64;
        let old = stream.protocol != Protocol::Http2;
        let data = match old && leaves_body_out(stream.info.response_code) {
            true => Bytes::new(),
            false => data,
        };
        if !data.is_empty() || end_stream {
            let event = StreamEvent::Data(data, end_stream);
            self.world.effect(Effect::Downstream { stream: id, event });
        }
        Bytes::new()
    }

    /// HTTP/1 drops trailers unless it is told not to; the end remains.
    pub(crate) fn send_response_trailers(&mut self, id: StreamId) {
        if self.world.streams.at(id).parent.is_some() {
            return self.answer_trailers_of_chain(id);
        }
        let stream = self.world.streams.at(id);
        let dropped = stream.protocol != Protocol::Http2
            && !stream.manager.as_ref().is_some_and(|m| m.settings.http1.enable_trailers);
        let trailers = stream.response.trailers.clone().unwrap_or_default();
        let event = if dropped || trailers.is_empty() {
            StreamEvent::Data(Bytes::new(), true)
        } else {
            StreamEvent::Trailers(trailers)
        };
        self.world.effect(Effect::Downstream { stream: id, event });
    }
}

/// Takes out what belongs to another connection.
fn clean(headers: &mut HeaderMap, tunnel: bool, keep_alive_passes: bool) {
    if !(tunnel && is_upgrade(headers)) {
        headers.remove_all(&["connection", "upgrade"]);
    }
    headers.remove_all(&["transfer-encoding", "proxy-connection"]);
    if !keep_alive_passes {
        headers.remove(b"keep-alive");
    }
}

/// So many bits of a status are kept for logs and plugins.
fn low_half(status: u64) -> u32 {
    u32::try_from(status & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

fn is_success(headers: &HeaderMap) -> bool {
    headers.text(":status").is_some_and(|code| code.starts_with('2'))
}
