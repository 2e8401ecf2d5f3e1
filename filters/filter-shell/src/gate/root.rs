//! The gate's root: its configuration, its queue, its deadline.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use traffic_policy::invalid::Invalid;
use traffic_policy::units::Span;

use super::message::Release;
use crate::config;
use crate::edit::Edit;
use crate::host::headers::{self, Map};
use crate::host::{queues, streams};
use crate::metrics::{Counter, Outcomes};
use crate::waiting::Waiting;

/// What to do with a request whose decision does not come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum OnDeadline {
    /// Let it go where routes send a request without our headers.
    Continue,
    /// Answer 503.
    Refuse,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGate {
    deadline: Option<Span>,
    on_deadline: Option<OnDeadline>,
    waiting_requests: Option<usize>,
}

/// The body gate as one configuration makes it.
#[derive(Debug)]
pub(crate) struct Gate {
    queue: u32,
    on_deadline: OnDeadline,
    held: Waiting<()>,
    /// Edits of requests that were let go and whose body has not passed yet.
    edits: RefCell<BTreeMap<u32, Edit>>,
    counters: Counters,
}

#[derive(Debug)]
struct Counters {
    decided: Counter,
    deadline: Counter,
    full: Counter,
    edits: Outcomes,
}

const DEFAULT_DEADLINE: Span = Span(Duration::from_secs(2));
const DEFAULT_WAITING_REQUESTS: usize = 16_384;

impl Gate {
    /// Reads the configuration and registers this root's own queue.
    pub(crate) fn configure(bytes: &[u8]) -> Result<Self, Invalid> {
        let object = config::object(bytes)?;
        let raw: RawGate = config::section(object.into())?;
        let deadline = raw.deadline.unwrap_or(DEFAULT_DEADLINE).0;
        if deadline < Duration::from_millis(10) || deadline > Duration::from_secs(300) {
            return Err(Invalid::new(
                "deadline",
                format!("found {deadline:?}; allowed 10ms to 300s"),
            ));
        }
        let held = Waiting::new(raw.waiting_requests.unwrap_or(DEFAULT_WAITING_REQUESTS), deadline);
        let queue = queues::register(&own_queue_name())
            .map_err(|status| Invalid::new("configuration", format!("the proxy gave no queue ({status:?}); body.access: gate cannot work here, use knob or headers_only")))?;
        let _ = streams::tick_every(held.tick_milliseconds());
        Ok(Self {
            queue,
            on_deadline: raw.on_deadline.unwrap_or(OnDeadline::Continue),
            held,
            edits: RefCell::default(),
            counters: Counters {
                decided: Counter::declare("llm_gate_released_total", &[("outcome", "decided")]),
                deadline: Counter::declare("llm_gate_released_total", &[("outcome", "deadline")]),
                full: Counter::declare(
                    "llm_limit_hits_total",
                    &[("limit", "gate_waiting_requests")],
                ),
                edits: Outcomes::declare("llm_body_edits_total"),
            },
        })
    }

    /// Where decisions are to be sent.
    pub(crate) fn queue(&self) -> u32 {
        self.queue
    }

    /// Holds a request. `false`: too many are held; this one goes on by itself.
    pub(crate) fn hold(&self, context: u32) -> bool {
        let held = self.held.add(context, ());
        if !held {
            self.counters.full.increment();
        }
        held
    }

    /// Forgets a request that has ended.
    pub(crate) fn forget(&self, context: u32) {
        self.held.remove(context);
        self.take_edit(context);
    }

    /// The body of a request that was let go passes: all that was held of it comes at once.
    pub(crate) fn body_passes(&self, context: u32) {
        if let Some(edit) = self.take_edit(context) {
            self.counters.edits.count(edit.apply().is_ok());
        }
    }

    fn take_edit(&self, context: u32) -> Option<Edit> {
        self.edits.try_borrow_mut().ok().and_then(|mut edits| edits.remove(&context))
    }

    /// Releases every request whose decision has come.
    pub(crate) fn on_queue_ready(&self) {
        // One callback comes for each message, but a message may be read by an earlier callback;
        // reading until the queue is empty keeps the two from drifting apart.
        while let Some(message) = queues::take(self.queue) {
            let Some(release) = Release::decode(&message) else { continue };
            // Gone: the client went away, or the deadline was faster.
            if self.held.remove(release.context).is_some() {
                self.counters.decided.increment();
                self.let_go(release);
            }
        }
    }

    /// Releases every request whose decision did not come in time.
    pub(crate) fn on_tick(&self) {
        for (context, ()) in self.held.tick() {
            self.counters.deadline.increment();
            match self.on_deadline {
                OnDeadline::Continue => {
                    let reason = ("x-llm-reason".to_owned(), b"gate_deadline".to_vec());
                    self.let_go(Release { context, headers: vec![reason], edit: Edit::default() });
                }
                OnDeadline::Refuse => refuse(context),
            }
        }
    }

    /// Whether nothing is held any more.
    pub(crate) fn is_idle(&self) -> bool {
        self.held.is_empty()
    }

    fn let_go(&self, release: Release) {
        if streams::act_for(release.context).is_err() {
            return;
        }
        // Noted first: the body passes while the request is resumed.
        if let (false, Ok(mut edits)) = (release.edit.is_empty(), self.edits.try_borrow_mut()) {
            edits.insert(release.context, release.edit);
        }
        for (name, value) in &release.headers {
            let _ = headers::set(Map::Request, name, value);
        }
        let _ = streams::resume_request();
    }
}

fn refuse(context: u32) {
    if streams::act_for(context).is_ok() {
        let body = br#"{"error":{"message":"the request could not be routed in time","type":"server_error","param":null,"code":"routing_timeout"}}"#;
        let json: (&str, &[u8]) = ("content-type", b"application/json");
        let _ = streams::reply(503, "llm_gate_deadline", &[json], body);
    }
}

/// A queue belongs to whoever registers its name last, in the whole process: other workers,
/// other plugins, and the next configuration of this one. So each root takes a name of its own.
fn own_queue_name() -> String {
    let mut random = [0; 8];
    // Without randomness two roots could share a queue, and requests would wait for the deadline.
    if getrandom::fill(&mut random).is_err() {
        log::error!("body-gate: the proxy has no randomness to name a queue with");
    }
    format!("llm/1/gate/{:016x}", u64::from_le_bytes(random))
}
