//! One request, from its headers to its decision.
//!
//! The proxy's callbacks come in here through [`Stream`]; a root's tick comes in through
//! [`Exchange::overdue`]. Both work on the same state, so it is shared between them in a cell.

mod answer;
mod arrive;
mod ask;
mod calibrate;
mod count;
mod deliver;
mod publish;
mod scan;
mod upstream;

use answer::Answering;
pub(crate) use arrive::FACTS;
use ask::Asked;
use calibrate::Lesson;
pub(crate) use upstream::ATTEMPTS;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use llm_wire::RequestScanner;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use traffic_policy::stream::{Ended, Meter};

use crate::config::Access;
use crate::decision::Decision;
use crate::facts::Facts;
use crate::host::headers::{self, Map};
use crate::host::{clock, streams};
use crate::root::Plugin;
use crate::tokens::Tokens;

/// How far a request has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Its headers have not come yet.
    New,
    /// It is none of our business.
    Passing,
    /// Its body is being read, while it waits in the way that [`Access`] says.
    Reading(Access),
    /// It was decided, and has gone on or was refused.
    Decided,
}

/// One request and what is known of it.
pub(crate) struct Exchange {
    context: u32,
    plugin: Rc<Plugin>,
    phase: Phase,
    facts: Facts,
    /// Boxed, because an answer outlives it by minutes.
    scanner: Option<Box<RequestScanner<Tokens>>>,
    /// How many bytes of the body were read.
    read: usize,
    /// How long the body was announced to be.
    content_length: Option<u64>,
    /// For the response's headers, where they are wanted.
    decision: Decision,
    /// What the answer may teach.
    lesson: Option<Lesson>,
    meter: Meter,
    /// The answer may come compressed.
    may_be_compressed: bool,
    /// The stream was asked for its usage.
    asked: Option<Asked>,
    answering: Option<Box<Answering>>,
    /// Filters of this plugin are told of the answer.
    follows: bool,
    /// Its end was told.
    has_ended: bool,
}

pub(crate) type Shared = Rc<RefCell<Exchange>>;

impl Exchange {
    pub(crate) fn new(context: u32, plugin: Rc<Plugin>) -> Shared {
        let meter = Meter::new(Duration::ZERO, plugin.shared.stall_after);
        Rc::new(RefCell::new(Self {
            context,
            plugin,
            phase: Phase::New,
            facts: Facts::default(),
            scanner: None,
            read: 0,
            content_length: None,
            decision: Decision::default(),
            lesson: None,
            meter,
            may_be_compressed: false,
            asked: None,
            answering: None,
            follows: false,
            has_ended: false,
        }))
    }

    /// The deadline has passed: decides with what is known. Called from a root's tick.
    pub(crate) fn overdue(&mut self) {
        let Phase::Reading(access) = self.phase else { return };
        if streams::act_for(self.context).is_err() {
            return;
        }
        self.plugin.counters.decide_within.increment();
        let part = self.part_at_deadline(access);
        if self.decide(part) == Action::Continue && access == Access::Knob {
            let _ = streams::resume_request();
        }
    }

    fn request_is_complete(&mut self) {
        if self.follows {
            self.meter.request_complete(clock::monotonic());
        }
    }

    fn respond(&self) {
        if self.phase != Phase::Decided {
            return;
        }
        if let Some(cookie) = &self.decision.set_cookie {
            let _ = headers::add(Map::Response, "set-cookie", cookie.as_bytes());
        }
        if !self.plugin.shared.debug_headers {
            return;
        }
        let version_reason = self.decision.version_reason.map(|r| ("x-llm-version-reason", r));
        for (name, value) in self.decision.headers().chain(version_reason) {
            let _ = headers::add(Map::Response, name, value.as_bytes());
        }
    }
}

/// The proxy's callbacks for one request.
pub(crate) struct Stream {
    exchange: Shared,
}

impl Stream {
    pub(crate) fn new(context: u32, plugin: Rc<Plugin>) -> Self {
        Self { exchange: Exchange::new(context, plugin) }
    }

    /// Runs a phase. The cell is never borrowed twice, because no host call comes back into the
    /// module; were it so, the request would pass rather than the VM trap.
    fn phase(&self, run: impl FnOnce(&mut Exchange, &Shared) -> Action) -> Action {
        match self.exchange.try_borrow_mut() {
            Ok(mut exchange) => run(&mut exchange, &self.exchange),
            Err(_) => Action::Continue,
        }
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        self.phase(|exchange, shared| exchange.arrive(end_of_stream, shared))
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.phase(|exchange, _| {
            if end_of_stream {
                exchange.request_is_complete();
            }
            exchange.scan(size, end_of_stream)
        })
    }

    fn on_http_request_trailers(&mut self, _: usize) -> Action {
        self.phase(|exchange, _| {
            exchange.request_is_complete();
            exchange.body_ended()
        })
    }

    fn on_http_response_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        self.phase(|exchange, _| {
            exchange.respond();
            exchange.answer_begins(end_of_stream);
            Action::Continue
        })
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.phase(|exchange, _| {
            exchange.answer_goes_on(size, end_of_stream);
            Action::Continue
        })
    }

    fn on_http_response_trailers(&mut self, _: usize) -> Action {
        self.phase(|exchange, _| {
            exchange.answer_ends(Ended::Whole);
            Action::Continue
        })
    }

    fn on_log(&mut self) {
        self.phase(|exchange, _| {
            exchange.is_logged();
            Action::Continue
        });
    }
}

impl Context for Stream {
    /// The request has ended, however it did.
    fn on_done(&mut self) -> bool {
        if let Ok(exchange) = self.exchange.try_borrow() {
            exchange.plugin.waiting.remove(exchange.context);
        }
        true
    }
}

/// What is held while an answer streams, texts aside, is small. A stream that was asked for usage holds up to
/// 4 KiB more while an event is not complete.
#[cfg(target_family = "wasm")]
const _: () = assert!(size_of::<Exchange>() + size_of::<Answering>() < 1600);
