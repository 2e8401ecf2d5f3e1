//! A call's place among everything that goes to its cluster: the connections of its thread, and the limits of
//! the circuit breakers, which it shares with the requests of clients.
//!
//! # Limits
//! A connection that is made for a call stands with the next turn of the event loop, also if nobody listens
//! there: that shows in the answer.

use std::sync::Arc;

use super::Callout;
use crate::{
    abi::Status,
    bootstrap::UpstreamProtocol,
    model::{
        deliver::local_answer,
        effect::{CalloutId, Effect},
        engine::Engine,
        router::{PoolKey, Refused, Seat, failure_of_overflow},
        thread::Thread,
        time::Event,
        world::World,
    },
};

impl World {
    /// The connections that calls of the guest on the stack use.
    pub(super) fn pool_of_calls(&self, cluster: &str, endpoint: std::net::SocketAddr) -> PoolKey {
        // The main thread has its own.
        let worker = match self.thread() {
            Thread::Worker(worker) => worker,
            _ => usize::MAX,
        };
        PoolKey { cluster: cluster.to_owned(), worker, endpoint }
    }

    /// Takes a seat for a call and begins it.
    ///
    /// # Errors
    /// [`Status::InternalFailure`] when it is over at once: no callback follows an answer that comes before
    /// the hostcall has ended.
    pub(super) fn begin_callout(&mut self, mut callout: Callout) -> Result<(), Status> {
        let config = Arc::clone(&self.config);
        let pool = &callout.pool;
        let cluster = config.clusters.get(&pool.cluster).ok_or(Status::InternalFailure)?;
        let seat = self.upstreams.breakers.enter(cluster, pool, callout.attempt);
        if seat == Ok(Seat::Active) && callout.broken.is_some() {
            // Connections of HTTP/1 do not outlive such a request.
            let http2 = cluster.protocol == UpstreamProtocol::Http2;
            self.upstreams.leave(cluster, pool, callout.attempt, Seat::Active, http2);
        } else if let Ok(seat) = seat {
            if seat == Seat::Waiting {
                self.upstreams.count(&pool.cluster, "upstream_cx_overflow");
            }
            callout.seat = Some(seat);
            let id = self.expect_answer(callout)?;
            match seat {
                Seat::Active | Seat::Left => self.send_callout(id),
                Seat::Connecting => _ = self.schedule.at(self.now, Event::CalloutConnected(id)),
                Seat::Waiting => {}
            }
            return Ok(());
        } else if let Err(refused) = seat {
            self.count_overflow(&pool.cluster, refused);
        }
        self.upstreams.end(callout.attempt);
        Err(Status::InternalFailure)
    }

    fn send_callout(&mut self, call: CalloutId) {
        let Some(callout) = self.callouts.waiting.get_mut(&call) else { return };
        let Some((headers, body)) = callout.request.take() else { return };
        let (PoolKey { cluster, endpoint, .. }, http2) = (callout.pool.clone(), callout.http2);
        let limit = callout.asked.limit(false);
        let timeout = limit.map(|(limit, _)| std::time::Duration::from_nanos(limit));
        self.effect(Effect::Callout { call, cluster, endpoint, http2, headers, body, timeout });
    }
}

impl Engine {
    /// The connection that was made for a call stands.
    pub(crate) fn callout_connected(&mut self, call: CalloutId) {
        let config = self.config();
        let Some(callout) = self.world.callouts.waiting.get_mut(&call) else { return };
        if callout.seat != Some(Seat::Connecting) {
            return;
        }
        let Some(cluster) = config.clusters.get(&callout.pool.cluster) else { return };
        if self.world.upstreams.breakers.connected(cluster, &callout.pool, callout.attempt) {
            return self.callout_active(call);
        }
        // The connection stays, and waits for another request.
        callout.seat = None;
        self.callout_overflows(call, Refused::Requests);
    }

    /// A call that waited has a seat; none: there are too many requests.
    pub(crate) fn seat_callout(&mut self, call: CalloutId, seat: Option<Seat>) {
        let Some(callout) = self.world.callouts.waiting.get_mut(&call) else { return };
        callout.seat = seat;
        match seat {
            None => self.callout_overflows(call, Refused::Requests),
            Some(Seat::Active) => self.callout_active(call),
            Some(_) => {
                let now = self.world.now;
                self.world.schedule.at(now, Event::CalloutConnected(call));
            }
        }
    }

    fn callout_active(&mut self, call: CalloutId) {
        let Some(callout) = self.world.callouts.waiting.get_mut(&call) else { return };
        callout.seat = Some(Seat::Active);
        let http2 = callout.http2;
        match callout.broken.take() {
            None => self.world.send_callout(call),
            Some(why) => self.answer_callout(call, Some(local_answer(503, why)), http2),
        }
    }

    fn callout_overflows(&mut self, call: CalloutId, refused: Refused) {
        let Some(callout) = self.world.callouts.get(call) else { return };
        let cluster = callout.pool.cluster.clone();
        self.world.count_overflow(&cluster, refused);
        let (status, text) = failure_of_overflow(self.world.envoy);
        let mut answer = local_answer(status, text);
        answer.headers.append("x-envoy-overloaded", "true");
        self.answer_callout(call, Some(answer), false);
    }

    /// A call lets go of what it takes up; `reusable`: its connection can carry another request.
    pub(crate) fn release_callout(&mut self, callout: &Callout, reusable: bool) {
        self.world.schedule.cancel(callout.timer);
        self.world.upstreams.end(callout.attempt);
        let config = self.config();
        let Some(cluster) = config.clusters.get(&callout.pool.cluster) else { return };
        let Some(seat) = callout.seat else { return };
        // A connection that is being made is made all the same, and waits for the next request.
        let reusable = reusable || seat == Seat::Connecting;
        let upstreams = &mut self.world.upstreams;
        upstreams.leave(cluster, &callout.pool, callout.attempt, seat, reusable);
        self.wake_waiting(cluster, &callout.pool);
    }
}
