//! Tries at one endpoint: how they begin, wait for a connection, and end.

use std::net::SocketAddr;

use super::{Attempt, PoolKey, Seat, breaker::Refused};
use crate::{
    bootstrap::{Cluster, UpstreamProtocol},
    model::{
        EnvoyVersion,
        effect::{AttemptId, Effect, StreamId, UpstreamEvent, UpstreamReset},
        engine::Engine,
        route::RouteAction,
        stream::UpstreamInfo,
        time::{Event, nanos},
        world::World,
    },
};

const HELD_EARLY_ANSWER: &str =
    "all that an HTTP/1 server says is held before its request has gone to it";

impl World {
    /// Counts what a circuit breaker refused.
    pub(crate) fn count_overflow(&mut self, cluster: &str, refused: Refused) {
        // Up to 1.37 a refusal counted so, whatever it was that was too much.
        if refused == Refused::Pending || self.envoy <= EnvoyVersion::V1_37 {
            self.upstreams.count(cluster, "upstream_rq_pending_overflow");
        }
    }
}

impl Engine {
    /// Begins an attempt with the request's headers; it may be over at once.
    pub(super) fn begin_attempt(
        &mut self,
        id: StreamId,
        cluster: &Cluster,
        endpoint: SocketAddr,
        end_stream: bool,
    ) {
        let attempt = self.world.upstreams.begin(id, endpoint);
        let http2 = cluster.protocol == UpstreamProtocol::Http2;
        let stream = self.world.streams.at(id);
        let pool = PoolKey { cluster: cluster.name.clone(), worker: stream.worker, endpoint };
        let before = std::mem::take(&mut stream.info.upstream);
        stream.info.upstream = UpstreamInfo {
            cluster: before.cluster,
            attempts: before.attempts,
            address: Some(endpoint),
            ..UpstreamInfo::default()
        };
        stream.router.previous.push(endpoint);
        let chain = self.make_upstream_chain(id);
        let seat = self.world.upstreams.breakers.enter(cluster, &pool, attempt);
        self.world.streams.at(id).router.attempt = Some(Attempt {
            id: attempt,
            http2,
            chain,
            latched: None,
            pool,
            seat: seat.unwrap_or(Seat::Waiting),
            connect_timer: None,
            per_try_timer: None,
            // A kept connection takes the request at once, and a server sees also what is refused later.
            waiting: (seat != Ok(Seat::Active)).then(Vec::new),
            request_ended: false,
            closes: false,
            read_disabled: 0,
        });
        match seat {
            Err(refused) => {
                if refused == Refused::Pending {
                    self.world.streams.at(id).info.upstream.address = None;
                }
                return self.attempt_overflows(attempt, refused);
            }
            Ok(Seat::Waiting) => self.world.upstreams.count(&cluster.name, "upstream_cx_overflow"),
            Ok(Seat::Connecting | Seat::Active | Seat::Left) => self.connect(attempt, cluster),
        }
        if seat == Ok(Seat::Active) {
            self.look_at_the_route(id);
        }
        self.accept_headers(id, end_stream);
        self.start_per_try_timer(id);
    }

    /// Asks the driver for a connection.
    fn connect(&mut self, attempt: AttemptId, cluster: &Cluster) {
        let Some(id) = self.stream_of(attempt) else { return };
        let due = self.world.now.saturating_add(nanos(cluster.connect_timeout));
        let timer = self.world.schedule.at(due, Event::ConnectTimeout(attempt));
        let Some(current) = self.world.streams.at(id).router.attempt.as_mut() else { return };
        current.connect_timer = Some(timer);
        let (endpoint, http2) = (current.pool.endpoint, current.http2);
        let event = UpstreamEvent::Connect { cluster: cluster.name.clone(), endpoint, http2 };
        self.world.effect(Effect::Upstream { attempt, stream: id, event });
    }

    /// The stream of an attempt, as long as the attempt is the one in progress.
    pub(super) fn stream_of(&mut self, attempt: AttemptId) -> Option<StreamId> {
        let id = self.world.upstreams.stream_of(attempt)?;
        let current = self.world.streams.at(id).router.attempt.as_ref();
        current.is_some_and(|current| current.id == attempt).then_some(id)
    }

    /// A connection stands.
    pub(crate) fn attempt_connected(&mut self, attempt: AttemptId) {
        let Some(id) = self.stream_of(attempt) else { return self.mirror_connected(attempt) };
        let config = self.config();
        let Some(current) = self.world.streams.at(id).router.attempt.as_mut() else { return };
        let (timer, seat, pool) =
            (current.connect_timer.take(), current.seat, current.pool.clone());
        self.world.schedule.cancel(timer);
        if seat == Seat::Connecting
            && let Some(cluster) = config.clusters.get(&pool.cluster)
            && !self.world.upstreams.breakers.connected(cluster, &pool, attempt)
        {
            // The connection stays, and waits for another request.
            if let Some(current) = self.world.streams.at(id).router.attempt.as_mut() {
                current.seat = Seat::Waiting;
            }
            return self.attempt_overflows(attempt, Refused::Requests);
        }
        let Some(current) = self.world.streams.at(id).router.attempt.as_mut() else { return };
        current.seat = Seat::Active;
        let Some(waiting) = current.waiting.take() else { return };
        self.look_at_the_route(id);
        for event in waiting {
            if self.stream_of(attempt).is_none() {
                return; // It was refused.
            }
            self.upstream(id, attempt, event);
        }
        self.release_latched(id);
        self.start_per_try_timer(id);
    }

    /// Envoy asks the route of a request again when an attempt has its connection, and takes it for granted
    /// that it leads to a cluster.
    fn look_at_the_route(&mut self, id: StreamId) {
        let route = self.route(id);
        if !route.is_some_and(|route| matches!(route.action, RouteAction::Forward(_))) {
            self.world.note_undefined(id, "a request that has lost its route gets a connection");
        }
    }

    /// Counts from the end of the request, or from the connection, whichever is later.
    pub(super) fn start_per_try_timer(&mut self, id: StreamId) {
        let now = self.world.now;
        let router = &mut self.world.streams.at(id).router;
        let (Some(limit), Some(_)) = (router.timeouts.per_try, router.request_complete) else {
            return;
        };
        let Some(attempt) = router.attempt.as_mut().filter(|attempt| attempt.waiting.is_none())
        else {
            return;
        };
        if attempt.per_try_timer.is_none() {
            let due = now.saturating_add(limit);
            let event = Event::PerTryTimeout(attempt.id);
            attempt.per_try_timer = Some(self.world.schedule.at(due, event));
        }
    }

    /// There are too many requests; such an attempt was never begun, as far as the server knows.
    fn attempt_overflows(&mut self, attempt: AttemptId, refused: Refused) {
        let Some(id) = self.stream_of(attempt) else { return };
        let Some(taken) = self.world.streams.at(id).router.attempt.take() else { return };
        self.world.count_overflow(&taken.pool.cluster, refused);
        self.world.upstreams.end(attempt);
        self.world.schedule.cancel(taken.connect_timer);
        if let Some(chain) = taken.chain {
            self.end_upstream_chain(chain);
        }
        self.overflowed(id);
    }

    /// An attempt lets go of what it takes up, and somebody who waited goes on.
    pub(super) fn end_attempt(&mut self, attempt: Attempt, reusable: bool) {
        self.world.upstreams.end(attempt.id);
        for timer in [attempt.connect_timer, attempt.per_try_timer] {
            self.world.schedule.cancel(timer);
        }
        if let Some(chain) = attempt.chain {
            self.end_upstream_chain(chain);
        }
        let Attempt { id, pool, seat, .. } = attempt;
        self.leave_seat(id, &pool, seat, reusable);
    }

    /// The server has said all of its answer. If it has heard all of the request too, its connection is free,
    /// also while filters of the attempt hold the answer back.
    pub(super) fn answer_is_here(&mut self, attempt: AttemptId) {
        let Some(id) = self.stream_of(attempt) else { return };
        let Some(current) = self.world.streams.at(id).router.attempt.as_mut() else { return };
        if !current.request_ended && !current.http2 {
            // Envoy closes such a connection, and the attempt goes on to use its codec.
            self.world.note_undefined(id, HELD_EARLY_ANSWER);
            return;
        }
        if !current.request_ended || current.seat != Seat::Active {
            return;
        }
        let seat = std::mem::replace(&mut current.seat, Seat::Left);
        let (pool, reusable) = (current.pool.clone(), current.http2 || !current.closes);
        self.leave_seat(attempt, &pool, seat, reusable);
    }

    fn leave_seat(&mut self, attempt: AttemptId, pool: &PoolKey, seat: Seat, reusable: bool) {
        let config = self.config();
        let Some(cluster) = config.clusters.get(&pool.cluster) else { return };
        self.world.upstreams.leave(cluster, pool, attempt, seat, reusable);
        self.wake_waiting(cluster, pool);
    }

    /// Whoever waited for a connection and now can have one goes on.
    pub(crate) fn wake_waiting(&mut self, cluster: &Cluster, pool: &PoolKey) {
        while let Some((next, seat)) = self.world.upstreams.breakers.next_waiting(cluster, pool) {
            if let Some(call) = self.world.callouts.of(next) {
                self.seat_callout(call, seat);
                continue;
            }
            if self.seat_mirror(next, seat) {
                continue;
            }
            let Some(stream) = self.stream_of(next) else { continue };
            let Some(seat) = seat else {
                self.attempt_overflows(next, Refused::Requests);
                continue;
            };
            if let Some(current) = self.world.streams.at(stream).router.attempt.as_mut() {
                current.seat = seat;
            }
            self.connect(next, cluster);
        }
    }

    /// The whole response is here. If the request is not, the rest of it is not wanted.
    pub(super) fn upstream_complete(&mut self, id: StreamId) {
        if let Some(attempt) = self.clean_up(id) {
            self.finish_attempt(id, attempt, true);
        }
    }

    /// Ends an attempt; what is left of it on the wire is cut.
    pub(super) fn finish_attempt(&mut self, id: StreamId, attempt: Attempt, answered: bool) {
        let cut = !answered || !attempt.request_ended;
        if cut && !matches!(attempt.seat, Seat::Waiting | Seat::Left) {
            let (attempt, event) = (attempt.id, UpstreamEvent::Reset);
            self.world.effect(Effect::Upstream { attempt, stream: id, event });
        }
        let stands = attempt.waiting.is_none();
        // A connection that is being made is made all the same, and waits for the next request.
        let untouched = attempt.seat == Seat::Connecting;
        let reusable = untouched || stands && (attempt.http2 || !cut && !attempt.closes);
        self.end_attempt(attempt, reusable);
    }

    /// Lets go of what the router has upstream.
    pub(crate) fn abandon_upstream(&mut self, id: StreamId) {
        if let Some(attempt) = self.clean_up(id) {
            self.finish_attempt(id, attempt, false);
        }
    }

    /// The router plans nothing more; gives the attempt that is still under way.
    pub(super) fn clean_up(&mut self, id: StreamId) -> Option<Attempt> {
        let router = &mut self.world.streams.at(id).router;
        let timers = [router.timer.take(), router.back_off.take()];
        let (attempt, retry) = (router.attempt.take(), router.retry.take());
        for timer in timers {
            self.world.schedule.cancel(timer);
        }
        if retry.is_some_and(|retry| retry.is_counted) {
            self.end_retry(id);
        }
        attempt
    }

    /// No connection in time.
    pub(crate) fn attempt_timed_out(&mut self, attempt: AttemptId) {
        if let Some(stream) = self.world.upstreams.stream_of(attempt) {
            let event = UpstreamEvent::Reset;
            self.world.effect(Effect::Upstream { attempt, stream, event });
            self.attempt_reset(attempt, UpstreamReset::ConnectTimeout);
        }
    }
}
