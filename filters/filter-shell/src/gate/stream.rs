//! One request at the gate.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::{Gate, HOLD_MARK, TICKET, Ticket};
use crate::exchange::FACTS;
use crate::host::properties;

/// A request at the gate: it passes, unless the deciding plugin asked to hold it.
pub(crate) struct GateStream {
    context: u32,
    gate: Rc<Gate>,
}

impl GateStream {
    pub(crate) fn new(context: u32, gate: Rc<Gate>) -> Self {
        Self { context, gate }
    }
}

impl HttpContext for GateStream {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let asked = || properties::state(FACTS).is_ok_and(|bytes| bytes == HOLD_MARK);
        if end_of_stream || !asked() || !self.gate.hold(self.context) {
            return Action::Continue;
        }
        let ticket = Ticket { queue: self.gate.queue(), context: self.context };
        if properties::set_state(TICKET, &ticket.encode()).is_err() {
            self.gate.forget(self.context);
            return Action::Continue;
        }
        Action::Pause
    }

    fn on_http_request_body(&mut self, _: usize, _: bool) -> Action {
        self.gate.body_passes(self.context);
        Action::Continue
    }
}

impl Context for GateStream {
    /// The request has ended, however it did.
    fn on_done(&mut self) -> bool {
        self.gate.forget(self.context);
        true
    }
}
