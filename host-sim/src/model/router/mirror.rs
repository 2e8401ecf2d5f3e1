//! Copies of a request for other clusters. Nobody hears their answers, and they are never tried again.
//!
//! # Limits
//! Copies pass no filters and count against no circuit breaker.

use bytes::Bytes;

use super::{balance::Wish, wire::on_the_wire};
use crate::{
    bootstrap::{UpstreamProtocol, route::MirrorPolicy},
    model::{
        effect::{AttemptId, Effect, StreamId, UpstreamEvent},
        engine::Engine,
        headers::{HeaderMap, check},
    },
};

/// A copy that is being sent.
#[derive(Debug)]
pub(crate) struct Mirror {
    id: AttemptId,
    http2: bool,
    /// What is to be sent once the connection stands; none when it does.
    waiting: Option<Vec<UpstreamEvent>>,
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
            let stream = world.streams.at(id);
            let headers = stream.request.headers.clone().unwrap_or_default();
            let wire = on_the_wire(copied(headers, policy.appends_suffix), http2, end);
            let waiting = Some(vec![UpstreamEvent::Headers(wire, end)]);
            stream.router.mirrors.push(Mirror { id: attempt, http2, waiting });
            let event = UpstreamEvent::Connect { cluster: cluster.name.clone(), endpoint, http2 };
            self.world.effect(Effect::Upstream { attempt, stream: id, event });
        }
    }

    /// A connection for a copy stands.
    pub(super) fn mirror_connected(&mut self, attempt: AttemptId) {
        let Some(id) = self.world.upstreams.stream_of(attempt) else { return };
        let mirrors = &mut self.world.streams.at(id).router.mirrors;
        let Some(mirror) = mirrors.iter_mut().find(|mirror| mirror.id == attempt) else { return };
        let waiting = mirror.waiting.take().unwrap_or_default();
        if let Some(UpstreamEvent::Headers(headers, _)) = waiting.first()
            && check::request(headers).is_err()
        {
            // Nobody hears that it cannot be sent.
            mirrors.retain(|mirror| mirror.id != attempt);
            self.world.upstreams.end(attempt);
            let event = UpstreamEvent::Reset;
            return self.world.effect(Effect::Upstream { attempt, stream: id, event });
        }
        for event in waiting {
            self.world.effect(Effect::Upstream { attempt, stream: id, event });
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
        for mirror in std::mem::take(&mut router.mirrors) {
            self.world.upstreams.end(mirror.id);
            if !complete {
                let (attempt, event) = (mirror.id, UpstreamEvent::Reset);
                self.world.effect(Effect::Upstream { attempt, stream: id, event });
            }
        }
    }

    fn mirror(&mut self, id: StreamId, event: impl Fn(bool) -> UpstreamEvent) {
        let mut effects = Vec::new();
        for mirror in &mut self.world.streams.at(id).router.mirrors {
            let event = event(mirror.http2);
            match &mut mirror.waiting {
                Some(waiting) => waiting.push(event),
                None => effects.push((mirror.id, event)),
            }
        }
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
