//! The filters that stand between the router and a server: a chain of its own for each attempt.
//!
//! Such a chain is a stream of its own in the model, whose client is the router. It runs through the
//! same filter manager; what it shares with the client's stream (request headers and trailers, filter
//! state, all that access logs tell) stays there, and whoever looks for it asks for the
//! [owner](crate::model::stream::Streams::owner_of). So what a filter does to the request headers of one
//! attempt is there in the next one, as in Envoy.

use std::sync::Arc;

use bytes::Bytes;

use super::{Seat, wire::on_the_wire};
use crate::model::{
    call::LocalReply,
    chain::{Chain, Filter, Kind, PluginFilter},
    config::UpstreamFilter,
    credential::Credential,
    effect::{StreamId, UpstreamEvent},
    engine::Engine,
    filter_manager::{Data, DataStatus, HeadersStatus, SWALLOWED, Start},
    stream::Stream,
    vm::Side,
    vm_registry::ForStream,
};

impl Engine {
    /// Makes the chain of an attempt; none where the route's cluster has no filters.
    ///
    /// Of a cluster that stands for others its own filters count, and theirs do not.
    pub(super) fn make_upstream_chain(&mut self, id: StreamId) -> Option<StreamId> {
        let config = self.config();
        let stream = self.world.streams.at(id);
        let cluster = stream.info.upstream.cluster.clone()?;
        let configured = config.upstream_filters.get(&cluster).filter(|all| !all.is_empty())?;
        let (worker, limit) = (stream.worker, stream.chain.limit);
        let own = self.world.streams.next_id();
        let chain = Chain { created: true, limit, ..Chain::default() };
        let upstream = Stream { id: own, parent: Some(id), worker, chain, ..Stream::default() };
        self.world.streams.insert(upstream);
        let mut filters = Vec::new();
        for filter in configured {
            let place = match filter {
                UpstreamFilter::Plugin(place) => place,
                UpstreamFilter::Credential(credential) => {
                    filters.push(Filter::new(Kind::Credential(Arc::clone(credential))));
                    continue;
                }
            };
            let (vm, context) = match self.plugin_for_stream(worker, *place) {
                ForStream::Skip => continue,
                ForStream::Dead => (None, 0),
                ForStream::Live(handle) => {
                    let context = self.new_stream_context(handle, own, filters.len());
                    (Some(handle.vm), context)
                }
            };
            filters.push(Filter::new(Kind::Plugin(PluginFilter {
                plugin: *place,
                vm,
                context,
                created: false,
                failed: false,
                failure_reply_sent: false,
            })));
        }
        filters.push(Filter::new(Kind::Codec));
        self.world.streams.at(own).chain.filters = filters;
        Some(own)
    }

    /// The chain of the attempt that is under way.
    fn upstream_chain(&mut self, id: StreamId) -> Option<StreamId> {
        self.world.streams.at(id).router.attempt.as_ref()?.chain
    }

    pub(super) fn accept_headers(&mut self, id: StreamId, end: bool) {
        match self.upstream_chain(id) {
            None => self.send_headers(id, end),
            Some(chain) => {
                self.world.streams.at(chain).chain.remote_decode_complete = end;
                self.decode_headers(chain, Start::Chain, end);
            }
        }
    }

    pub(super) fn accept_data(&mut self, id: StreamId, data: Bytes, end: bool) {
        match self.upstream_chain(id) {
            None => self.send_attempt_data(id, data, end),
            Some(chain) => {
                self.world.streams.at(chain).chain.remote_decode_complete = end;
                self.decode_data(chain, Start::Chain, Data::Frame(data.into()), end);
            }
        }
    }

    pub(super) fn accept_trailers(&mut self, id: StreamId) {
        match self.upstream_chain(id) {
            None => self.send_attempt_trailers(id),
            Some(chain) => {
                self.world.streams.at(chain).chain.remote_decode_complete = true;
                self.decode_trailers(chain, Start::Chain);
            }
        }
    }

    /// The client's stream of a chain whose attempt is still under way.
    fn served_by(&mut self, chain: StreamId) -> Option<StreamId> {
        let id = self.world.streams.at(chain).parent?;
        (self.upstream_chain(id) == Some(chain)).then_some(id)
    }

    pub(crate) fn codec_headers(&mut self, chain: StreamId, end: bool) -> HeadersStatus {
        let Some(id) = self.served_by(chain) else { return HeadersStatus::StopIteration };
        if let Some(attempt) = self.world.streams.at(id).router.attempt.as_mut()
            && attempt.seat != Seat::Active
        {
            // Everything stops here until there is a connection, and is let go in one go then: also
            // what another filter meanwhile holds back of the body, because there is one buffer.
            attempt.latched = Some(end);
            return HeadersStatus::StopAllWatermark;
        }
        self.send_headers(id, end);
        HeadersStatus::StopIteration
    }

    /// There is a connection, and the codec goes on with what it held.
    pub(super) fn release_latched(&mut self, id: StreamId) {
        let Some(attempt) = self.world.streams.at(id).router.attempt.as_mut() else { return };
        let (Some(end), Some(chain)) = (attempt.latched.take(), attempt.chain) else { return };
        self.send_headers(id, end);
        let codec = self.world.streams.at(chain).chain.filters.len().saturating_sub(1);
        self.common_continue(chain, Side::Decode, codec);
    }

    pub(crate) fn codec_data(&mut self, chain: StreamId, data: &mut Data, end: bool) -> DataStatus {
        let bytes = self.take_data(chain, Side::Decode, data);
        if let Some(id) = self.served_by(chain) {
            self.send_attempt_data(id, bytes, end);
        }
        SWALLOWED
    }

    pub(crate) fn codec_trailers(&mut self, chain: StreamId) {
        if let Some(id) = self.served_by(chain) {
            self.send_attempt_trailers(id);
        }
    }

    pub(crate) fn put_on(&mut self, chain: StreamId, credential: &Credential) -> HeadersStatus {
        if let Some(id) = self.served_by(chain)
            && let Some(headers) = self.world.streams.at(id).request.headers.as_mut()
        {
            credential.put_on(headers);
        }
        HeadersStatus::Continue
    }

    fn send_headers(&mut self, id: StreamId, end: bool) {
        let stream = self.world.streams.at(id);
        let headers = stream.request.headers.clone().unwrap_or_default();
        let Some(attempt) = stream.router.attempt.as_mut() else { return };
        attempt.request_ended = end;
        let (attempt, http2) = (attempt.id, attempt.http2);
        let wire = on_the_wire(headers, http2, end);
        self.upstream(id, attempt, UpstreamEvent::Headers(wire, end));
    }

    /// What has passed the chain of an attempt is the attempt's answer.
    pub(crate) fn answer_of_chain(&mut self, chain: StreamId, end: bool) {
        // A filter that held them may still reach them.
        let headers = self.world.streams.at(chain).response.headers.clone().unwrap_or_default();
        if let Some(id) = self.served_by(chain) {
            self.response_headers(id, headers, end);
        }
    }

    /// Gives back what nobody took.
    pub(crate) fn answer_data_of_chain(
        &mut self,
        chain: StreamId,
        data: Bytes,
        end: bool,
    ) -> Bytes {
        match self.served_by(chain) {
            Some(id) => self.response_data(id, data, end),
            None => Bytes::new(),
        }
    }

    pub(crate) fn answer_trailers_of_chain(&mut self, chain: StreamId) {
        let trailers = self.world.streams.at(chain).response.trailers.take().unwrap_or_default();
        if let Some(id) = self.served_by(chain) {
            self.response_trailers(id, trailers);
        }
    }

    /// A reply from the chain of an attempt goes to the client at once, and is never retried.
    pub(crate) fn reply_from_chain(&mut self, chain: StreamId, reply: LocalReply) {
        let stream = self.world.streams.at(chain);
        let Some(parent) = stream.parent else { return };
        stream.chain.decoder_aborted = true;
        stream.chain.encoder_aborted = true;
        stream.chain.local_complete = true;
        stream.chain.remote_encode_complete = true;
        self.send_local_reply(parent, reply);
    }

    /// The attempt is over: its filters let go. They are not asked for log lines.
    pub(super) fn end_upstream_chain(&mut self, chain: StreamId) {
        let stream = self.world.streams.at(chain);
        if stream.chain.destroyed {
            return;
        }
        let filters = stream.chain.filters.len();
        self.world.streams.end(chain);
        let roots: Vec<_> =
            (0..filters).filter_map(|filter| self.end_plugin(chain, filter)).collect();
        for (vm, root) in roots {
            self.end_root_if_unused(vm, root);
        }
    }
}
