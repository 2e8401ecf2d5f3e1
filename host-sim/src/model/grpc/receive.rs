//! What a server of a gRPC call or stream does, and what the plugin is told of it.
//!
//! A stream hears of everything in its order; a call only of its one message, or of its failure.
//! What fails before there is a response reaches a stream as one that consists of trailers: it is the
//! answer that Envoy makes in the server's place.

use bytes::Bytes;

use super::{Exchange, View};
use crate::{
    abi::Callback,
    model::{
        buffer::Buffer,
        effect::{AttemptId, Effect, StreamId, UpstreamEvent, UpstreamReset},
        engine::Engine,
        filter_manager::grpc_status_of,
        headers::HeaderMap,
        router::failure_of,
        vm::VmId,
    },
};

/// Statuses of gRPC that Envoy's client gives by itself.
const UNKNOWN: u32 = 2;
const INTERNAL: u32 = 13;
/// The largest status there is.
const LARGEST: u32 = 16;
/// What stands for a status that is none.
const INVALID: u32 = u32::MAX;

/// How a response that came from a server is described.
const VIA_UPSTREAM: &str = "via_upstream";

impl Engine {
    pub(crate) fn grpc_connected(&mut self, attempt: AttemptId) {
        let world = &mut self.world;
        let Some(exchange) = world.grpc.get_mut(&attempt) else { return };
        let (timer, waiting) = (exchange.connect_timer.take(), exchange.waiting.take());
        exchange.sent = world.now;
        world.schedule.cancel(timer);
        for event in waiting.into_iter().flatten() {
            world.effect(Effect::Upstream { attempt, stream: StreamId(0), event });
        }
    }

    pub(crate) fn grpc_headers(&mut self, attempt: AttemptId, mut headers: HeaderMap, end: bool) {
        let now = self.world.now;
        let Some(exchange) = self.world.grpc.get_mut(&attempt) else { return };
        let millis = now.saturating_sub(exchange.sent) / 1_000_000;
        headers.set("x-envoy-upstream-service-time", millis.to_string());
        exchange.started = true;
        let code: u32 = headers.text(":status").and_then(|code| code.parse().ok()).unwrap_or(0);
        let initial = if end { HeaderMap::new() } else { headers.clone() };
        self.tell_initial(attempt, initial);
        if end && (code == 200 || status_of(&headers).is_some()) {
            self.grpc_trailers(attempt, headers);
        } else if code != 200 {
            let status = u32::try_from(grpc_status_of(code)).unwrap_or(UNKNOWN);
            self.fail_grpc(attempt, status, VIA_UPSTREAM);
        }
    }

    pub(crate) fn grpc_data(&mut self, attempt: AttemptId, data: &Bytes, end: bool) {
        if let Some(exchange) = self.world.grpc.get_mut(&attempt) {
            exchange.frames.push(data);
        }
        loop {
            // A message may make the plugin cancel what it belongs to.
            let Some(exchange) = self.world.grpc.get_mut(&attempt) else { return };
            match exchange.frames.next() {
                Err(super::frame::Flagged) => {
                    return self.fail_grpc(attempt, INTERNAL, VIA_UPSTREAM);
                }
                Ok(Some(message)) if exchange.unary => exchange.message = Some(message),
                Ok(Some(message)) => {
                    let (vm, context, token) = (exchange.vm, exchange.root, exchange.token);
                    self.tell_message(vm, context, token, message);
                }
                Ok(None) => break,
            }
        }
        if end {
            self.fail_grpc(attempt, UNKNOWN, VIA_UPSTREAM);
        }
    }

    pub(crate) fn grpc_trailers(&mut self, attempt: AttemptId, trailers: HeaderMap) {
        let status = status_of(&trailers).unwrap_or(UNKNOWN);
        let message = match trailers.text("grpc-message") {
            None | Some("") => VIA_UPSTREAM.to_owned(),
            Some(text) => format!("{text}{{{VIA_UPSTREAM}}}"),
        };
        self.tell_trailing(attempt, trailers);
        self.end_grpc(attempt, status, message);
    }

    pub(crate) fn grpc_reset(&mut self, attempt: AttemptId, reset: UpstreamReset) {
        let Some(exchange) = self.world.grpc.get(&attempt) else { return };
        let started = exchange.started;
        let (_, body, details) = failure_of(reset, started, self.world.envoy);
        if started {
            self.fail_grpc(attempt, INTERNAL, &details);
        } else {
            self.answer_grpc(attempt, &body, &details);
        }
    }

    pub(crate) fn on_grpc_connect_timeout(&mut self, attempt: AttemptId) {
        let event = UpstreamEvent::Reset;
        self.world.effect(Effect::Upstream { attempt, stream: StreamId(0), event });
        self.grpc_reset(attempt, UpstreamReset::ConnectTimeout);
    }

    pub(crate) fn on_grpc_timeout(&mut self, attempt: AttemptId) {
        if let Some(exchange) = self.world.grpc.get(&attempt) {
            self.world.upstreams.count(&exchange.cluster, "upstream_rq_timeout");
        }
        let event = UpstreamEvent::Reset;
        self.world.effect(Effect::Upstream { attempt, stream: StreamId(0), event });
        self.answer_grpc(attempt, "upstream request timeout", "response_timeout");
    }

    /// Envoy's own response, as gRPC has it: no body, and everything in its trailers.
    fn answer_grpc(&mut self, attempt: AttemptId, text: &str, details: &str) {
        let trailers = [
            (":status", "200".to_owned()),
            ("content-type", "application/grpc".to_owned()),
            ("grpc-status", super::UNAVAILABLE.to_string()),
            ("grpc-message", text.to_owned()),
        ];
        self.tell_initial(attempt, HeaderMap::new());
        self.tell_trailing(attempt, trailers.into_iter().collect());
        self.end_grpc(attempt, super::UNAVAILABLE, format!("{text}{{{details}}}"));
    }

    /// Ends a response that is not what gRPC wants.
    fn fail_grpc(&mut self, attempt: AttemptId, status: u32, details: &str) {
        self.tell_trailing(attempt, HeaderMap::new());
        if self.world.grpc.contains_key(&attempt) {
            let event = UpstreamEvent::Reset;
            self.world.effect(Effect::Upstream { attempt, stream: StreamId(0), event });
        }
        self.end_grpc(attempt, status, details.to_owned());
    }

    fn end_grpc(&mut self, attempt: AttemptId, status: u32, details: String) {
        let Some(exchange) = self.world.forget_grpc(attempt) else { return };
        let Exchange { vm, root: context, token, unary, message, .. } = exchange;
        if let Some(root) = self.world.root_at(vm, context)
            && let Some(state) = root.grpc.get_mut(&token)
        {
            state.attempt = None;
            if unary || state.closed {
                root.grpc.remove(&token);
            }
        }
        match message {
            Some(message) if unary && status == 0 => self.tell_message(vm, context, token, message),
            None if unary && status == 0 => {
                self.close_grpc(vm, context, token, INTERNAL, String::new());
            }
            _ => self.close_grpc(vm, context, token, status, details),
        }
    }

    /// The last that a plugin hears of a token.
    pub(crate) fn close_grpc(
        &mut self,
        vm: VmId,
        context: u32,
        token: u32,
        grpc_status: u32,
        message: String,
    ) {
        let Some(root) = self.world.root_at(vm, context) else { return };
        root.status = (grpc_status, message);
        self.call(vm, &Callback::GrpcClose { context, token, grpc_status });
        if let Some(root) = self.world.root_at(vm, context) {
            root.status.1.clear();
        }
    }

    fn tell_initial(&mut self, attempt: AttemptId, initial: HeaderMap) {
        let Some(exchange) = self.world.grpc.get(&attempt).filter(|one| !one.unary) else { return };
        let (vm, context, token) = (exchange.vm, exchange.root, exchange.token);
        let headers = size(&initial);
        let view = View { initial: Some(initial), ..View::default() };
        let callback = Callback::GrpcReceiveInitialMetadata { context, token, headers };
        self.show_grpc(vm, context, view, &callback);
    }

    fn tell_trailing(&mut self, attempt: AttemptId, trailing: HeaderMap) {
        let Some(exchange) = self.world.grpc.get(&attempt).filter(|one| !one.unary) else { return };
        let (vm, context, token) = (exchange.vm, exchange.root, exchange.token);
        let trailers = size(&trailing);
        let view = View { trailing: Some(trailing), ..View::default() };
        let callback = Callback::GrpcReceiveTrailingMetadata { context, token, trailers };
        self.show_grpc(vm, context, view, &callback);
    }

    fn tell_message(&mut self, vm: VmId, context: u32, token: u32, message: Bytes) {
        let size = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let mut buffer = Buffer::default();
        buffer.append(message);
        let view = View { message: Some(buffer), ..View::default() };
        self.show_grpc(vm, context, view, &Callback::GrpcReceive { context, token, size });
    }

    fn show_grpc(&mut self, vm: VmId, context: u32, view: View, callback: &Callback) {
        let Some(root) = self.world.root_at(vm, context) else { return };
        root.grpc_view = view;
        self.call(vm, callback);
        if let Some(root) = self.world.root_at(vm, context) {
            root.grpc_view = View::default();
        }
    }
}

fn size(map: &HeaderMap) -> u32 {
    u32::try_from(map.len()).unwrap_or(u32::MAX)
}

fn status_of(headers: &HeaderMap) -> Option<u32> {
    let text = headers.text("grpc-status").filter(|text| !text.is_empty())?;
    Some(text.parse().ok().filter(|status| *status <= LARGEST).unwrap_or(INVALID))
}
