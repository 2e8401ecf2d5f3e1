//! The request reaches the router: what is to be done with it.

use std::net::SocketAddr;

use super::{affinity, balance::Wish, retry::RetryState, timeouts::Timeouts};
use crate::{
    bootstrap::{Cluster, route::DirectResponse},
    model::{
        call::LocalReply,
        effect::StreamId,
        engine::Engine,
        filter_manager::{DIRECT_RESPONSE, Data, DataStatus, HeadersStatus, SWALLOWED},
        flag::Flags,
        headers::HeaderMap,
        route::{Forward, RouteAction, location, own_location},
        time::Event,
        vm::Side,
    },
};

/// What the router reads and takes out before a server sees the request.
pub(super) const FOR_THE_ROUTER: [&str; 9] = [
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-max-retries",
    "x-envoy-retriable-status-codes",
    "x-envoy-retriable-header-names",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-alt-stat-name",
    STREAM_DURATION,
];

/// A limit that is not modelled.
pub(super) const STREAM_DURATION: &str = "x-envoy-upstream-stream-duration-ms";
pub(super) const NO_STREAM_DURATION: &str =
    "a limit on the whole stream (`x-envoy-upstream-stream-duration-ms`) is not modelled";

/// A scheme that servers do not know becomes the one that the client spoke.
pub(crate) fn set_scheme(headers: &mut HeaderMap) {
    let known = |name: &str| matches!(headers.text(name), Some("http" | "https"));
    if !known(":scheme") {
        let told = headers.get(b"x-forwarded-proto").filter(|_| known("x-forwarded-proto"));
        let scheme = told.cloned().unwrap_or_else(|| "http".into());
        headers.set(":scheme", scheme);
    }
}

/// What becomes of a piece of the body besides being sent.
enum Keep {
    Nothing,
    /// It stays with what is held.
    Copy,
    /// The request was refused: it became too large between two attempts.
    Refused,
}

impl Engine {
    pub(crate) fn router_headers(&mut self, id: StreamId, end_stream: bool) -> HeadersStatus {
        let Some(route) = self.route(id) else {
            self.world.streams.at(id).info.flags.insert(Flags::NO_ROUTE_FOUND);
            self.send_local_reply(id, LocalReply::bare(404, "route_not_found"));
            return HeadersStatus::StopIteration;
        };
        self.world.streams.at(id).router.route = Some(route.clone());
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
        let mut reply = LocalReply::text(direct.status.into(), &direct.body, DIRECT_RESPONSE);
        if direct.status == 201 || (300..400).contains(&direct.status) {
            // Such a status needs a place to look at: the request's own.
            let headers = self.world.streams.at(id).request.headers.clone().unwrap_or_default();
            let place = own_location(&headers);
            reply.headers.push((b"location".to_vec(), place.into_bytes()));
        }
        self.send_local_reply(id, reply);
    }

    fn forward(&mut self, id: StreamId, forward: &Forward, end_stream: bool) {
        let config = self.config();
        if !config.clusters.contains_key(&forward.cluster) {
            self.world.streams.at(id).info.flags.insert(Flags::NO_CLUSTER_FOUND);
            let reply = LocalReply::bare(forward.cluster_not_found.into(), "cluster_not_found");
            return self.send_local_reply(id, reply);
        }
        let upstream = &mut self.world.streams.at(id).info.upstream;
        upstream.cluster = Some(forward.cluster.clone());
        upstream.attempts = 1;
        let stream = self.world.streams.at(id);
        let client = stream.info.remote.or(stream.peer).map(|address| address.ip());
        if let Some(headers) = &stream.request.headers {
            stream.router.hash = affinity::hash(&forward.hash_policy, headers, client);
        }
        let Some((member, endpoint)) = self.choose_endpoint(id, &forward.cluster) else {
            return self.no_healthy_upstream(id);
        };
        self.prepare_headers(id, forward);
        self.begin_mirrors(id, &forward.mirrors, end_stream);
        self.begin_attempt(id, &member, endpoint, end_stream);
        if end_stream {
            self.request_complete(id);
        }
    }

    /// The cluster and the endpoint for the next attempt: those that the request names first, and not
    /// an earlier one, if the policy says so.
    pub(super) fn choose_endpoint(
        &mut self,
        id: StreamId,
        name: &str,
    ) -> Option<(Cluster, SocketAddr)> {
        let config = self.config();
        let mut cluster = config.clusters.get(name)?;
        let world = &mut self.world;
        let stream = world.streams.at(id);
        if !cluster.members.is_empty() {
            let attempt = usize::try_from(stream.info.upstream.attempts).ok()?.checked_sub(1)?;
            cluster = config.clusters.get(cluster.members.get(attempt)?)?;
        }
        let names = &cluster.balancing.override_headers;
        let headers = stream.request.headers.as_ref();
        let router = &mut stream.router;
        let named = router.named.get_or_insert_with(|| {
            router.wanted =
                headers.map_or_else(Vec::new, |headers| affinity::named(names, headers));
            router.wanted.clone().into()
        });
        while let Some(endpoint) = named.pop_front() {
            if cluster.endpoints.iter().any(|one| one.address == endpoint) {
                return Some((cluster.clone(), endpoint));
            }
        }
        let (hash, now) = (router.hash, world.now);
        let wish = match router.retry.as_ref().map(RetryState::policy) {
            Some(policy) if policy.avoid_previous_hosts => {
                let attempts = policy.host_selection_attempts;
                Wish { avoid: &router.previous, attempts, hash, now }
            }
            _ => Wish { hash, now, ..Wish::default() },
        };
        let endpoint = world.upstreams.choose(cluster, wish, &mut world.random)?;
        Some((cluster.clone(), endpoint))
    }

    /// Timeouts, attempt count and the route's edits; the headers of the router's own go.
    fn prepare_headers(&mut self, id: StreamId, forward: &Forward) {
        let envoy = self.world.envoy;
        let stream = self.world.streams.at(id);
        let suppress = stream.manager.as_ref().is_some_and(|m| m.suppress_envoy_headers);
        let Some(headers) = stream.request.headers.as_mut() else { return };
        let timeouts = Timeouts::take(headers, forward);
        headers.remove(b"x-envoy-expected-rq-timeout-ms");
        if !suppress {
            timeouts.tell(headers, 0);
        }
        if forward.attempt_count_in_request {
            headers.set("x-envoy-attempt-count", "1");
        }
        stream.router.timeouts = timeouts;
        self.edit_headers(id, Side::Decode, &forward.request_edits);
        let stream = self.world.streams.at(id);
        let Some(headers) = stream.request.headers.as_mut() else { return };
        set_scheme(headers);
        stream.router.retry = RetryState::new(forward.retry_policy.clone(), headers, envoy);
        let limits_stream = headers.contains(STREAM_DURATION.as_bytes());
        headers.remove_all(&FOR_THE_ROUTER);
        if limits_stream {
            self.world.refuse(NO_STREAM_DURATION);
        }
    }

    pub(crate) fn router_data(&mut self, id: StreamId, data: &mut Data, end: bool) -> DataStatus {
        let keeps = match self.keep(id, data) {
            Keep::Refused => return SWALLOWED,
            Keep::Copy => true,
            Keep::Nothing => false,
        };
        let bytes = match keeps {
            true => self.copy_data(id, Side::Decode, data),
            false => self.take_data(id, Side::Decode, data),
        };
        self.mirror_data(id, &bytes, end);
        self.accept_data(id, bytes, end);
        if keeps && !self.world.streams.at(id).chain.destroyed {
            *self.world.streams.at(id).chain.streaming(Side::Decode) = true;
            self.hold(id, Side::Decode, data);
        }
        if end {
            self.request_complete(id);
        }
        SWALLOWED
    }

    /// Whether a piece of the body is kept, because another attempt may need it.
    ///
    /// What is kept is the chain's held data, as in Envoy. So a plugin that holds a piece after others have
    /// passed resumes with all of them, and the server gets those twice; and held data, which is there
    /// already, counts twice against the limit.
    fn keep(&mut self, id: StreamId, data: &Data) -> Keep {
        let stream = self.world.streams.at(id);
        let Some(_) = stream.router.retry.as_ref().filter(|retry| retry.is_enabled()) else {
            return Keep::Nothing;
        };
        let by_route =
            stream.router.route.as_ref().and_then(|route| route.request_body_buffer_limit);
        let limit = by_route.unwrap_or(stream.chain.limit);
        let held = stream.chain.held(Side::Decode).as_ref().map_or(0, |held| held.buffer.len());
        let length = match data {
            Data::Frame(frame) => frame.len(),
            Data::Held => held,
        };
        if limit == 0 || held + length <= limit {
            return Keep::Copy;
        }
        // Nobody is told but the operator: the request goes on, and will not be tried again.
        let counted = stream.router.retry.take().is_some_and(|retry| retry.is_counted);
        let cluster = stream.info.upstream.cluster.clone().unwrap_or_default();
        let waits = stream.router.attempt.is_none();
        if counted {
            self.end_retry(id);
        }
        self.world.upstreams.count(&cluster, "retry_or_shadow_abandoned");
        if waits {
            let details = "request_payload_exceeded_retry_buffer_limit";
            let text = "exceeded request buffer limit while retrying upstream";
            self.answer_for_upstream(id, LocalReply::text(507, text, details));
            return Keep::Refused;
        }
        Keep::Nothing
    }

    pub(crate) fn router_trailers(&mut self, id: StreamId) {
        self.mirror_trailers(id);
        self.accept_trailers(id);
        self.request_complete(id);
    }

    /// The route's timeout runs from the end of the request.
    pub(super) fn request_complete(&mut self, id: StreamId) {
        let now = self.world.now;
        let stream = self.world.streams.at(id);
        if stream.chain.destroyed || stream.router.request_complete.is_some() {
            return;
        }
        stream.router.request_complete = Some(now);
        if stream.router.attempt.is_none() {
            return;
        }
        if let Some(timeout) = stream.router.timeouts.global {
            let due = now.saturating_add(timeout);
            let timer = self.world.schedule.at(due, Event::ResponseTimeout(id));
            self.world.streams.at(id).router.timer = Some(timer);
        }
        self.start_per_try_timer(id);
    }
}
