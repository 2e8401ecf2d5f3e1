//! What is held back, and what happens when it grows over its limit.

use bytes::Bytes;

use super::{Data, DataStatus, HeadersStatus, TrailersStatus};
use crate::model::{
    buffer::Buffer,
    call::LocalReply,
    chain::{Held, Iteration},
    effect::StreamId,
    engine::Engine,
    vm::Side,
};

impl Engine {
    /// Notes a filter's answer to headers; true: go on to the next filter.
    pub(super) fn after_headers(
        &mut self,
        id: StreamId,
        side: Side,
        place: usize,
        status: HeadersStatus,
    ) -> bool {
        let leg = self.world.streams.at(id).chain.filter(place).leg(side);
        if leg.headers_continued || leg.iteration != Iteration::Continue {
            self.world.note_undefined(id, "headers go on inside the callback that brings them");
        }
        let leg = self.world.streams.at(id).chain.filter(place).leg(side);
        match status {
            HeadersStatus::Continue => leg.headers_continued = true,
            HeadersStatus::StopIteration => leg.iteration = Iteration::StopSingle,
            HeadersStatus::StopAllBuffer => leg.iteration = Iteration::StopAllBuffer,
            HeadersStatus::StopAllWatermark => leg.iteration = Iteration::StopAllWatermark,
        }
        !leg.iteration.stopped_all() && status != HeadersStatus::StopIteration
    }

    /// Notes a filter's answer to data; true: go on to the next filter.
    pub(super) fn after_data(
        &mut self,
        id: StreamId,
        side: Side,
        place: usize,
        status: DataStatus,
        data: &mut Data,
    ) -> bool {
        let chain = &mut self.world.streams.at(id).chain;
        let stopped = chain.filter(place).leg(side).iteration == Iteration::StopSingle;
        match status {
            DataStatus::Continue if stopped => {
                self.hold(id, side, data);
                self.common_continue(id, side, place);
                return false;
            }
            DataStatus::Continue => {
                if std::mem::take(&mut chain.filter(place).leg(side).added) {
                    self.forward_added_data(id, side, data);
                }
                return true;
            }
            DataStatus::StopAndBuffer | DataStatus::StopAndWatermark => {
                chain.filter(place).leg(side).iteration = Iteration::StopSingle;
                *chain.streaming(side) = status == DataStatus::StopAndWatermark;
                self.hold(id, side, data);
            }
            DataStatus::StopNoBuffer => {
                chain.filter(place).leg(side).iteration = Iteration::StopSingle;
                let complete = chain.complete(side) && !chain.destroyed;
                if complete && !self.has_trailers(id, side) {
                    // Resuming has to bring an empty last frame.
                    let held = self.world.streams.at(id).chain.held(side);
                    held.get_or_insert_default();
                }
            }
        }
        false
    }

    /// Notes a filter's answer to trailers; true: go on to the next filter.
    pub(super) fn after_trailers(
        &mut self,
        id: StreamId,
        side: Side,
        place: usize,
        status: TrailersStatus,
    ) -> bool {
        let leg = self.world.streams.at(id).chain.filter(place).leg(side);
        match status {
            TrailersStatus::Continue if leg.iteration == Iteration::StopSingle => {
                self.common_continue(id, side, place);
                false
            }
            TrailersStatus::Continue => true,
            TrailersStatus::StopIteration => {
                if leg.iteration == Iteration::Continue {
                    leg.iteration = Iteration::StopSingle;
                }
                false
            }
        }
    }

    /// Data for a filter that has stopped everything is held; true if it was.
    pub(super) fn held_by_stop_all(
        &mut self,
        id: StreamId,
        side: Side,
        place: usize,
        data: &mut Data,
    ) -> bool {
        let chain = &mut self.world.streams.at(id).chain;
        let iteration = chain.filter(place).leg(side).iteration;
        if !iteration.stopped_all() {
            return false;
        }
        *chain.streaming(side) = iteration == Iteration::StopAllWatermark;
        self.hold(id, side, data);
        true
    }

    /// Adds a frame to what is held. Held data on its way is already where it belongs.
    pub(crate) fn hold(&mut self, id: StreamId, side: Side, data: &mut Data) {
        if let Data::Frame(frame) = data {
            let held = self.world.streams.at(id).chain.held(side).get_or_insert_default();
            held.buffer.take_from(frame);
            self.check_watermark(id, side);
        }
    }

    /// A plugin that had paused in a body callback, was resumed from elsewhere, and now lets a piece pass:
    /// its piece was added to the held data before the guest was asked, and would be left there.
    fn forward_added_data(&mut self, id: StreamId, side: Side, data: &mut Data) {
        let guarded = self.world.envoy.forwards_added_data();
        let held = self.world.streams.at(id).chain.held(side);
        if let (Data::Frame(frame), Some(held), true) = (data, held, guarded)
            && frame.is_empty()
            && !held.buffer.is_empty()
        {
            frame.take_from(&mut held.buffer);
            self.check_watermark(id, side);
        }
    }

    /// Takes data out of the chain, for the router or the client.
    pub(crate) fn take_data(&mut self, id: StreamId, side: Side, data: &mut Data) -> Bytes {
        match data {
            Data::Frame(frame) => frame.take_all(),
            Data::Held => {
                let held = self.world.streams.at(id).chain.held(side);
                let bytes = held.as_mut().map_or_else(Bytes::new, |held| held.buffer.take_all());
                self.check_watermark(id, side);
                bytes
            }
        }
    }

    /// The same bytes, which stay where they are.
    pub(crate) fn copy_data(&mut self, id: StreamId, side: Side, data: &Data) -> Bytes {
        match data {
            Data::Frame(frame) => frame.copy(0, usize::MAX).into(),
            Data::Held => {
                let held = self.world.streams.at(id).chain.held(side);
                held.as_ref().map_or_else(Bytes::new, |held| held.buffer.copy(0, usize::MAX).into())
            }
        }
    }

    /// Looks at every stream whose held data a guest has changed.
    pub(crate) fn check_watermarks(&mut self) {
        for id in std::mem::take(&mut self.world.rewritten) {
            self.check_watermark(id, Side::Decode);
            self.check_watermark(id, Side::Encode);
        }
    }

    /// Tells when what is held goes over the limit, and when half of that is gone again.
    fn check_watermark(&mut self, id: StreamId, side: Side) {
        let chain = &mut self.world.streams.at(id).chain;
        let (limit, streaming) = (chain.limit, *chain.streaming(side));
        let Some(Held { buffer, above }) = chain.held(side) else { return };
        let length = Buffer::len(buffer);
        if !*above && limit > 0 && length > limit {
            *above = true;
            self.over_limit(id, side, streaming);
        } else if *above && length <= limit / 2 {
            *above = false;
            self.below_limit(id, side);
        }
    }

    fn over_limit(&mut self, id: StreamId, side: Side, streaming: bool) {
        let (status, text, details) = match (side, streaming) {
            (Side::Decode, true) => return self.disable_downstream_read(id),
            (Side::Encode, true) => return self.disable_upstream_read(id),
            (Side::Decode, false) => (413, "Payload Too Large", "request_payload_too_large"),
            (Side::Encode, false) => (500, "Internal Server Error", "response_payload_too_large"),
        };
        self.send_local_reply(id, LocalReply::text(status, text, details));
    }

    fn below_limit(&mut self, id: StreamId, side: Side) {
        match side {
            Side::Decode => self.enable_downstream_read(id),
            Side::Encode => self.enable_upstream_read(id),
        }
    }

    pub(super) fn has_trailers(&mut self, id: StreamId, side: Side) -> bool {
        let streams = &mut self.world.streams;
        match side {
            Side::Decode => streams.owner_at(id).request.trailers.is_some(),
            Side::Encode => streams.at(id).response.trailers.is_some(),
        }
    }
}
