//! A request before the first filter sees it.

use bytes::Bytes;

use super::{
    address,
    codec::{is_connect, is_upgrade},
    http1, http2,
    malformed::Malformed,
    normalize::{closes_connection, in_order, is_grpc, sanitize_connection, strip_port},
    request_id::uuid,
};
use crate::{
    bootstrap::route::RequestHead,
    host::Protocol,
    model::{
        EnvoyVersion,
        call::LocalReply,
        effect::{Effect, StreamEvent, StreamId},
        engine::Engine,
        filter_manager::{Data, Start},
        headers::HeaderMap,
        route::RouteAction,
        stream::{CachedRoute, StreamInfo},
    },
};

/// Headers of Envoy's own that no client from outside may set.
const FROM_INSIDE_ONLY: [&str; 13] = [
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-max-retries",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-ip-tags",
    "x-envoy-original-url",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-retriable-status-codes",
];

/// The same, at the first proxy of ours.
const NOT_AT_THE_EDGE: [&str; 4] = [
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-original-path",
];

/// What of a request a route can match.
struct Head<'a> {
    headers: &'a HeaderMap,
    info: &'a StreamInfo,
}

impl RequestHead for Head<'_> {
    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.values(name)
    }

    fn filter_state(&self, key: &str) -> Option<&[u8]> {
        self.info.filter_state.get(key.as_bytes()).map(Vec::as_slice)
    }
}

impl Engine {
    /// Request headers arrive.
    pub(crate) fn receive_headers(&mut self, id: StreamId, headers: HeaderMap, end_stream: bool) {
        let stream = self.world.streams.at(id);
        if stream.chain.destroyed {
            return;
        }
        let protocol = stream.protocol;
        let is_head = headers.get(b":method").is_some_and(|method| &method[..] == b"HEAD");
        if let Err(malformed) = self.check_head(id, &headers, end_stream) {
            // The version is looked at when the codec has understood the rest.
            self.world.streams.at(id).chain.is_head = is_head && malformed == Malformed::Version;
            return self.refuse_message(id, malformed);
        }
        let mut headers = in_order(headers, protocol);
        if protocol != Protocol::Http2 && !sanitize_connection(&mut headers) {
            return self.refuse_message(id, Malformed::Connection);
        }
        let stream = self.world.streams.at(id);
        stream.chain.remote_decode_complete = end_stream;
        stream.chain.is_head = is_head;
        stream.chain.is_grpc = headers.text("content-type").is_some_and(is_grpc);
        stream.connection.closing = closes_connection(&headers, protocol);
        stream.arrival.announced =
            headers.text("content-length").and_then(|length| length.parse().ok());
        stream.request.headers = Some(headers);
        self.answer_expectation(id);
        if let Some(reply) = self.unwanted(id) {
            return self.send_local_reply(id, reply);
        }
        self.mutate_request(id);
        self.route(id);
        let allowed = self.create_filter_chain(id);
        self.apply_route_limits(id);
        self.reset_idle_timer(id);
        // Without a route there is nothing that could forbid the upgrade: the router answers 404.
        if !allowed && self.world.streams.at(id).info.route.is_some() {
            return self.send_local_reply(id, LocalReply::bare(403, "upgrade_failed"));
        }
        self.decode_headers(id, Start::Chain, end_stream);
    }

    /// A piece of the request's body was read.
    pub(super) fn decode_arrived_data(&mut self, id: StreamId, data: Bytes, end_stream: bool) {
        let stream = self.world.streams.at(id);
        if stream.chain.destroyed || stream.chain.remote_decode_complete {
            return;
        }
        stream.chain.remote_decode_complete = end_stream;
        stream.info.bytes_received += data.len() as u64;
        self.decode_data(id, Start::Chain, Data::Frame(data.into()), end_stream);
    }

    /// Request trailers were read. HTTP/1 drops them unless it is told not to.
    pub(super) fn decode_arrived_trailers(&mut self, id: StreamId, trailers: HeaderMap) {
        let stream = self.world.streams.at(id);
        if stream.chain.destroyed || stream.chain.remote_decode_complete {
            return;
        }
        let dropped = stream.protocol != Protocol::Http2
            && !stream.manager.as_ref().is_some_and(|m| m.settings.http1.enable_trailers);
        if dropped {
            return self.decode_arrived_data(id, Bytes::new(), true);
        }
        stream.chain.remote_decode_complete = true;
        stream.request.trailers = Some(trailers);
        self.reset_idle_timer(id);
        self.decode_trailers(id, Start::Chain);
    }

    /// Envoy itself says `100 Continue`, and nobody behind it hears of the expectation.
    fn answer_expectation(&mut self, id: StreamId) {
        let stream = self.world.streams.at(id);
        let Some(headers) = stream.request.headers.as_mut() else { return };
        if headers.text("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
            headers.remove(b"expect");
            let event = StreamEvent::Continue100;
            self.world.effect(Effect::Downstream { stream: id, event });
        }
    }

    /// What the codec refuses of a head.
    fn check_head(
        &mut self,
        id: StreamId,
        headers: &HeaderMap,
        end_stream: bool,
    ) -> Result<(), Malformed> {
        let stream = self.world.streams.at(id);
        let Some(settings) = stream.manager.as_ref().map(|manager| &manager.settings) else {
            return Ok(());
        };
        match stream.protocol {
            Protocol::Http10 if !settings.http1.accept_http_10 => Err(Malformed::Version),
            Protocol::Http10 | Protocol::Http11 => http1::check(headers),
            Protocol::Http2 => {
                let fields: Vec<_> =
                    headers.iter().map(|(name, value)| (&name[..], &value[..])).collect();
                http2::check(&fields, end_stream, settings.http2.allow_connect)
            }
        }
    }

    /// What is a message and is answered before any filter runs.
    fn unwanted(&mut self, id: StreamId) -> Option<LocalReply> {
        let stream = self.world.streams.at(id);
        let http1 = &stream.manager.as_ref()?.settings.http1;
        let headers = stream.request.headers.as_mut()?;
        if stream.protocol == Protocol::Http10
            && let Some(host) = &http1.default_host_for_http_10
            && !headers.contains(b":authority")
        {
            headers.append(":authority", host.clone());
        }
        if !headers.contains(b":authority") {
            return Some(LocalReply::bare(400, "missing_host_header"));
        }
        let connect = is_connect(headers);
        let query = headers.get(b":method").is_some_and(|method| &method[..] == b"QUERY");
        match headers.get(b":path") {
            None if !connect => Some(LocalReply::bare(404, "missing_path_rejected")),
            Some(path) if !path.starts_with(b"/") => {
                Some(LocalReply::bare(404, "absolute_path_rejected"))
            }
            Some(path) if path.contains(&b'#') => {
                Some(LocalReply::bare(400, "path_normalization_failed"))
            }
            _ if query && !headers.contains(b"content-type") => {
                Some(LocalReply::bare(400, "query_missing_content_type"))
            }
            _ => None,
        }
    }

    /// Cleans what clients may not set, and adds what the mesh wants to know.
    fn mutate_request(&mut self, id: StreamId) {
        let config = self.config();
        let stream = self.world.streams.at(id);
        let (Some(manager), Some(peer)) = (stream.manager.clone(), stream.peer) else { return };
        let protocol = stream.protocol;
        let Some(headers) = stream.request.headers.as_mut() else { return };
        let settings = &manager.settings;
        if protocol == Protocol::Http11 && is_upgrade(headers) {
            // They go on as they came: what follows belongs to the other protocol.
        } else {
            headers.remove(b"connection");
            headers.remove(b"upgrade");
        }
        headers.remove_all(&[
            "x-envoy-internal",
            "keep-alive",
            "proxy-connection",
            "transfer-encoding",
        ]);
        if let Some(te) = headers.text("te") {
            match te.split(',').any(|one| one.trim() == "trailers") {
                true => headers.set("te", "trailers"),
                false => drop(headers.remove(b"te")),
            }
        }
        let own = config.listeners.get(stream.listener).map(|listener| listener.address.ip());
        let origin = address::origin(headers, &manager, peer, own.unwrap_or(peer.ip()));
        stream.info.remote = Some(origin.address);
        if !headers.contains(b":scheme") {
            let known = headers.text("x-forwarded-proto").map(str::to_ascii_lowercase);
            let known = known.filter(|scheme| matches!(&**scheme, "http" | "https"));
            headers.append(":scheme", known.unwrap_or_else(|| "http".to_owned()));
        }
        if origin.internal {
            headers.set("x-envoy-internal", "true");
        } else {
            if origin.edge {
                headers.remove_all(&NOT_AT_THE_EDGE);
            }
            headers.remove_all(&FROM_INSIDE_ONLY);
            for name in &settings.route_config.internal_only_headers {
                headers.remove(name.as_bytes());
            }
        }
        if origin.edge {
            headers.set("x-envoy-external-address", origin.address.ip().to_string());
        }
        let replace = origin.edge && !settings.preserve_external_request_id;
        let wanted = settings.generate_request_id;
        if wanted && (replace || !headers.contains(b"x-request-id")) {
            let id = uuid(&mut self.world.random);
            headers.set("x-request-id", id);
        }
        strip_port(headers, settings, config.listeners.get(stream.listener).map(|l| l.address));
    }

    /// The route of a stream; chosen if it is not known.
    pub(crate) fn route(
        &mut self,
        id: StreamId,
    ) -> Option<std::sync::Arc<super::super::route::Route>> {
        let stream = self.world.streams.at(id);
        if let CachedRoute::Known(route) = &stream.route {
            return route.clone();
        }
        let config = self.config();
        let stream = self.world.streams.at(id);
        let draw = stream.route_draw.unwrap_or_else(|| self.world.random.u64(..));
        let stream = self.world.streams.at(id);
        stream.route_draw = Some(draw);
        let (manager, headers) = (stream.manager.as_ref()?, stream.request.headers.as_ref()?);
        let table = &manager.settings.route_config;
        // Envoy asks it whether the virtual host wants TLS; a request without it fits no route.
        let headers = Some(headers).filter(|headers| headers.contains(b"x-forwarded-proto"));
        let found = headers.and_then(|headers| {
            let head = Head { headers, info: &stream.info };
            crate::bootstrap::route::select(table, &head, draw, self.world.envoy)
        });
        let route =
            found.map(|found| std::sync::Arc::new(super::super::route::Route::new(table, &found)));
        stream.info.cluster = route.as_ref().and_then(|route| match &route.action {
            RouteAction::Forward(forward) => Some(forward.cluster.clone()),
            RouteAction::Direct(_) | RouteAction::Redirect(..) => None,
        });
        stream.info.cluster.take_if(|name| !config.clusters.contains_key(name));
        stream.route = CachedRoute::Known(route.clone());
        stream.info.route.clone_from(&route);
        // Before 1.37 the router alone looked at this limit, when filters had long buffered.
        let limit = route.as_ref().and_then(|route| route.request_body_buffer_limit);
        if let (Some(limit), true) = (limit, self.world.envoy >= EnvoyVersion::V1_37) {
            self.world.streams.at(id).chain.limit = limit;
        }
        route
    }
}
