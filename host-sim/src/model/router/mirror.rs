//! Copies of a request for other clusters. Nobody hears their answers, and they are never tried again.
//!
//! A copy outlives the request that it copies, once it is complete: until it is answered it takes up what any
//! request to its cluster takes up.
//!
//! The time limit of the request's route holds for it too, from its own end; no limit on a try does.
//!
//! # Limits
//! Copies pass no filters.

use bytes::Bytes;

use super::{PoolKey, Refused, Seat, balance::Wish, wire::on_the_wire};
use crate::{
    bootstrap::{UpstreamProtocol, route::MirrorPolicy},
    model::{
        effect::{AttemptId, Effect, StreamId, UpstreamEvent},
        engine::Engine,
        headers::{HeaderMap, check},
        time::{Event, Nanos, TimerKey},
    },
};

/// A copy that is being sent.
#[derive(Debug)]
pub(crate) struct Mirror {
    /// The stream that it copies, which may be over.
    stream: StreamId,
    http2: bool,
    pool: PoolKey,
    seat: Seat,
    /// What is to be sent once the connection stands; none when it does.
    waiting: Option<Vec<UpstreamEvent>>,
    /// The connection ends with the answer.
    closes: bool,
    /// How long its answer may take; none: for ever.
    limit: Option<Nanos>,
    timer: Option<TimerKey>,
}

impl Engine {
    /// Begins the copies that the route asks for.
    pub(super) fn begin_mirrors(&mut self, id: StreamId, policies: &[MirrorPolicy], end: bool) {
        let config = self.config();
        for policy in policies {
            let chance = self.world.random.u64(0..policy.out_of.max(1));
            let Some(cluster) = config.clusters.get(&policy.cluster) else { continue };
            let world = &mut self.world;
            let wish = Wish { now: world.now, ..Wish::default() };
            let Some(endpoint) = world.upstreams.choose(cluster, wish, &mut world.random) else {
                continue;
            };
            if chance >= policy.fraction {
                continue;
            }
            let attempt = world.upstreams.begin(id, endpoint);
            let http2 = cluster.protocol == UpstreamProtocol::Http2;
            let worker = world.streams.at(id).worker;
            let pool = PoolKey { cluster: cluster.name.clone(), worker, endpoint };
            let seat = match world.upstreams.breakers.enter(cluster, &pool, attempt) {
                Ok(seat) => seat,
                Err(refused) => {
                    // Nobody hears that there are too many.
                    world.upstreams.end(attempt);
                    world.count_overflow(&cluster.name, refused);
                    continue;
                }
            };
            let stream = world.streams.at(id);
            let headers = stream.request.headers.clone().unwrap_or_default();
            let wire = on_the_wire(copied(headers, policy.appends_suffix), http2, end);
            let waiting = Some(vec![UpstreamEvent::Headers(wire, end)]);
            stream.router.mirrors.push(attempt);
            let limit = stream.router.timeouts.global;
            let (closes, timer) = (false, None);
            let mirror = Mirror { stream: id, http2, pool, seat, waiting, closes, limit, timer };
            world.upstreams.mirrors.insert(attempt, mirror);
            if end {
                self.limit_mirror(attempt);
            }
            let world = &mut self.world;
            if seat == Seat::Waiting {
                world.upstreams.count(&cluster.name, "upstream_cx_overflow");
            } else {
                self.connect_mirror(attempt);
            }
        }
    }

    /// All of a copy is there, and its server may take its time.
    fn limit_mirror(&mut self, attempt: AttemptId) {
        let Some(mirror) = self.world.upstreams.mirrors.get_mut(&attempt) else { return };
        mirror.timer = mirror.limit.map(|limit| {
            let due = self.world.now.saturating_add(limit);
            self.world.schedule.at(due, Event::MirrorTimeout(attempt))
        });
    }

    /// A copy has no answer in time. Only a counter tells.
    pub(crate) fn on_mirror_timeout(&mut self, attempt: AttemptId) {
        let Some(mirror) = self.world.upstreams.mirrors.get(&attempt) else { return };
        let (stream, cluster) = (mirror.stream, mirror.pool.cluster.clone());
        let reusable = mirror.http2 && mirror.waiting.is_none();
        self.world.upstreams.count(&cluster, "upstream_rq_timeout");
        self.end_mirror(attempt, reusable);
        self.world.effect(Effect::Upstream { attempt, stream, event: UpstreamEvent::Reset });
    }

    fn connect_mirror(&mut self, attempt: AttemptId) {
        let Some(mirror) = self.world.upstreams.mirrors.get(&attempt) else { return };
        let PoolKey { cluster, endpoint, .. } = mirror.pool.clone();
        let (stream, http2) = (mirror.stream, mirror.http2);
        let event = UpstreamEvent::Connect { cluster, endpoint, http2 };
        self.world.effect(Effect::Upstream { attempt, stream, event });
    }

    /// A copy that waited has a seat; none: there are too many requests. False: it is no copy.
    pub(super) fn seat_mirror(&mut self, attempt: AttemptId, seat: Option<Seat>) -> bool {
        let Some(mirror) = self.world.upstreams.mirrors.get_mut(&attempt) else { return false };
        match seat {
            Some(seat) => {
                mirror.seat = seat;
                self.connect_mirror(attempt);
            }
            None => self.mirror_overflows(attempt),
        }
        true
    }

    fn mirror_overflows(&mut self, attempt: AttemptId) {
        let Some(mirror) = self.world.upstreams.mirrors.remove(&attempt) else { return };
        self.world.schedule.cancel(mirror.timer);
        self.world.upstreams.end(attempt);
        self.world.count_overflow(&mirror.pool.cluster, Refused::Requests);
    }

    /// Lets go of a copy and of what it takes up; true: it was one.
    fn end_mirror(&mut self, attempt: AttemptId, reusable: bool) -> bool {
        let Some(mirror) = self.world.upstreams.mirrors.remove(&attempt) else { return false };
        self.world.schedule.cancel(mirror.timer);
        self.world.upstreams.end(attempt);
        let config = self.config();
        if let Some(cluster) = config.clusters.get(&mirror.pool.cluster) {
            let reusable = reusable || mirror.seat == Seat::Connecting;
            let upstreams = &mut self.world.upstreams;
            upstreams.leave(cluster, &mirror.pool, attempt, mirror.seat, reusable);
            self.wake_waiting(cluster, &mirror.pool);
        }
        true
    }

    /// The answer to a copy goes on; true: it was one, and nobody else needs to look at it.
    pub(super) fn mirror_answers(
        &mut self,
        attempt: AttemptId,
        headers: Option<&HeaderMap>,
        end: bool,
    ) -> bool {
        let Some(mirror) = self.world.upstreams.mirrors.get_mut(&attempt) else { return false };
        mirror.closes |= headers.is_some_and(|headers| headers.text("connection") == Some("close"));
        let reusable = mirror.http2 || !mirror.closes;
        !end || self.end_mirror(attempt, reusable)
    }

    /// A copy broke; true: it was one.
    pub(super) fn mirror_reset(&mut self, attempt: AttemptId, of_stream: bool) -> bool {
        let Some(mirror) = self.world.upstreams.mirrors.get(&attempt) else { return false };
        let reusable = mirror.http2 && mirror.waiting.is_none() && of_stream;
        self.end_mirror(attempt, reusable)
    }

    /// A connection for a copy stands.
    pub(super) fn mirror_connected(&mut self, attempt: AttemptId) {
        let config = self.config();
        let upstreams = &mut self.world.upstreams;
        let Some(mirror) = upstreams.mirrors.get_mut(&attempt) else { return };
        let stream = mirror.stream;
        let reset = Effect::Upstream { attempt, stream, event: UpstreamEvent::Reset };
        if mirror.seat == Seat::Connecting
            && let Some(cluster) = config.clusters.get(&mirror.pool.cluster)
            && !upstreams.breakers.connected(cluster, &mirror.pool, attempt)
        {
            self.mirror_overflows(attempt);
            return self.world.effect(reset);
        }
        mirror.seat = Seat::Active;
        let (waiting, http2) = (mirror.waiting.take().unwrap_or_default(), mirror.http2);
        if let Some(UpstreamEvent::Headers(headers, _)) = waiting.first()
            && check::request(headers).is_err()
        {
            // Nobody hears that it cannot be sent.
            self.end_mirror(attempt, http2);
            return self.world.effect(reset);
        }
        for event in waiting {
            self.world.effect(Effect::Upstream { attempt, stream, event });
        }
    }

    pub(super) fn mirror_data(&mut self, id: StreamId, data: &Bytes, end: bool) {
        self.mirror(id, |_| UpstreamEvent::Data(data.clone(), end));
    }

    pub(super) fn mirror_trailers(&mut self, id: StreamId) {
        let trailers = self.world.streams.at(id).request.trailers.clone().unwrap_or_default();
        self.mirror(id, |http2| match http2 {
            true => UpstreamEvent::Trailers(trailers.clone()),
            false => UpstreamEvent::Data(Bytes::new(), true),
        });
    }

    /// The client's stream is over; a copy that is not complete is given up.
    pub(crate) fn end_mirrors(&mut self, id: StreamId) {
        let router = &mut self.world.streams.at(id).router;
        let complete = router.request_complete.is_some();
        for attempt in std::mem::take(&mut router.mirrors) {
            let mirrors = &self.world.upstreams.mirrors;
            let Some(mirror) = mirrors.get(&attempt).filter(|_| !complete) else { continue };
            let reusable = mirror.http2 && mirror.waiting.is_none();
            self.end_mirror(attempt, reusable);
            let event = UpstreamEvent::Reset;
            self.world.effect(Effect::Upstream { attempt, stream: id, event });
        }
    }

    fn mirror(&mut self, id: StreamId, event: impl Fn(bool) -> UpstreamEvent) {
        let (mut effects, mut complete) = (Vec::new(), Vec::new());
        for attempt in &self.world.streams.at(id).router.mirrors {
            let Some(mirror) = self.world.upstreams.mirrors.get_mut(attempt) else { continue };
            let event = event(mirror.http2);
            if matches!(event, UpstreamEvent::Data(_, true) | UpstreamEvent::Trailers(_)) {
                complete.push(*attempt);
            }
            match &mut mirror.waiting {
                Some(waiting) => waiting.push(event),
                None => effects.push((*attempt, event)),
            }
        }
        complete.into_iter().for_each(|attempt| self.limit_mirror(attempt));
        for (attempt, event) in effects {
            self.world.effect(Effect::Upstream { attempt, stream: id, event });
        }
    }
}

/// The headers of a copy: it comes from inside, and its host says what it is.
fn copied(mut headers: HeaderMap, appends_suffix: bool) -> HeaderMap {
    if let (Some(host), true) = (headers.text(":authority").map(str::to_owned), appends_suffix) {
        let shadow = match host.rsplit_once(':') {
            Some((name, port)) => format!("{name}-shadow:{port}"),
            None => format!("{host}-shadow"),
        };
        headers.set(":authority", shadow);
    }
    headers.set("x-envoy-internal", "true");
    // Whose else: the proxy itself sends it.
    let own = "127.0.0.1";
    let before = headers.text("x-forwarded-for").map(|list| format!("{list},{own}"));
    headers.set("x-forwarded-for", before.unwrap_or_else(|| own.to_owned()));
    headers
}
