//! Another attempt: whether, when, and with what.

use crate::model::{
    EnvoyVersion,
    call::LocalReply,
    effect::{StreamId, UpstreamReset},
    engine::Engine,
    filter_manager::Data,
    flag::Flags,
    headers::HeaderMap,
    route::RouteAction,
    time::Event,
    vm::Side,
};

impl Engine {
    /// An attempt has an answer; true: it is not for the client, because there will be another attempt.
    pub(super) fn retries_after_headers(
        &mut self,
        id: StreamId,
        headers: &HeaderMap,
        end: bool,
    ) -> bool {
        let (envoy, wall) = (self.world.envoy, self.world.wall_nanos());
        let Some(retry) = self.world.streams.at(id).router.retry.as_mut() else { return false };
        let wanted = retry.wants_after_headers(headers, envoy);
        if wanted {
            retry.note_reset_headers(headers, wall);
        }
        if !self.plan_retry(id, wanted) {
            return false;
        }
        if let Some(attempt) = self.world.streams.at(id).router.attempt.take() {
            self.refuse_held_answer(attempt.chain);
            self.finish_attempt(id, attempt, end);
        }
        true
    }

    /// Envoy 1.36 sends on to the client what a filter had held of an answer that is not the client's.
    fn refuse_held_answer(&mut self, chain: Option<StreamId>) {
        let Some(chain) = chain.filter(|_| self.world.envoy < EnvoyVersion::V1_37) else { return };
        if self.world.streams.at(chain).chain.held_response.is_some() {
            self.world.refuse(
                "Envoy 1.36: an answer that a filter before the servers held back is tried again, \
                 and what was held breaks the client's stream",
            );
        }
    }

    /// An attempt ended without an answer (none: it took too long); true: there will be another one.
    pub(super) fn retries_after_reset(
        &mut self,
        id: StreamId,
        reset: Option<UpstreamReset>,
    ) -> bool {
        let router = &mut self.world.streams.at(id).router;
        let Some(retry) = router.retry.as_ref().filter(|_| !router.response_started) else {
            return false;
        };
        let wanted = retry.wants_after_reset(reset, router.request_began);
        self.plan_retry(id, wanted)
    }

    /// Plans another attempt, if one is wanted, left and allowed.
    fn plan_retry(&mut self, id: StreamId, wanted: bool) -> bool {
        let config = self.config();
        let draw = self.world.random.u64(..);
        let stream = self.world.streams.at(id);
        let Some(retry) = stream.router.retry.as_mut() else { return false };
        let name = stream.info.upstream.cluster.clone().unwrap_or_default();
        let was_counted = std::mem::take(&mut retry.is_counted);
        let left = wanted && retry.take();
        let upstreams = &mut self.world.upstreams;
        if was_counted {
            upstreams.breakers.end_retry(&name);
            if !wanted {
                upstreams.count(&name, "upstream_rq_retry_success");
            }
        }
        if !wanted {
            return false;
        }
        if !left {
            stream.info.flags.insert(Flags::UPSTREAM_RETRY_LIMIT_EXCEEDED);
            upstreams.count(&name, "upstream_rq_retry_limit_exceeded");
            return false;
        }
        let limits = config.clusters.get(&name).map(|cluster| &cluster.thresholds);
        if !limits.is_some_and(|limits| upstreams.breakers.begin_retry(&name, limits)) {
            stream.info.flags.insert(Flags::UPSTREAM_OVERFLOW);
            upstreams.count(&name, "upstream_rq_retry_overflow");
            return false;
        }
        retry.is_counted = true;
        let (wait, asked) = retry.next_wait(draw);
        upstreams.count(&name, "upstream_rq_retry");
        upstreams.count(
            &name,
            if asked {
                "upstream_rq_retry_backoff_ratelimited"
            } else {
                "upstream_rq_retry_backoff_exponential"
            },
        );
        let due = self.world.now.saturating_add(wait);
        let timer = self.world.schedule.at(due, Event::Retry(id));
        self.world.streams.at(id).router.back_off = Some(timer);
        true
    }

    /// A retry no longer counts against the circuit breaker.
    pub(super) fn end_retry(&mut self, id: StreamId) {
        let cluster = self.world.streams.at(id).info.upstream.cluster.clone();
        self.world.upstreams.breakers.end_retry(&cluster.unwrap_or_default());
    }

    /// The back-off is over.
    pub(crate) fn on_retry(&mut self, id: StreamId) {
        let now = self.world.now;
        let stream = self.world.streams.at(id);
        stream.router.back_off = None;
        stream.info.upstream.attempts += 1;
        let attempts = stream.info.upstream.attempts.to_string();
        let elapsed = stream.router.request_complete.map_or(0, |at| now.saturating_sub(at));
        let Some(route) = stream.router.route.clone() else { return };
        let RouteAction::Forward(forward) = &route.action else { return };
        let name = stream.info.upstream.cluster.clone().unwrap_or_default();
        let Some((cluster, endpoint)) = self.choose_endpoint(id, &name) else {
            return self.no_healthy_upstream(id);
        };
        let stream = self.world.streams.at(id);
        let suppress = stream.manager.as_ref().is_some_and(|m| m.suppress_envoy_headers);
        let timeouts = stream.router.timeouts;
        if let Some(headers) = stream.request.headers.as_mut() {
            if forward.attempt_count_in_request {
                headers.set("x-envoy-attempt-count", attempts);
            }
            if !suppress {
                timeouts.tell(headers, elapsed);
            }
        }
        let has_body = stream.chain.held(Side::Decode).is_some();
        let has_trailers = stream.request.trailers.is_some();
        let complete = stream.router.request_complete.is_some();
        self.begin_attempt(id, &cluster, endpoint, complete && !has_body && !has_trailers);
        if self.world.streams.at(id).router.attempt.is_none() {
            return;
        }
        if has_body {
            let body = self.copy_data(id, Side::Decode, &Data::Held);
            self.accept_data(id, body, complete && !has_trailers);
        }
        if has_trailers && self.world.streams.at(id).router.attempt.is_some() {
            self.accept_trailers(id);
        }
    }

    pub(super) fn no_healthy_upstream(&mut self, id: StreamId) {
        self.world.streams.at(id).info.flags.insert(Flags::NO_HEALTHY_UPSTREAM);
        let reply = LocalReply::text(503, "no healthy upstream", "no_healthy_upstream");
        self.answer_for_upstream(id, reply);
    }
}
