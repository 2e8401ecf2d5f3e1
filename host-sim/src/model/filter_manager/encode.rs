//! The response's way through the chain, backwards, and out to the client.

use bytes::Bytes;

use super::{Data, DataStatus, HeadersStatus, Start, TrailersStatus};
use crate::model::{
    call::LocalReply, chain::Iteration, effect::StreamId, engine::Engine, headers::check, vm::Side,
};

impl Engine {
    pub(crate) fn encode_headers(&mut self, id: StreamId, start: Start, end_stream: bool) {
        self.reset_idle_timer(id);
        self.disarm_request_timeout(id);
        self.note_source_end(id, start, end_stream);
        let mut entry = self.begin(id, Side::Encode, start);
        let mut data_added_by = None;
        while let Some(place) = entry {
            let chain = &mut self.world.streams.at(id).chain;
            if chain.destroyed {
                return;
            }
            let end = end_stream && data_added_by.is_none();
            chain.filter(place).encode.end_stream = end;
            chain.calls.encode_headers = true;
            chain.calls.end_of_stream |= end;
            let mut status = self.plugin_response_headers(id, place, end);
            let chain = &mut self.world.streams.at(id).chain;
            if chain.encoder_aborted {
                status = HeadersStatus::StopIteration;
            }
            chain.calls.encode_headers = false;
            if end {
                chain.calls.end_of_stream = false;
            }
            if chain.destroyed {
                return;
            }
            if !self.after_headers(id, Side::Encode, place, status) {
                if !end {
                    self.continue_added_response(id, data_added_by);
                }
                return;
            }
            let chain = &mut self.world.streams.at(id).chain;
            if end_stream && chain.held_response.is_some() && data_added_by.is_none() {
                data_added_by = Some(place);
            }
            entry = chain.next(Side::Encode, place);
        }
        let headers = self.world.streams.at(id).response.headers.as_ref();
        if headers.and_then(check::status).is_none() {
            return self.refuse_response_without_status(id);
        }
        let end = end_stream && data_added_by.is_none();
        self.world.streams.at(id).chain.response_headers_encoded = true;
        self.send_response_headers(id, end);
        if self.world.streams.at(id).chain.saw_downstream_reset {
            return;
        }
        self.maybe_end_encode(id, end);
        if !end {
            self.continue_added_response(id, data_added_by);
        }
    }

    fn continue_added_response(&mut self, id: StreamId, place: Option<usize>) {
        if let Some(place) = place {
            let chain = &mut self.world.streams.at(id).chain;
            chain.filter(place).encode.iteration = Iteration::StopSingle;
            self.common_continue(id, Side::Encode, place);
        }
    }

    /// At the beginning of the chain, the end of the message is the end of its source.
    fn note_source_end(&mut self, id: StreamId, start: Start, end_stream: bool) {
        if start == Start::Chain {
            self.world.streams.at(id).chain.local_complete = end_stream;
        }
    }

    fn refuse_response_without_status(&mut self, id: StreamId) {
        const MISSING: &str = "missing required header: :status";
        let details = MISSING.replace(' ', "_");
        let details = format!("filter_removed_required_response_headers{{{details}}}");
        self.send_local_reply(id, LocalReply::text(502, MISSING, &details));
    }

    pub(crate) fn encode_data(
        &mut self,
        id: StreamId,
        start: Start,
        mut data: Data,
        end_stream: bool,
    ) {
        self.encode_lent_data(id, start, &mut data, end_stream);
    }

    /// Nobody has to take what is lent: a filter that stops and does not buffer leaves it where it is.
    pub(crate) fn encode_lent_data(
        &mut self,
        id: StreamId,
        start: Start,
        data: &mut Data,
        end_stream: bool,
    ) {
        self.reset_idle_timer(id);
        self.note_source_end(id, start, end_stream);
        let had_trailers = self.has_trailers(id, Side::Encode);
        let mut trailers_added_by = None;
        let mut entry = self.begin(id, Side::Encode, start);
        while let Some(place) = entry {
            if self.world.streams.at(id).chain.destroyed
                || self.held_by_stop_all(id, Side::Encode, place, data)
                || self.world.streams.at(id).chain.filter(place).encode.end_stream
            {
                return;
            }
            let end = end_stream && !self.has_trailers(id, Side::Encode);
            let chain = &mut self.world.streams.at(id).chain;
            chain.calls.encode_data = true;
            chain.calls.end_of_stream |= end_stream;
            chain.filter(place).encode.end_stream = end;
            let mut status = self.plugin_response_body(id, place, data, end);
            let chain = &mut self.world.streams.at(id).chain;
            if chain.encoder_aborted {
                status = DataStatus::StopNoBuffer;
            }
            chain.calls.encode_data = false;
            if end_stream {
                chain.calls.end_of_stream = false;
            }
            if chain.destroyed {
                // A filter behind it knows that it has the end, and stops Envoy there.
                if status == DataStatus::Continue && chain.next(Side::Encode, place).is_none() {
                    self.note_ended_in_its_callback(id);
                }
                return;
            }
            if !had_trailers && trailers_added_by.is_none() && self.has_trailers(id, Side::Encode) {
                trailers_added_by = Some(place);
            }
            if !self.after_data(id, Side::Encode, place, status, data) {
                return;
            }
            entry = self.world.streams.at(id).chain.next(Side::Encode, place);
        }
        let end = end_stream && trailers_added_by.is_none();
        let bytes = self.take_data(id, Side::Encode, data);
        let left = self.send_response_data(id, bytes, end);
        self.keep_held_response(id, data, left);
        if self.world.streams.at(id).chain.saw_downstream_reset {
            return;
        }
        self.maybe_end_encode(id, end);
        if let Some(place) = trailers_added_by {
            self.encode_trailers(id, Start::From(place));
        }
    }

    /// What a filter held, and what nobody behind it took, is still held, and comes again with the next that
    /// goes on.
    fn keep_held_response(&mut self, id: StreamId, data: &Data, left: Bytes) {
        let chain = &mut self.world.streams.at(id).chain;
        if let (Data::Held, Some(held)) = (data, chain.held_response.as_mut())
            && !left.is_empty()
        {
            held.buffer.append(left);
        }
    }

    pub(crate) fn encode_trailers(&mut self, id: StreamId, start: Start) {
        self.reset_idle_timer(id);
        self.note_source_end(id, start, true);
        let mut entry = self.begin(id, Side::Encode, start);
        while let Some(place) = entry {
            let chain = &mut self.world.streams.at(id).chain;
            if chain.destroyed || chain.filter(place).encode.iteration.stopped_all() {
                return;
            }
            chain.calls.encode_trailers = true;
            let status = self.plugin_response_trailers(id, place);
            let chain = &mut self.world.streams.at(id).chain;
            chain.filter(place).encode.end_stream = true;
            chain.calls.encode_trailers = false;
            if chain.destroyed && status == TrailersStatus::Continue {
                self.note_ended_in_its_callback(id);
            }
            let chain = &self.world.streams.at(id).chain;
            if chain.destroyed || !self.after_trailers(id, Side::Encode, place, status) {
                return;
            }
            entry = self.world.streams.at(id).chain.next(Side::Encode, place);
        }
        self.send_response_trailers(id);
        if self.world.streams.at(id).chain.saw_downstream_reset {
            return;
        }
        self.maybe_end_encode(id, true);
    }

    /// A filter let everything go from inside a callback, and then the callback's own piece. The chain of an
    /// attempt bears it.
    fn note_ended_in_its_callback(&mut self, id: StreamId) {
        if self.world.streams.at(id).parent.is_none() {
            let what = "what has ended its response in a callback lets it go on";
            self.world.note_undefined(id, what);
        }
    }

    fn maybe_end_encode(&mut self, id: StreamId, end_stream: bool) {
        if end_stream {
            self.world.streams.at(id).chain.remote_encode_complete = true;
            self.end_stream(id);
        }
    }

    /// As [`Engine::add_decoded_data`], for the response.
    pub(super) fn add_encoded_data(&mut self, id: StreamId, data: &mut Data) {
        self.world.streams.at(id).chain.encoder_streaming = false;
        self.hold(id, Side::Encode, data);
    }
}
