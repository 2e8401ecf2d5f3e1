//! The request's way through the chain.

use std::sync::Arc;

use super::{Data, DataStatus, HeadersStatus, Start, TrailersStatus};
use crate::model::{
    chain::{Iteration, Kind},
    effect::StreamId,
    engine::Engine,
    vm::Side,
};

impl Engine {
    pub(crate) fn decode_headers(&mut self, id: StreamId, start: Start, end_stream: bool) {
        let mut entry = self.begin(id, Side::Decode, start);
        let mut data_added_by = None;
        while let Some(place) = entry {
            let chain = &mut self.world.streams.at(id).chain;
            if chain.destroyed {
                return;
            }
            let end = end_stream && data_added_by.is_none();
            chain.filter(place).decode.end_stream = end;
            chain.calls.decode_headers = true;
            chain.calls.end_of_stream |= end;
            let mut status = match &chain.filter(place).kind {
                Kind::Plugin(_) => self.plugin_request_headers(id, place, end),
                Kind::Router => self.router_headers(id, end),
                Kind::Credential(credential) => {
                    let credential = Arc::clone(credential);
                    self.put_on(id, &credential)
                }
                Kind::Codec => self.codec_headers(id, end),
            };
            let chain = &mut self.world.streams.at(id).chain;
            chain.calls.decode_headers = false;
            if end {
                chain.calls.end_of_stream = false;
            }
            if chain.decoder_aborted {
                self.execute_prepared_reply(id);
                status = HeadersStatus::StopIteration;
            }
            if self.world.streams.at(id).chain.destroyed {
                return;
            }
            let go_on = self.after_headers(id, Side::Decode, place, status);
            let chain = &mut self.world.streams.at(id).chain;
            let next = chain.next(Side::Decode, place);
            if next.is_some() && (chain.local_complete || !go_on) {
                return self.continue_added_data(id, data_added_by);
            }
            if end_stream && chain.held_request.is_some() && data_added_by.is_none() {
                data_added_by = Some(place);
            }
            entry = next;
        }
        self.continue_added_data(id, data_added_by);
        if end_stream {
            self.disarm_request_timeout(id);
        }
    }

    /// A filter gave a body to a request that had none.
    fn continue_added_data(&mut self, id: StreamId, place: Option<usize>) {
        if let Some(place) = place {
            let chain = &mut self.world.streams.at(id).chain;
            chain.filter(place).decode.iteration = Iteration::StopSingle;
            self.common_continue(id, Side::Decode, place);
        }
    }

    pub(crate) fn decode_data(
        &mut self,
        id: StreamId,
        start: Start,
        mut data: Data,
        mut end_stream: bool,
    ) {
        self.reset_idle_timer(id);
        if self.world.streams.at(id).chain.local_complete {
            return;
        }
        let had_trailers = self.has_trailers(id, Side::Decode);
        let mut trailers_added_by = None;
        let mut entry = self.begin(id, Side::Decode, start);
        while let Some(place) = entry {
            if self.world.streams.at(id).chain.destroyed
                || self.held_by_stop_all(id, Side::Decode, place, &mut data)
                || self.world.streams.at(id).chain.filter(place).decode.end_stream
            {
                return;
            }
            let end = end_stream && !self.has_trailers(id, Side::Decode);
            let chain = &mut self.world.streams.at(id).chain;
            chain.calls.end_of_stream |= end_stream;
            chain.calls.decode_data = true;
            chain.filter(place).decode.end_stream = end;
            let status = match &chain.filter(place).kind {
                Kind::Plugin(_) => self.plugin_request_body(id, place, &mut data, end),
                Kind::Router => self.router_data(id, &mut data, end),
                Kind::Credential(_) => DataStatus::Continue,
                Kind::Codec => self.codec_data(id, &mut data, end),
            };
            let chain = &mut self.world.streams.at(id).chain;
            chain.calls.decode_data = false;
            if end_stream {
                chain.calls.end_of_stream = false;
            }
            if chain.decoder_aborted {
                return self.execute_prepared_reply(id);
            }
            if chain.destroyed {
                return;
            }
            let last = chain.next(Side::Decode, place).is_none();
            if !had_trailers && trailers_added_by.is_none() && self.has_trailers(id, Side::Decode) {
                end_stream = false;
                trailers_added_by = Some(place);
            }
            if !self.after_data(id, Side::Decode, place, status, &mut data) && !last {
                break;
            }
            entry = self.world.streams.at(id).chain.next(Side::Decode, place);
        }
        if let Some(place) = trailers_added_by {
            self.decode_trailers(id, Start::From(place));
        }
        if end_stream {
            self.disarm_request_timeout(id);
        }
    }

    pub(crate) fn decode_trailers(&mut self, id: StreamId, start: Start) {
        if self.world.streams.at(id).chain.local_complete {
            return;
        }
        let mut entry = self.begin(id, Side::Decode, start);
        while let Some(place) = entry {
            let chain = &mut self.world.streams.at(id).chain;
            if chain.destroyed || chain.filter(place).decode.iteration.stopped_all() {
                return;
            }
            chain.calls.decode_trailers = true;
            let mut status = match &chain.filter(place).kind {
                Kind::Plugin(_) => self.plugin_request_trailers(id, place),
                Kind::Credential(_) => TrailersStatus::Continue,
                Kind::Router => {
                    self.router_trailers(id);
                    TrailersStatus::Continue
                }
                Kind::Codec => {
                    self.codec_trailers(id);
                    TrailersStatus::Continue
                }
            };
            let chain = &mut self.world.streams.at(id).chain;
            chain.filter(place).decode.end_stream = true;
            chain.calls.decode_trailers = false;
            if chain.decoder_aborted {
                self.execute_prepared_reply(id);
                status = TrailersStatus::StopIteration;
            }
            if self.world.streams.at(id).chain.destroyed
                || !self.after_trailers(id, Side::Decode, place, status)
            {
                return;
            }
            entry = self.world.streams.at(id).chain.next(Side::Decode, place);
        }
        self.disarm_request_timeout(id);
    }

    /// Adds data in front of a filter, as a plugin's body pause does.
    ///
    /// Only from a headers or data callback; there, data is held.
    pub(super) fn add_decoded_data(&mut self, id: StreamId, data: &mut Data) {
        self.world.streams.at(id).chain.decoder_streaming = false;
        self.hold(id, Side::Decode, data);
    }
}

/// The router swallows what it is given.
pub(crate) const SWALLOWED: DataStatus = DataStatus::StopNoBuffer;
