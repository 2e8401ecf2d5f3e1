//! What an attempt answers: it goes to the client, or makes room for another attempt.

use bytes::Bytes;

use crate::model::{
    effect::StreamId,
    engine::Engine,
    filter_manager::{Data, Start},
    headers::HeaderMap,
    stream::HandedOn,
    vm::Side,
};

impl Engine {
    /// An attempt has an answer.
    pub(super) fn response_headers(&mut self, id: StreamId, mut headers: HeaderMap, end: bool) {
        let code: u32 = headers.text(":status").and_then(|code| code.parse().ok()).unwrap_or(0);
        self.note_outcome(id, code.into());
        if self.retries_after_headers(id, &headers, end) {
            return;
        }
        let now = self.world.now;
        let stream = self.world.streams.at(id);
        stream.info.response_code = Some(code);
        stream.router.response_started = true;
        let suppress = stream.manager.as_ref().is_some_and(|m| m.suppress_envoy_headers);
        if let (Some(complete), false) = (stream.router.request_complete, suppress) {
            let millis = now.saturating_sub(complete) / 1_000_000;
            headers.set("x-envoy-upstream-service-time", millis.to_string());
        }
        stream.response.headers = Some(headers);
        self.hand_on(id, |handed| handed.headers = true);
        let stream = self.world.streams.at(id);
        let route = stream.router.route.clone();
        if let Some(route) = route {
            if route.counts_attempts() {
                let attempts = self.world.streams.at(id).info.upstream.attempts.to_string();
                if let Some(headers) = &mut self.world.streams.at(id).response.headers {
                    headers.set("x-envoy-attempt-count", attempts);
                }
            }
            self.edit_headers(id, Side::Encode, &route.response_edits);
        }
        if end {
            self.upstream_complete(id);
        }
        self.encode_headers(id, Start::Chain, end);
    }

    fn hand_on(&mut self, id: StreamId, note: impl FnOnce(&mut HandedOn)) {
        let attempt = self.world.streams.at(id).router.attempt.as_ref();
        if let Some(chain) = attempt.and_then(|attempt| attempt.chain) {
            note(&mut self.world.streams.at(chain).handed_on);
        }
    }

    /// Tells the outlier detection what came of the attempt that is under way.
    pub(super) fn note_outcome(&mut self, id: StreamId, code: u64) {
        let (config, now) = (self.config(), self.world.now);
        let Some(attempt) = self.world.streams.at(id).router.attempt.as_ref() else { return };
        let (name, endpoint) = (attempt.pool.cluster.clone(), attempt.pool.endpoint);
        if let Some(cluster) = config.clusters.get(&name) {
            self.world.upstreams.outliers.note(cluster, endpoint, code, now);
        }
    }

    /// Gives back what no filter took.
    pub(super) fn response_data(&mut self, id: StreamId, data: Bytes, end: bool) -> Bytes {
        if end {
            self.upstream_complete(id);
        }
        let mut lent = Data::Frame(data.into());
        self.encode_lent_data(id, Start::Chain, &mut lent, end);
        match lent {
            Data::Frame(mut left) => left.take_all(),
            Data::Held => Bytes::new(),
        }
    }

    pub(super) fn response_trailers(&mut self, id: StreamId, trailers: HeaderMap) {
        self.world.streams.at(id).response.trailers = Some(trailers);
        self.hand_on(id, |handed| handed.trailers = true);
        self.upstream_complete(id);
        self.encode_trailers(id, Start::Chain);
    }
}
