//! The proxy's callbacks for one attempt.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::Guard;
use super::attempt::{Attempting, Shared};

/// An attempt, as the proxy tells of it.
pub(crate) struct GuardStream {
    attempt: Shared,
}

impl GuardStream {
    pub(crate) fn new(context: u32, guard: Rc<Guard>) -> Self {
        Self { attempt: Attempting::new(context, guard) }
    }

    /// The cell is never borrowed twice, because no host call comes back into the module; were it so, the
    /// attempt would pass rather than the VM trap.
    fn with(&self, run: impl FnOnce(&mut Attempting, &Shared) -> Action) -> Action {
        match self.attempt.try_borrow_mut() {
            Ok(mut attempt) => run(&mut attempt, &self.attempt),
            Err(_) => Action::Continue,
        }
    }
}

impl HttpContext for GuardStream {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        self.with(|attempt, shared| attempt.begins(end_of_stream, shared))
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.with(|attempt, _| attempt.asks(size, end_of_stream))
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.with(|attempt, _| attempt.asked())
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        self.with(|attempt, shared| attempt.answer_begins(end_of_stream, shared))
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.with(|attempt, _| attempt.answer_goes_on(size, end_of_stream))
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.with(|attempt, _| attempt.answer_ends())
    }
}

impl Context for GuardStream {
    fn on_done(&mut self) -> bool {
        self.with(|attempt, _| {
            attempt.ends();
            Action::Continue
        });
        true
    }
}
