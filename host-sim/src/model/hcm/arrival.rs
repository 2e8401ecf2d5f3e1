//! How a request's body comes in: in pieces as large as one read, one read a turn of the event loop.
//!
//! A client that is ahead of the proxy does not push its body through the chain in one go: Envoy reads
//! some of it, lets the filters see that, runs what was posted meanwhile, and reads again. A plugin that
//! decides on the first piece therefore acts before the last one is read.
//!
//! # Limits
//! A read of a real socket is as large as what the kernel holds, up to the connection's buffer limit.
//! Here the first read of a stream takes [`FIRST_READ`], because a client has just begun, and every
//! later one as much as that limit allows, because it was ahead meanwhile: the mixture that plugins
//! have to stand.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::{
    host::Protocol,
    model::{
        effect::{Effect, StreamId},
        engine::Engine,
        hcm::Malformed,
        headers::HeaderMap,
        time::Event,
    },
};

/// How much the first read of a stream takes.
const FIRST_READ: usize = 64 * 1024;
/// The largest HTTP/2 data frame, and so the largest piece of an HTTP/2 body.
const FRAME: usize = 16 * 1024;
/// The window of an HTTP/2 stream, and so how much of the stream filters may hold: a listener's buffer limit is for connections,
/// and counts for streams only where a connection is one.
pub(crate) const WINDOW: usize = 16 * 1024 * 1024;

/// What has come in and was not read yet.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    waiting: VecDeque<Piece>,
    read_planned: bool,
    /// The length that an HTTP/2 client announced; a plugin may change the header meanwhile.
    pub(super) announced: Option<usize>,
    /// How much of the body came in.
    arrived: usize,
    /// Something of the body was read before.
    begun: bool,
    /// How many reasons there are not to read from the client.
    disabled: usize,
    /// The client was told to stop.
    told_to_stop: bool,
}

#[derive(Debug)]
enum Piece {
    Data(Bytes, bool),
    Trailers(HeaderMap),
}

impl Engine {
    /// A piece of the request's body arrives.
    pub(crate) fn receive_data(&mut self, id: StreamId, mut data: Bytes, end_stream: bool) {
        let stream = self.world.streams.at(id);
        let http2 = stream.protocol == Protocol::Http2;
        if http2 && !self.fits_its_length(id, data.len(), end_stream) {
            return self.refuse_message(id, Malformed::Length);
        }
        let stream = self.world.streams.at(id);
        while http2 && data.len() > FRAME {
            let piece = data.split_to(FRAME);
            stream.arrival.waiting.push_back(Piece::Data(piece, false));
        }
        if end_stream && !http2 && !data.is_empty() {
            // HTTP/1's codec sees the end of a message after its last byte.
            stream.arrival.waiting.push_back(Piece::Data(std::mem::take(&mut data), false));
        }
        stream.arrival.waiting.push_back(Piece::Data(data, end_stream));
        self.read_now(id);
    }

    /// Request trailers arrive.
    pub(crate) fn receive_trailers(&mut self, id: StreamId, trailers: HeaderMap) {
        let http2 = self.world.streams.at(id).protocol == Protocol::Http2;
        if http2 && !self.fits_its_length(id, 0, true) {
            return self.refuse_message(id, Malformed::Rule);
        }
        self.world.streams.at(id).arrival.waiting.push_back(Piece::Trailers(trailers));
        self.read_now(id);
    }

    /// Whether an HTTP/2 body is still as long as its headers say; the piece that breaks that is not read.
    fn fits_its_length(&mut self, id: StreamId, more: usize, end_stream: bool) -> bool {
        let stream = self.world.streams.at(id);
        stream.arrival.arrived += more;
        let arrived = stream.arrival.arrived;
        match stream.arrival.announced {
            Some(length) if end_stream => arrived == length,
            Some(length) => arrived <= length,
            None => true,
        }
    }

    fn read_now(&mut self, id: StreamId) {
        if !self.world.streams.at(id).arrival.read_planned {
            self.read(id);
        }
    }

    /// One read: what fits into it goes through the chain, the rest waits for a later turn.
    pub(crate) fn read(&mut self, id: StreamId) {
        let stream = self.world.streams.at(id);
        stream.arrival.read_planned = false;
        let largest = if stream.chain.limit == 0 { usize::MAX } else { stream.chain.limit };
        let mut left = if stream.arrival.begun { largest } else { FIRST_READ.min(largest) };
        stream.arrival.begun = true;
        // A byte too few ends the read, an empty piece does not.
        while self.may_read(id) {
            let waiting = &mut self.world.streams.at(id).arrival.waiting;
            match waiting.pop_front() {
                Some(Piece::Data(data, end)) if data.len() > left => {
                    let mut rest = data;
                    let now = rest.split_to(left);
                    waiting.push_front(Piece::Data(rest, end));
                    left = 0;
                    if now.is_empty() {
                        break;
                    }
                    self.decode_arrived_data(id, now, false);
                }
                Some(Piece::Data(data, end)) => {
                    left -= data.len();
                    self.decode_arrived_data(id, data, end);
                    self.end_with_last_byte(id);
                }
                Some(Piece::Trailers(trailers)) => self.decode_arrived_trailers(id, trailers),
                None => return,
            }
        }
        self.plan_read(id);
    }

    /// HTTP/1's codec sees the end of a message in the read that brought its last byte, also when a
    /// filter was full of it.
    fn end_with_last_byte(&mut self, id: StreamId) {
        let stream = self.world.streams.at(id);
        let http1 = stream.protocol != Protocol::Http2 && !stream.chain.destroyed;
        let waiting = &mut stream.arrival.waiting;
        let is_end = |piece: &Piece| matches!(piece, Piece::Data(data, true) if data.is_empty());
        if http1 && waiting.front().is_some_and(is_end) {
            waiting.pop_front();
            self.decode_arrived_data(id, Bytes::new(), true);
        }
    }

    fn plan_read(&mut self, id: StreamId) {
        let arrival = &mut self.world.streams.at(id).arrival;
        if !arrival.waiting.is_empty() && !arrival.read_planned && self.may_read(id) {
            self.world.streams.at(id).arrival.read_planned = true;
            self.world.schedule.at(self.world.now, Event::Read(id));
        }
    }

    /// A stream that is full is not read. An HTTP/2 client may still send until its window is used
    /// up; Envoy keeps that beside the stream, as `waiting` does here.
    fn may_read(&mut self, id: StreamId) -> bool {
        let stream = self.world.streams.at(id);
        stream.arrival.disabled == 0 && !stream.chain.destroyed
    }

    pub(crate) fn disable_downstream_read(&mut self, id: StreamId) {
        let id = self.world.streams.owner_of(id);
        let stream = self.world.streams.at(id);
        stream.arrival.disabled += 1;
        if stream.arrival.disabled == 1 {
            self.tell_client(id, false);
        }
    }

    pub(crate) fn enable_downstream_read(&mut self, id: StreamId) {
        let id = self.world.streams.owner_of(id);
        let stream = self.world.streams.at(id);
        stream.arrival.disabled = stream.arrival.disabled.saturating_sub(1);
        if stream.arrival.disabled == 0 && !stream.chain.destroyed {
            self.tell_client(id, true);
            self.plan_read(id);
        }
    }

    /// The client stops, or goes on, if that is news to it.
    fn tell_client(&mut self, id: StreamId, enabled: bool) {
        let told = &mut self.world.streams.at(id).arrival.told_to_stop;
        if *told == enabled {
            *told = !enabled;
            self.world.effect(Effect::ReadDownstream { stream: id, enabled });
        }
    }
}
