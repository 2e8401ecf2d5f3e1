//! Resuming: what a filter held goes on.

use super::{Data, Start};
use crate::model::{chain::Iteration, effect::StreamId, engine::Engine, vm::Side};

impl Engine {
    /// Goes on with a message that a filter held: headers, then data, then trailers, as far as they are
    /// there and have not gone on before.
    ///
    /// Headers always go to the next filter. Data and trailers go into the same filter, if it had stopped
    /// everything and so has not seen them.
    pub(crate) fn common_continue(&mut self, id: StreamId, side: Side, place: usize) {
        let chain = &mut self.world.streams.at(id).chain;
        if chain.destroyed {
            self.world.note_undefined(id, "a stream that was cut goes on");
            return;
        }
        if chain.replying && side == Side::Decode {
            self.world.note_undefined(id, "a request goes on while it is answered");
        }
        let chain = &mut self.world.streams.at(id).chain;
        let over = match side {
            Side::Decode => chain.local_complete,
            Side::Encode => chain.remote_encode_complete,
        };
        if over || place >= chain.filters.len() {
            return;
        }
        let complete = chain.complete(side);
        let leg = chain.filter(place).leg(side);
        if leg.iteration == Iteration::Continue {
            let endless = leg.iterate_from_current;
            self.world.note_undefined(id, "a side that is not held goes on");
            if endless {
                // From its own callback into that callback again: Envoy's stack runs over.
                return;
            }
        }
        let leg = self.world.streams.at(id).chain.filter(place).leg(side);
        if leg.iteration.stopped_all() {
            leg.iterate_from_current = true;
        }
        leg.iteration = Iteration::Continue;
        let headers_first = !std::mem::replace(&mut leg.headers_continued, true);
        if headers_first {
            let bare = complete
                && self.world.streams.at(id).chain.held(side).is_none()
                && !self.has_trailers(id, side);
            match side {
                Side::Decode => self.decode_headers(id, Start::Behind(place), bare),
                Side::Encode => self.encode_headers(id, Start::Behind(place), bare),
            }
        }
        // Filters may add trailers while data passes; those go on by themselves.
        let had_trailers = self.has_trailers(id, side);
        let chain = &mut self.world.streams.at(id).chain;
        let complete = chain.complete(side);
        if chain.held(side).is_some() {
            let end = complete && !had_trailers;
            match side {
                Side::Decode => self.decode_data(id, Start::From(place), Data::Held, end),
                Side::Encode => self.encode_data(id, Start::From(place), Data::Held, end),
            }
        }
        if had_trailers {
            match side {
                Side::Decode => self.decode_trailers(id, Start::From(place)),
                Side::Encode => self.encode_trailers(id, Start::From(place)),
            }
        }
        let chain = &mut self.world.streams.at(id).chain;
        if place < chain.filters.len() {
            chain.filter(place).leg(side).iterate_from_current = false;
        }
    }

    /// The filter at which an iteration begins.
    pub(super) fn begin(&mut self, id: StreamId, side: Side, start: Start) -> Option<usize> {
        let chain = &mut self.world.streams.at(id).chain;
        match start {
            Start::Chain => chain.first(side),
            Start::From(place) if chain.filter(place).leg(side).iterate_from_current => Some(place),
            Start::From(place) | Start::Behind(place) => chain.next(side, place),
        }
    }
}
