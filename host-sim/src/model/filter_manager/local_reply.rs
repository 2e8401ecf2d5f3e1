//! Responses that the proxy or a plugin gives by itself.
//!
//! Before any response headers exist, a reply passes the whole encode chain, the plugin that sent it
//! included. While a filter callback is on the stack it is only prepared, and sent when the callback
//! has returned. Once a response is in the chain, a reply goes straight to the client; once headers
//! have left, all that remains is to cut the stream.

use bytes::Bytes;

use super::{Data, Start};
use crate::host::Protocol;
use crate::model::{
    buffer::Buffer,
    call::LocalReply,
    chain::PreparedReply,
    effect::StreamId,
    engine::Engine,
    headers::{HeaderMap, MapKind},
    route::RouteAction,
    vm::Side,
};

/// The details of an answer that the route itself gives.
pub(crate) const DIRECT_RESPONSE: &str = "direct_response";

impl Engine {
    pub(crate) fn send_local_reply(&mut self, id: StreamId, reply: LocalReply) {
        let stream = self.world.streams.at(id);
        if stream.chain.destroyed {
            self.world.note_undefined(id, "a stream that was cut is answered");
            return;
        }
        if stream.chain.replying {
            self.world.note_undefined(id, "a reply is answered");
        }
        let stream = self.world.streams.at(id);
        if stream.parent.is_some() {
            return self.reply_from_chain(id, reply);
        }
        let calls = stream.chain.calls;
        if calls.decoding() {
            stream.chain.decoder_aborted = true;
        } else if calls.encoding() {
            stream.chain.encoder_aborted = true;
        }
        stream.info.details = Some(String::from_utf8_lossy(&reply.details).into_owned());
        let started = stream.response.headers.is_some();
        let encoded = stream.chain.response_headers_encoded;
        self.note_local_reply(id, reply.status);
        if !encoded {
            // Before any filter sees it, and whether or not it ever leaves.
            self.world.streams.at(id).info.response_code = Some(reply.status);
        }
        if !started {
            // The route is settled now, so that no filter of the response path chooses another.
            self.route(id);
            self.create_filter_chain(id);
            if calls.decoding() {
                let prepared = &mut self.world.streams.at(id).chain.prepared_reply;
                prepared.get_or_insert(PreparedReply { reply });
            } else {
                self.reply_through_chain(id, reply);
            }
        } else if !encoded {
            self.reply_directly(id, reply);
        } else {
            self.reset_stream(id);
        }
    }

    /// Sends the reply that a filter callback prepared.
    pub(super) fn execute_prepared_reply(&mut self, id: StreamId) {
        let stream = self.world.streams.at(id);
        if let Some(prepared) = stream.chain.prepared_reply.take() {
            let chain = &stream.chain;
            let headers_only = prepared.reply.body.is_empty() || chain.is_head || chain.is_grpc;
            if chain.destroyed && headers_only && stream.protocol != Protocol::Http2 {
                // Envoy sends what was prepared all the same, and ends a message that is not there.
                self.world.note_undefined(id, "a reply without a body is cut before it leaves");
            }
            self.reply_through_chain(id, prepared.reply);
        }
    }

    fn reply_through_chain(&mut self, id: StreamId, reply: LocalReply) {
        self.abandon_upstream(id);
        let (headers, body) = self.render(id, reply);
        let end = body.is_empty();
        let stream = self.world.streams.at(id);
        stream.response.headers = Some(headers);
        stream.chain.replying = true;
        self.encode_headers(id, Start::Chain, end);
        let chain = &mut self.world.streams.at(id).chain;
        chain.replying = false;
        if !end && !chain.destroyed {
            self.encode_data(id, Start::Chain, Data::Frame(Buffer::from(body)), true);
        }
    }

    fn reply_directly(&mut self, id: StreamId, reply: LocalReply) {
        self.abandon_upstream(id);
        let (headers, body) = self.render(id, reply);
        let end = body.is_empty();
        let stream = self.world.streams.at(id);
        stream.chain.encoder_streaming = true;
        stream.response.headers = Some(headers);
        stream.chain.response_headers_encoded = true;
        self.send_response_headers(id, end);
        if !end && !self.world.streams.at(id).chain.saw_downstream_reset {
            self.send_response_data(id, body, true);
        }
        let chain = &mut self.world.streams.at(id).chain;
        if !chain.saw_downstream_reset && !chain.destroyed {
            chain.remote_encode_complete = true;
            self.end_stream(id);
        }
    }

    /// A route edits also the responses that are not a server's: a forwarding route all of them, a
    /// route that answers by itself its own.
    fn edit_reply(&mut self, id: StreamId, headers: &mut HeaderMap) {
        let stream = self.world.streams.at(id);
        let Some(route) = stream.info.route.clone() else { return };
        let own = stream.info.details.as_deref() == Some(DIRECT_RESPONSE);
        if own == matches!(route.action, RouteAction::Forward(_)) {
            return;
        }
        let before = stream.response.headers.replace(std::mem::take(headers));
        self.edit_headers(id, Side::Encode, &route.response_edits);
        let stream = self.world.streams.at(id);
        *headers = std::mem::replace(&mut stream.response.headers, before).unwrap_or_default();
    }

    /// Headers and body of a reply; a gRPC request gets its status in headers instead.
    fn render(&mut self, id: StreamId, reply: LocalReply) -> (HeaderMap, Bytes) {
        let stream = self.world.streams.at(id);
        let (is_grpc, is_head) = (stream.chain.is_grpc, stream.chain.is_head);
        let mut headers = HeaderMap::new();
        headers.append(":status", reply.status.to_string());
        self.edit_reply(id, &mut headers);
        for (name, value) in reply.headers {
            headers.add(MapKind::Response, name, value);
        }
        // Whatever they said of it.
        headers.set(":status", reply.status.to_string());
        if is_grpc {
            headers.set(":status", "200");
            headers.set("content-type", "application/grpc");
            if !headers.contains(b"grpc-status") {
                let code = match reply.grpc_status {
                    code @ 0..=16 => code,
                    _ => grpc_status_of(reply.status),
                };
                headers.set("grpc-status", code.to_string());
            }
            if !reply.body.is_empty() && !is_head {
                headers.set("grpc-message", percent_encode(&reply.body));
            }
            headers.remove(b"content-length");
            return (headers, Bytes::new());
        }
        if reply.body.is_empty() {
            headers.remove(b"content-length");
            headers.remove(b"content-type");
        } else {
            headers.set("content-length", reply.body.len().to_string());
            if !headers.contains(b"content-type") {
                headers.set("content-type", "text/plain");
            }
        }
        let body = if is_head { Vec::new() } else { reply.body };
        (headers, body.into())
    }
}

/// gRPC's own table from HTTP codes.
pub(crate) fn grpc_status_of(code: u32) -> i32 {
    match code {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

fn percent_encode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if (b' '..=b'~').contains(byte) && *byte != b'%' {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    out
}
