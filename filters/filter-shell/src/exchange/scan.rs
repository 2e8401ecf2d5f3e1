//! A request's body goes by.

use std::ops::ControlFlow;

use llm_wire::Progress;
use proxy_wasm::types::Action;

use super::{Exchange, Phase};
use crate::config::Access;
use crate::facts::{Head, Part};
use crate::host::{body, properties};
use crate::root::Blind;

impl Exchange {
    /// A frame of the body.
    pub(super) fn scan(&mut self, size: usize, end_of_stream: bool) -> Action {
        let Phase::Reading(access) = self.phase else { return Action::Continue };
        #[cfg(feature = "fault-injection")]
        crate::fault::at_body(self.context);
        // A paused request's frames pile up and come again with each callback, so reading goes on
        // where it stopped; without a pause each callback brings its own frame.
        let start = if access == Access::Knob { self.read } else { 0 };
        let limit = self.plugin.shared.body.inspect_limit;
        let readable = size.saturating_sub(start);
        let wanted = readable.min(limit.saturating_sub(self.read));
        self.feed(start, wanted);
        if self.is_malformed() {
            return self.decide(Part::Malformed);
        }
        if self.is_complete() {
            return self.decide(Part::Whole);
        }
        if wanted < readable || (self.read >= limit && !end_of_stream) {
            self.plugin.counters.inspect_limit.increment();
            return self.decide(Part::Beginning);
        }
        if end_of_stream {
            return self.body_ended();
        }
        self.go_on(access)
    }

    /// The body is complete; there may have been trailers.
    pub(super) fn body_ended(&mut self) -> Action {
        if !matches!(self.phase, Phase::Reading(_)) {
            return Action::Continue;
        }
        if self.read == 0 {
            // As if its headers had said that there is no body.
            return self.decide(Part::Headers);
        }
        if let Some(scanner) = &mut self.scanner {
            scanner.finish();
        }
        self.decide(if self.is_malformed() { Part::Malformed } else { Part::Whole })
    }

    /// The part of the body that a decision at the deadline rests on.
    ///
    /// Nothing was seen of the body, and yet the proxy has counted more bytes than the headers
    /// have: it received the body and did not show it, so the setting that `knob` needs is missing.
    /// Otherwise the client is slow.
    pub(super) fn part_at_deadline(&self, access: Access) -> Part {
        if access == Access::Knob && self.read == 0 && body_has_arrived() {
            self.plugin.is_blind(Blind::Knob);
            return Part::Headers;
        }
        Part::Beginning
    }

    // Compiled by itself; why is said at the profile `filter` in Cargo.toml.
    #[inline(never)]
    fn feed(&mut self, start: usize, wanted: usize) {
        body::request(start..start.saturating_add(wanted), |bytes| {
            if let Some(scanner) = &mut self.scanner {
                scanner.feed(bytes);
            }
            self.read += bytes.len();
            ControlFlow::Continue(())
        });
    }

    fn progress(&self) -> Option<Progress> {
        self.scanner.as_ref().map(|scanner| scanner.progress())
    }

    fn is_malformed(&self) -> bool {
        matches!(self.progress(), Some(Progress::Malformed { .. }))
    }

    /// The JSON is complete. What may follow is blanks, or something that the server will refuse;
    /// so nobody waits for a client who is slow to say that this was all.
    fn is_complete(&self) -> bool {
        self.progress() == Some(Progress::Complete)
    }

    fn go_on(&self, access: Access) -> Action {
        match access {
            Access::Knob => Action::Pause,
            Access::Gate | Access::HeadersOnly => Action::Continue,
        }
    }
}

/// The proxy has counted more bytes for the request than its headers have. Only of a request that
/// waits in this plugin the headers can still be read.
fn body_has_arrived() -> bool {
    let headers = Head::read().map_or(u64::MAX, |head| head.size());
    properties::request_total_size().is_some_and(|size| size > headers)
}
