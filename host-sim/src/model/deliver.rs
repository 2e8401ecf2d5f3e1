//! What happens by itself: timers, queue callbacks, answers to calls.

use bytes::Bytes;

use super::{
    context::CallAnswer,
    effect::{CalloutId, CalloutOutcome, Effect, UpstreamReset},
    engine::Engine,
    headers::HeaderMap,
    router::failure_of,
    thread::Thread,
    time::{Event, Nanos},
    vm::VmId,
};
use crate::abi::{Callback, ContextId, Status};

impl Engine {
    /// Moves time; what falls due on the way happens in order.
    pub(crate) fn advance_to(&mut self, until: Nanos) {
        while let Some((at, event)) = self.world.schedule.pop(until) {
            self.world.now = self.world.now.max(at);
            self.world.trace.line(self.world.now, format_args!("{event:?}"));
            self.happen(event);
            self.world.streams.bury();
        }
        self.world.now = self.world.now.max(until);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick { vm, root } => self.tick(vm, root),
            Event::QueueReady { thread, spec, context, token } => {
                self.queue_ready(thread, spec, context, token);
            }
            Event::Read(id) => self.read(id),
            Event::StreamIdle(id) => self.on_stream_idle(id),
            Event::RequestTimeout(id) => self.on_request_timeout(id),
            Event::ResponseTimeout(id) => self.on_response_timeout(id),
            Event::ConnectTimeout(attempt) if self.world.grpc.contains_key(&attempt) => {
                self.on_grpc_connect_timeout(attempt);
            }
            Event::GrpcTimeout(attempt) => self.on_grpc_timeout(attempt),
            Event::ConnectTimeout(attempt) => {
                self.attempt_timed_out(attempt);
            }
            Event::PerTryTimeout(attempt) => self.on_per_try_timeout(attempt),
            Event::Retry(id) => self.on_retry(id),
            Event::MirrorTimeout(attempt) => self.on_mirror_timeout(attempt),
            Event::CalloutConnected(call) => self.callout_connected(call),
            Event::CalloutTimeout(call) => {
                let Some(callout) = self.world.callouts.get(call) else { return };
                let (asked, http2, began) = (callout.asked, callout.http2, callout.began);
                let cluster = callout.pool.cluster.clone();
                if let Some((_, counter)) = asked.limit(began) {
                    self.world.upstreams.count(&cluster, counter);
                }
                self.world.effect(Effect::CalloutCancelled { call });
                // Nobody answers in the place of a server that has begun to.
                let answer = (!began).then(|| timed_out(asked.times_out_quietly));
                self.answer_callout(call, answer, http2);
            }
        }
    }

    fn tick(&mut self, vm: VmId, context: ContextId) {
        if let Some(root) = self.world.root_at(vm, context) {
            root.tick = None;
            self.call(vm, &Callback::Tick { context });
            self.world.arm_tick(vm, context);
        }
    }

    /// The VM is the one that its thread uses now: a queue survives the VM that registered it.
    fn queue_ready(&mut self, thread: Thread, key: usize, context: ContextId, token: u32) {
        if let Some(vm) = self.registry.vm(thread, key)
            && self.world.vms.get(vm.0).is_some_and(|vm| vm.contexts.contains_key(&context))
        {
            self.call(vm, &Callback::QueueReady { context, token });
        }
    }

    /// The end of a plugin's own request.
    pub(crate) fn callout_ended(&mut self, call: CalloutId, outcome: CalloutOutcome) {
        // A stream of HTTP/2 can break alone.
        let of_stream = matches!(
            outcome,
            CalloutOutcome::RemoteReset | CalloutOutcome::Refused(UpstreamReset::ProtocolError)
        );
        let answer = match outcome {
            CalloutOutcome::Response { headers, body, trailers } => Some(CallAnswer {
                headers,
                body,
                from_server: true,
                trailers: Some(trailers).filter(|trailers| !trailers.is_empty()),
            }),
            // The proxy's own client answers in the server's place as long as nothing has come.
            CalloutOutcome::ConnectFailure => Some(self.answer_for(UpstreamReset::ConnectFailure)),
            CalloutOutcome::NoResponse => {
                Some(self.answer_for(UpstreamReset::ConnectionTermination))
            }
            CalloutOutcome::RemoteReset => Some(self.answer_for(UpstreamReset::RemoteReset)),
            CalloutOutcome::Refused(reset) => Some(self.answer_for(reset)),
            CalloutOutcome::Reset => None,
        };
        let http2 = self.world.callouts.get(call).is_some_and(|callout| callout.http2);
        let stands = answer.as_ref().is_some_and(CallAnswer::leaves_a_connection);
        self.answer_callout(call, answer, stands || http2 && of_stream);
    }

    fn answer_for(&self, reset: UpstreamReset) -> CallAnswer {
        let (status, text, _) = failure_of(reset, false, self.world.envoy);
        local_answer(status, text)
    }

    /// Tells the guest; `reusable`: the connection can carry another request.
    pub(crate) fn answer_callout(
        &mut self,
        call: CalloutId,
        mut answer: Option<CallAnswer>,
        reusable: bool,
    ) {
        let Some(callout) = self.world.callouts.take(call) else { return };
        self.release_callout(&callout, reusable);
        if let Some(answer) = answer.as_mut().filter(|answer| answer.from_server) {
            let millis = self.world.now.saturating_sub(callout.sent) / 1_000_000;
            answer.headers.set("x-envoy-upstream-service-time", millis.to_string());
        }
        let (vm, context, token) = (callout.vm, callout.root, callout.token);
        let Some(root) = self.world.root_at(vm, context) else { return };
        let size = |map: &HeaderMap| u32::try_from(map.len()).unwrap_or(u32::MAX);
        let callback = match &answer {
            Some(answer) => Callback::HttpCallResponse {
                context,
                token,
                headers: size(&answer.headers),
                body_size: u32::try_from(answer.body.len()).unwrap_or(u32::MAX),
                trailers: answer.trailers.as_ref().map_or(0, size),
            },
            None => {
                root.status = (Status::BrokenConnection as u32, "reset".to_owned());
                Callback::HttpCallResponse { context, token, headers: 0, body_size: 0, trailers: 0 }
            }
        };
        root.answer = answer;
        root.calls.remove(&token);
        self.enter_guest(vm, &callback);
        // What the guest asked for happens when the answer is out of reach again.
        if let Some(root) = self.world.root_at(vm, context) {
            root.answer = None;
            root.status.1.clear();
        }
        self.run_after_call(vm);
    }
}

fn timed_out(quietly: bool) -> CallAnswer {
    if quietly {
        let headers = [(":status", "204")].into_iter().collect();
        return CallAnswer { headers, body: Bytes::new(), trailers: None, from_server: false };
    }
    local_answer(504, "upstream request timeout".to_owned())
}

/// The response that the proxy makes in the place of a server's.
pub(crate) fn local_answer(status: u32, body: String) -> CallAnswer {
    let headers = [
        (":status", status.to_string()),
        ("content-length", body.len().to_string()),
        ("content-type", "text/plain".to_owned()),
    ];
    CallAnswer {
        headers: headers.into_iter().collect(),
        body: body.into(),
        trailers: None,
        from_server: false,
    }
}
