//! How streams begin, wait too long, and end.

use super::{
    arrival::WINDOW,
    codec::{is_connect, is_upgrade},
};
use crate::{
    abi::{Callback, ContextId},
    host::{OpenStream, Protocol},
    model::{
        access_log,
        call::LocalReply,
        chain::{Filter, Kind, PluginFilter},
        effect::{AccessEntry, Effect, StreamEvent, StreamId},
        engine::Engine,
        flag::Flags,
        headers::HeaderMap,
        route::RouteAction,
        stream::Stream,
        time::{Event, nanos},
        vm::VmId,
        vm_registry::ForStream,
    },
};

impl Engine {
    pub(crate) fn open_stream(&mut self, open: &OpenStream) -> StreamId {
        let config = self.config();
        let id = self.world.streams.next_id();
        let mut stream = Stream {
            id,
            listener: open.listener,
            worker: open.worker,
            protocol: open.protocol,
            peer: Some(open.peer),
            ..Stream::default()
        };
        stream.info.start = self.world.now;
        stream.info.start_wall = self.world.wall_nanos();
        stream.info.remote = Some(open.peer);
        if let Some(listener) = config.listeners.get(open.listener) {
            let settings = &listener.manager.settings;
            stream.manager = Some(listener.manager.clone());
            stream.chain.limit = match open.protocol {
                Protocol::Http10 | Protocol::Http11 => listener.buffer_limit,
                Protocol::Http2 => WINDOW,
            };
            stream.idle_timeout = settings.stream_idle_timeout.map(nanos);
            stream.request_timer = settings.request_timeout.map(|limit| {
                let due = self.world.now.saturating_add(nanos(limit));
                self.world.schedule.at(due, Event::RequestTimeout(id))
            });
        }
        self.world.streams.insert(stream);
        self.reset_idle_timer(id);
        id
    }

    /// Makes the filters of a stream; false: an upgrade that nobody lets through.
    pub(crate) fn create_filter_chain(&mut self, id: StreamId) -> bool {
        let stream = self.world.streams.at(id);
        if std::mem::replace(&mut stream.chain.created, true) {
            return true;
        }
        let allowed = self.upgrade_allowed(id);
        let stream = self.world.streams.at(id);
        let (Some(manager), worker) = (stream.manager.clone(), stream.worker) else {
            return allowed;
        };
        let mut filters = Vec::new();
        for place in &manager.plugins {
            let plugin = *place;
            let (vm, context) = match self.plugin_for_stream(worker, plugin) {
                ForStream::Skip => continue,
                ForStream::Dead => (None, 0),
                ForStream::Live(handle) => {
                    let context = self.new_stream_context(handle, id, filters.len());
                    (Some(handle.vm), context)
                }
            };
            filters.push(Filter::new(Kind::Plugin(PluginFilter {
                plugin,
                vm,
                context,
                created: false,
                failed: false,
                failure_reply_sent: false,
            })));
        }
        filters.push(Filter::new(Kind::Router));
        self.world.streams.at(id).chain.filters = filters;
        allowed
    }

    /// An upgrade passes if the route allows it, or the route says nothing and the manager allows it.
    fn upgrade_allowed(&mut self, id: StreamId) -> bool {
        let stream = self.world.streams.at(id);
        let (Some(manager), Some(headers)) = (&stream.manager, &stream.request.headers) else {
            return true;
        };
        let wanted = if is_upgrade(headers) {
            headers.text("upgrade").unwrap_or_default().to_ascii_lowercase()
        } else if let Some(protocol) = headers.text(":protocol") {
            protocol.to_ascii_lowercase()
        } else if is_connect(headers) {
            "connect".to_owned()
        } else {
            return true;
        };
        let by_route = stream.info.route.as_ref().and_then(|route| match &route.action {
            RouteAction::Forward(forward) => {
                forward.upgrades.iter().find(|up| up.protocol == wanted).map(|up| up.enabled)
            }
            RouteAction::Direct(_) | RouteAction::Redirect(..) => None,
        });
        let by_manager = || {
            let known = manager.settings.upgrades.iter().find(|up| up.protocol == wanted);
            known.is_some_and(|up| up.enabled)
        };
        let allowed = by_route.unwrap_or_else(by_manager);
        stream.connection.upgraded = allowed;
        allowed
    }

    /// What the first chosen route says about this stream's limits.
    pub(crate) fn apply_route_limits(&mut self, id: StreamId) {
        let stream = self.world.streams.at(id);
        if let Some(RouteAction::Forward(forward)) =
            stream.info.route.as_ref().map(|route| &route.action)
            && let Some(idle) = forward.idle_timeout
        {
            stream.idle_timeout = idle.map(nanos);
        }
    }

    pub(crate) fn reset_idle_timer(&mut self, id: StreamId) {
        let now = self.world.now;
        let stream = self.world.streams.at(id);
        if stream.chain.destroyed {
            return;
        }
        let (old, limit) = (stream.idle_timer.take(), stream.idle_timeout);
        self.world.schedule.cancel(old);
        let due = limit.map(|limit| now.saturating_add(limit));
        let timer = due.map(|due| self.world.schedule.at(due, Event::StreamIdle(id)));
        self.world.streams.at(id).idle_timer = timer;
    }

    pub(crate) fn disarm_request_timeout(&mut self, id: StreamId) {
        let timer = self.world.streams.at(id).request_timer.take();
        self.world.schedule.cancel(timer);
    }

    pub(crate) fn on_stream_idle(&mut self, id: StreamId) {
        let stream = self.world.streams.at(id);
        stream.idle_timer = None;
        stream.info.flags.insert(Flags::STREAM_IDLE_TIMEOUT);
        let status = if stream.chain.remote_decode_complete { 504 } else { 408 };
        self.send_local_reply(id, text_reply(status, "stream timeout", "stream_idle_timeout"));
    }

    pub(crate) fn on_request_timeout(&mut self, id: StreamId) {
        self.world.streams.at(id).request_timer = None;
        self.send_local_reply(id, text_reply(408, "request timeout", "request_overall_timeout"));
    }

    /// A bad request on HTTP/1 ends its connection.
    pub(crate) fn note_local_reply(&mut self, id: StreamId, status: u32) {
        let stream = self.world.streams.at(id);
        if status == 400 && stream.protocol != Protocol::Http2 {
            stream.connection.closing = true;
        }
    }

    /// The response has left; the stream ends, whether or not the request has arrived.
    pub(crate) fn end_stream(&mut self, id: StreamId) {
        let chain = &mut self.world.streams.at(id).chain;
        if chain.destroyed {
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
        let stream = self.world.streams.at(id);
        if stream.chain.destroyed {
            return;
        }
        stream.chain.saw_downstream_reset = true;
        let (flag, details) = match stream.protocol {
            Protocol::Http10 | Protocol::Http11 => {
                (Flags::DOWNSTREAM_CONNECTION_TERMINATION, "downstream_remote_disconnect")
            }
            Protocol::Http2 => (Flags::DOWNSTREAM_REMOTE_RESET, "http2.remote_reset"),
        };
        stream.info.flags.insert(flag);
        stream.info.details = Some(details.to_owned());
        self.destroy_stream(id);
    }

    /// A stream that came to nothing: nobody is told of it.
    pub(crate) fn forget_stream(&mut self, id: StreamId) {
        let stream = self.world.streams.at(id);
        stream.chain.destroyed = true;
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
    fn end_plugin(&mut self, id: StreamId, filter: usize) -> Option<(VmId, ContextId)> {
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
                lines.push(access_log::render(&log.format, stream, &mut unknown));
            }
        }
        let entry = AccessEntry {
            response_code: stream.info.response_code,
            flags: stream.info.flags.to_string(),
            details: stream.info.details.clone().unwrap_or_else(|| "-".to_owned()),
            lines,
        };
        for operator in unknown {
            self.world.refuse(&format!("access log: operator %{operator}% is not modelled"));
        }
        entry
    }
}

pub(crate) fn text_reply(status: u32, body: &str, details: &str) -> LocalReply {
    LocalReply {
        status,
        details: details.into(),
        body: body.into(),
        grpc_status: -1,
        headers: Vec::new(),
    }
}

/// Whether the map is a request that may not end on its own: used by the router's timeouts.
pub(crate) fn is_tunnel(headers: &HeaderMap) -> bool {
    is_upgrade(headers) || is_connect(headers)
}
