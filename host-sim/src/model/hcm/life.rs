//! How streams begin, and how long they may wait.

use super::{
    arrival::WINDOW,
    codec::{is_connect, is_upgrade},
};
use crate::{
    host::{OpenStream, Protocol},
    model::{
        call::LocalReply,
        chain::{Filter, Kind, PluginFilter},
        effect::StreamId,
        engine::Engine,
        flag::Flags,
        route::RouteAction,
        stream::Stream,
        time::{Event, nanos},
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
        self.send_local_reply(
            id,
            LocalReply::text(status, "stream timeout", "stream_idle_timeout"),
        );
    }

    pub(crate) fn on_request_timeout(&mut self, id: StreamId) {
        self.world.streams.at(id).request_timer = None;
        self.send_local_reply(
            id,
            LocalReply::text(408, "request timeout", "request_overall_timeout"),
        );
    }

    /// A bad request on HTTP/1 ends its connection.
    pub(crate) fn note_local_reply(&mut self, id: StreamId, status: u32) {
        let stream = self.world.streams.at(id);
        if status == 400 && stream.protocol != Protocol::Http2 {
            stream.connection.closing = true;
        }
    }
}
