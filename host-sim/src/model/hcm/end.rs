//! How streams end: with their response, cut, or abandoned by the client.
//!
//! Plugins log first, all of them; then the access log is written, so that it can show what they
//! noted; then each plugin lets go, and the router gives up what it still has upstream.

use crate::{
    abi::{Callback, ContextId},
    host::Protocol,
    model::{
        access_log,
        effect::{AccessEntry, ClientReset, Effect, StreamEvent, StreamId},
        engine::Engine,
        flag::Flags,
        vm::VmId,
    },
};

impl Engine {
    /// The response has left; the stream ends, whether or not the request has arrived.
    pub(crate) fn end_stream(&mut self, id: StreamId) {
        let stream = self.world.streams.at(id);
        let chain = &mut stream.chain;
        // The filters of an attempt end when the router ends the attempt.
        if chain.destroyed || stream.parent.is_some() {
            return;
        }
        let cut = !chain.remote_encode_complete;
        chain.local_complete = true;
        if cut {
            chain.saw_downstream_reset = true;
            let event = StreamEvent::Reset("local_reset".to_owned());
            self.world.effect(Effect::Downstream { stream: id, event });
        }
        self.destroy_stream(id);
    }

    /// A filter or the router cuts the stream.
    pub(crate) fn reset_stream(&mut self, id: StreamId) {
        let id = self.world.streams.owner_of(id);
        let chain = &mut self.world.streams.at(id).chain;
        if chain.calls.decoding() {
            chain.decoder_aborted = true;
        } else if chain.calls.encoding() {
            chain.encoder_aborted = true;
        }
        self.end_stream(id);
    }

    /// The client is gone.
    pub(crate) fn downstream_gone(&mut self, id: StreamId) {
        let how = match self.world.streams.at(id).protocol {
            Protocol::Http10 | Protocol::Http11 => ClientReset::Gone,
            Protocol::Http2 => ClientReset::Cancelled,
        };
        self.client_ended(id, how);
    }

    /// The client ends a stream.
    pub(crate) fn client_ended(&mut self, id: StreamId, how: ClientReset) {
        let stream = self.world.streams.at(id);
        if stream.chain.destroyed {
            return;
        }
        stream.chain.saw_downstream_reset = true;
        let (flag, details) = match how {
            ClientReset::Gone => {
                (Flags::DOWNSTREAM_CONNECTION_TERMINATION, "downstream_remote_disconnect")
            }
            ClientReset::Cancelled => (Flags::DOWNSTREAM_REMOTE_RESET, "http2.remote_reset"),
            ClientReset::Protocol => (Flags::DOWNSTREAM_PROTOCOL_ERROR, "http2.remote_reset"),
        };
        stream.info.flags.insert(flag);
        stream.info.details = Some(details.to_owned());
        self.destroy_stream(id);
    }

    /// A stream that came to nothing: nobody is told of it.
    pub(crate) fn forget_stream(&mut self, id: StreamId) {
        self.world.streams.end(id);
        let stream = self.world.streams.at(id);
        for timer in [stream.idle_timer.take(), stream.request_timer.take()] {
            self.world.schedule.cancel(timer);
        }
    }

    /// The end: plugins log, the access log is written, plugins let go, the router gives up.
    fn destroy_stream(&mut self, id: StreamId) {
        let now = self.world.now;
        let stream = self.world.streams.at(id);
        stream.info.end = Some(now);
        self.forget_stream(id);
        let filters = self.world.streams.at(id).chain.filters.len();
        for filter in 0..filters {
            self.log_plugin(id, filter);
        }
        let access = self.access_entry(id);
        let roots: Vec<_> = (0..filters).filter_map(|filter| self.end_plugin(id, filter)).collect();
        self.abandon_upstream(id);
        self.end_mirrors(id);
        self.world.effect(Effect::Closed { stream: id, access });
        for (vm, root) in roots {
            self.end_root_if_unused(vm, root);
        }
    }

    fn log_plugin(&mut self, id: StreamId, filter: usize) {
        let Some(plugin) = self.world.streams.at(id).chain.plugin(filter).copied() else { return };
        let Some(vm) = plugin.vm.filter(|vm| !self.vm_failed(*vm)) else { return };
        self.create_stream_context(id, filter);
        self.set_logging(id, filter, true);
        self.call(vm, &Callback::Log { context: plugin.context });
        self.set_logging(id, filter, false);
    }

    fn set_logging(&mut self, id: StreamId, filter: usize, on: bool) {
        if let Some(plugin) = self.world.streams.at(id).chain.plugin(filter).copied()
            && let Some(vm) = plugin.vm
            && let Some(context) = self.world.context_at(vm, plugin.context)
        {
            context.logging = on;
        }
    }

    /// Ends a filter's context; gives the root context that it let go of.
    pub(crate) fn end_plugin(&mut self, id: StreamId, filter: usize) -> Option<(VmId, ContextId)> {
        let plugin = self.world.streams.at(id).chain.plugin(filter).copied()?;
        let (vm, context) = (plugin.vm?, plugin.context);
        if plugin.created && !self.vm_failed(vm) {
            // A stream that asks for time does not get it.
            self.call(vm, &Callback::Done { context });
            self.call(vm, &Callback::Delete { context });
        }
        let root = self.world.context_at(vm, context)?.root;
        self.world.vms.get_mut(vm.0)?.contexts.remove(&context);
        Some((vm, root))
    }

    fn access_entry(&mut self, id: StreamId) -> AccessEntry {
        let stream = self.world.streams.at(id);
        let mut unknown = Vec::new();
        let mut lines = Vec::new();
        if let Some(manager) = stream.manager.clone() {
            for log in &manager.settings.access_log {
                let mut operators = Vec::new();
                lines.push(access_log::render(&log.format, stream, &mut operators));
                unknown.extend(operators.into_iter().map(|name| (log.place.clone(), name)));
            }
        }
        let entry = AccessEntry {
            response_code: stream.info.response_code,
            flags: stream.info.flags.to_string(),
            details: stream.info.details.clone().unwrap_or_else(|| "-".to_owned()),
            lines,
        };
        for (place, operator) in unknown {
            self.world.refuse(&format!(
                "{place}: access_log: operator %{operator}% (the model has {})",
                access_log::OPERATORS.join(", ")
            ));
        }
        entry
    }
}
