//! An answer on its way to the client: nothing of it is kept, and only its end may be added to.

use std::ops::ControlFlow;

use llm_wire::{AnswerScanner, Refusal};
use proxy_wasm::types::Action;

use super::attempt::{Attempting, Phase};
use crate::host::body;

/// What a client is told of a stream that ends too early.
const CUT_SHORT: Refusal<'_> = Refusal {
    status: 502,
    kind: "",
    code: Some("stream_cut_short"),
    message: "the model's server ended the stream before the answer was complete",
    param: None,
};

impl Attempting {
    /// A frame of the answer.
    pub(super) fn answer_goes_on(&mut self, size: usize, end_of_stream: bool) -> Action {
        match self.take_phase() {
            Phase::Judging(judging) => self.judges(judging, size, end_of_stream),
            Phase::Watching(mut scanner) => {
                body::response(0..size, |bytes| {
                    scanner.feed(bytes, &mut || {});
                    ControlFlow::Continue(())
                });
                self.phase = Phase::Watching(scanner);
                if end_of_stream {
                    self.watched_to_the_end(size);
                }
                Action::Continue
            }
            Phase::Replacing(error) => {
                let _ = body::replace_response(size, &error);
                self.phase = Phase::Replacing(Vec::new());
                Action::Continue
            }
            Phase::Passing | Phase::Asking(_) => Action::Continue,
        }
    }

    /// The answer's trailers: nothing can be added before them any more.
    pub(super) fn answer_ends(&mut self) -> Action {
        match self.take_phase() {
            Phase::Judging(judging) => self.judges_at_trailers(judging),
            _ => Action::Continue,
        }
    }

    /// The last frame is here, and has not left. A server that ends its stream in good order has still not
    /// answered if it has not said so; many clients would take the half for the whole.
    pub(super) fn watched_to_the_end(&mut self, size: usize) {
        let phase = self.take_phase();
        let Phase::Watching(scanner) = phase else {
            self.phase = phase;
            return;
        };
        let facts = scanner.facts();
        if facts.is_complete || facts.has_error {
            return;
        }
        if self.add_end(&scanner, size) {
            self.guard.counters.ends_added.increment();
        }
    }

    fn add_end(&self, scanner: &AnswerScanner, size: usize) -> bool {
        let Some(api) = self.api else { return false };
        // What is half told has no end otherwise, and would swallow the event.
        let mut end = if scanner.is_between_events() { Vec::new() } else { b"\n\n".to_vec() };
        end.extend(CUT_SHORT.event(api, scanner.events()));
        body::append_response(size, &end).is_ok()
    }
}
