//! The request reaches the router: what is to be done with it.

use std::time::Duration;

use crate::{
    bootstrap::route::DirectResponse,
    model::{
        call::LocalReply,
        effect::StreamId,
        engine::Engine,
        filter_manager::{DIRECT_RESPONSE, Data, DataStatus, HeadersStatus, SWALLOWED},
        flag::Flags,
        headers::HeaderMap,
        route::{Forward, RouteAction, location},
        time::{Event, nanos},
        vm::Side,
    },
};

/// What the router reads and takes out before a server sees the request.
const FOR_THE_ROUTER: [&str; 8] = [
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-max-retries",
    "x-envoy-retriable-status-codes",
    "x-envoy-retriable-header-names",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-is-timeout-retry",
];

impl Engine {
    pub(crate) fn router_headers(&mut self, id: StreamId, end_stream: bool) -> HeadersStatus {
        let Some(route) = self.route(id) else {
            self.world.streams.at(id).info.flags.insert(Flags::NO_ROUTE_FOUND);
            self.send_local_reply(id, LocalReply::bare(404, "route_not_found"));
            return HeadersStatus::StopIteration;
        };
        match &route.action {
            RouteAction::Direct(direct) => self.answer(id, direct),
            RouteAction::Redirect(redirect, matched) => {
                let headers = self.world.streams.at(id).request.headers.clone().unwrap_or_default();
                let target = location(redirect, matched, &headers);
                let mut reply = LocalReply::bare(redirect.status.into(), DIRECT_RESPONSE);
                reply.headers.push((b"location".to_vec(), target.into_bytes()));
                self.send_local_reply(id, reply);
            }
            RouteAction::Forward(forward) => self.forward(id, forward, end_stream),
        }
        HeadersStatus::StopIteration
    }

    fn answer(&mut self, id: StreamId, direct: &DirectResponse) {
        let reply = LocalReply::text(direct.status.into(), &direct.body, DIRECT_RESPONSE);
        self.send_local_reply(id, reply);
    }

    fn forward(&mut self, id: StreamId, forward: &Forward, end_stream: bool) {
        let config = self.config();
        let Some(cluster) = config.clusters.get(&forward.cluster) else {
            self.world.streams.at(id).info.flags.insert(Flags::NO_CLUSTER_FOUND);
            let reply = LocalReply::bare(forward.cluster_not_found.into(), "cluster_not_found");
            return self.send_local_reply(id, reply);
        };
        self.world.streams.at(id).info.upstream.cluster = Some(forward.cluster.clone());
        self.prepare_headers(id, forward);
        let draw = self.world.random.u64(..);
        let Some(endpoint) = self.world.upstreams.choose(cluster, draw) else {
            self.world.streams.at(id).info.flags.insert(Flags::NO_HEALTHY_UPSTREAM);
            let reply = LocalReply::text(503, "no healthy upstream", "no_healthy_upstream");
            return self.send_local_reply(id, reply);
        };
        self.begin_attempt(id, cluster, endpoint, end_stream);
        if end_stream {
            self.request_complete(id);
        }
    }

    /// Timeouts, attempt count and the route's edits; the headers of the router's own go.
    fn prepare_headers(&mut self, id: StreamId, forward: &Forward) {
        let stream = self.world.streams.at(id);
        let suppress = stream.manager.as_ref().is_some_and(|m| m.suppress_envoy_headers);
        let Some(headers) = stream.request.headers.as_mut() else { return };
        let asked = take_millis(headers, "x-envoy-upstream-rq-timeout-ms");
        let per_try = take_millis(headers, "x-envoy-upstream-rq-per-try-timeout-ms");
        let timeout = match asked {
            Some(asked) => Some(asked).filter(|asked| !asked.is_zero()),
            None => forward.timeout,
        };
        let per_try = per_try.filter(|limit| timeout.is_none_or(|timeout| *limit < timeout));
        let expected = per_try.filter(|limit| !limit.is_zero()).or(timeout);
        headers.remove(b"x-envoy-expected-rq-timeout-ms");
        if let (Some(expected), false) = (expected, suppress) {
            headers.set("x-envoy-expected-rq-timeout-ms", expected.as_millis().to_string());
        }
        headers.remove_all(&FOR_THE_ROUTER);
        if forward.attempt_count_in_request {
            headers.set("x-envoy-attempt-count", "1");
        }
        stream.router.timeout = timeout.map(nanos);
        self.edit_headers(id, Side::Decode, &forward.request_edits);
    }

    pub(crate) fn router_data(&mut self, id: StreamId, data: &mut Data, end: bool) -> DataStatus {
        let bytes = self.take_data(id, Side::Decode, data);
        self.send_attempt_data(id, bytes, end);
        if end {
            self.request_complete(id);
        }
        SWALLOWED
    }

    pub(crate) fn router_trailers(&mut self, id: StreamId) {
        self.send_attempt_trailers(id);
        self.request_complete(id);
    }

    /// The route's timeout runs from the end of the request.
    fn request_complete(&mut self, id: StreamId) {
        let now = self.world.now;
        let stream = self.world.streams.at(id);
        if stream.chain.destroyed || stream.router.request_complete.is_some() {
            return;
        }
        stream.router.request_complete = Some(now);
        if stream.router.attempt.is_none() {
            return;
        }
        if let Some(timeout) = stream.router.timeout {
            let due = now.saturating_add(timeout);
            let timer = self.world.schedule.at(due, Event::ResponseTimeout(id));
            self.world.streams.at(id).router.timer = Some(timer);
        }
    }
}

fn take_millis(headers: &mut HeaderMap, name: &str) -> Option<Duration> {
    let value = headers.text(name).and_then(|value| value.trim().parse().ok());
    headers.remove(name.as_bytes());
    value.map(Duration::from_millis)
}
