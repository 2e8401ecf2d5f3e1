//! Runs a scenario in the simulator, under virtual time.
//!
//! The driver owns what the host is not: the clients ([`client`]), the model servers ([`server`],
//! [`attempt`]), the codecs between them and the host ([`codec`]) and the queue of what happens next
//! ([`timeline`]). Nothing here reads a clock, so the same scenario and seed give the same record.
//!
//! # What happens first
//! An event loop does not say whether it first reads from a socket or runs what was posted to it,
//! so at equal times the seed decides, and other seeds try other orders.

pub(crate) mod attempt;
mod callout;
mod client;
mod codec;
mod fault;
mod library;
mod raw;
mod server;
mod steps;
pub(crate) mod timeline;
mod traffic;
mod update;

pub(crate) use codec::observed;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::host::{Host, Nanos};
use crate::model::effect::{AttemptId, CalloutId};
use crate::model::trace::LINES_MAX;
use crate::scenario::fault::Event;
use crate::scenario::observation::{Exchange, HostName, Observation};
use crate::scenario::{Scenario, Ties};

use callout::Callout;
use client::Clients;
use server::Servers;
use timeline::Timeline;

/// How long after the last exchange the host may still work: queues, log lines, late callouts.
const SETTLE: Duration = Duration::from_millis(100);
/// What follows on that connection is not one exchange's affair any more.
const TOO_LONG: &str = "a request to an HTTP/1 server is longer than it says";
/// More happenings than any scenario has; a loop without progress ends here.
const HAPPENINGS_MAX: u64 = 20_000_000;

/// Why a scenario could not be played to its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimError {
    /// The step names a listener that the configuration has not.
    #[error("step {step}: found listener `{found}`; allowed {allowed}")]
    Listener {
        /// The step, from 1.
        step: usize,
        /// The name in the file.
        found: String,
        /// The names there are.
        allowed: String,
    },
    /// A new configuration that cannot be given.
    #[error("step {step}: {reason}")]
    Update {
        /// The step, from 1.
        step: usize,
        /// Why.
        reason: String,
    },
    /// One request behind the other on a connection.
    #[error(
        "step {step}: found {left} bytes behind the end of the `raw` request; pipelining is not \
         modelled: make them a step of their own"
    )]
    Pipelined {
        /// The step, from 1.
        step: usize,
        /// How many bytes.
        left: usize,
    },
    /// A worker that there is not, or the last one.
    #[error("faults: found worker {found}; allowed one of {workers}, of which one must stay")]
    Worker {
        /// The number in the file.
        found: usize,
        /// How many there are.
        workers: usize,
    },
    /// More happened than is written down.
    #[error(
        "more than {LINES_MAX} callbacks and hostcalls, at {at_ms} ms of virtual time; shorten the \
         scenario, or have the plugin tick less often"
    )]
    TooMuch {
        /// Virtual time.
        at_ms: u64,
    },
    /// The host and its peers kept each other busy for ever.
    #[error("still busy after {HAPPENINGS_MAX} events, at {at_ms} ms of virtual time")]
    Endless {
        /// Virtual time.
        at_ms: u64,
    },
}

/// Something that the driver has planned.
#[derive(Debug)]
enum Happening {
    /// A step begins.
    Step(usize),
    /// A client begins: opens a connection and sends headers.
    Begin(usize),
    /// A client sends its next frame, or its trailers.
    Frame(usize),
    /// A client resets its request.
    ClientReset(usize),
    /// A client has all that was announced, and closes its connection.
    Satisfied(usize),
    /// A client has waited long enough.
    GiveUp(usize),
    /// An upstream connection stands, or is refused.
    Connected(AttemptId),
    /// A server's next event.
    Serve(AttemptId),
    /// The headers of an answer to a plugin come, and the rest later.
    AnswerBegins(CalloutId),
    /// A server that a plugin called answers.
    Answer(CalloutId),
    /// Something goes wrong with the proxy itself.
    Fault(Event),
}

/// Plays `scenario` on `host`; `listeners` are the names of the host's listeners in order.
///
/// The metrics, logs and trace of the record are left empty: they are state of the host, which the
/// caller reads before and after.
///
/// # Errors
/// When the scenario asks for what is not there, or does not come to an end.
pub fn play(
    scenario: &Scenario,
    host: &mut Host,
    listeners: &[String],
) -> Result<Observation, SimError> {
    let mut play = Play {
        scenario,
        host,
        listeners,
        random: fastrand::Rng::with_seed(scenario.seed),
        timeline: Timeline::default(),
        clients: Clients::default(),
        servers: Servers::default(),
        callouts: Vec::new(),
        calls: BTreeMap::new(),
        waiting_for: None,
        unfinished: 0,
        refused_updates: Vec::new(),
        workers: (0..usize::try_from(scenario.workers.max(1)).unwrap_or(1)).collect(),
    };
    play.run()?;
    Ok(play.record())
}

struct Play<'a> {
    scenario: &'a Scenario,
    host: &'a mut Host,
    listeners: &'a [String],
    random: fastrand::Rng,
    timeline: Timeline<Happening>,
    clients: Clients,
    servers: Servers,
    /// Requests of plugins that were answered or are being answered.
    callouts: Vec<Callout>,
    /// How many there were for each exchange, where plugins say for which.
    calls: BTreeMap<String, u64>,
    /// The step whose end the next one waits for.
    waiting_for: Option<usize>,
    /// Steps that have not begun, and clients that have not ended.
    unfinished: usize,
    /// Steps whose new configuration was refused.
    refused_updates: Vec<usize>,
    /// Those that accept connections.
    workers: Vec<usize>,
}

impl Play<'_> {
    fn run(&mut self) -> Result<(), SimError> {
        for fault in &self.scenario.events {
            self.unfinished += 1;
            self.timeline.push(nanos(fault.at), Happening::Fault(fault.event));
        }
        self.schedule_step(0);
        let mut end = None;
        for _ in 0..HAPPENINGS_MAX {
            if self.host.world().trace().len() >= LINES_MAX {
                return Err(SimError::TooMuch { at_ms: self.host.now() / 1_000_000 });
            }
            self.obey_effects();
            let mut own = self.timeline.next_at();
            let mut deadline = self.host.next_deadline().map(|(at, _)| at);
            if self.unfinished == 0 {
                let end = *end.get_or_insert(self.host.now().saturating_add(nanos(SETTLE)));
                own = own.filter(|at| *at <= end);
                deadline = deadline.filter(|at| *at <= end);
            }
            match (own, deadline) {
                (Some(at), deadline) if deadline.is_none_or(|due| self.input_first(at, due)) => {
                    if at > self.host.now() {
                        self.host.advance_to(at);
                    }
                    if let Some(happening) = self.timeline.pop() {
                        self.happen(happening)?;
                    }
                }
                (_, Some(deadline)) => self.host.advance_to(deadline),
                // Nothing will ever happen: what is open stays open, which the record shows.
                (_, None) => return Ok(()),
            }
        }
        Err(SimError::Endless { at_ms: self.host.now() / 1_000_000 })
    }

    /// Whether what is planned for `at` comes before what the host does at `due`.
    fn input_first(&mut self, at: Nanos, due: Nanos) -> bool {
        // Moving time runs what is due, so a choice exists only at the present instant.
        at < due
            || (at == due
                && at == self.host.now()
                && match self.scenario.ties {
                    Ties::Drawn => self.random.bool(),
                    Ties::Input => true,
                    Ties::Host => false,
                })
    }

    fn happen(&mut self, happening: Happening) -> Result<(), SimError> {
        match happening {
            Happening::Step(index) => return self.begin_step(index),
            Happening::Begin(index) => return self.begin_request(index),
            Happening::Frame(index) => self.send_frame(index),
            Happening::ClientReset(index) => self.end_by_client(index, false),
            Happening::Satisfied(index) => self.satisfied(index),
            Happening::GiveUp(index) => self.end_by_client(index, true),
            Happening::Fault(event) => return self.go_wrong(event),
            Happening::Connected(attempt) => self.connected(attempt),
            Happening::Serve(attempt) => self.serve(attempt),
            Happening::AnswerBegins(call) => self.host.callout_headers(call),
            Happening::Answer(call) => {
                let callout = self.callouts.iter_mut().find(|callout| callout.call == call);
                if let Some(outcome) = callout.and_then(|callout| callout.outcome.take()) {
                    self.host.callout_response(call, outcome);
                }
            }
        }
        Ok(())
    }

    fn record(mut self) -> Observation {
        let mut record = Observation::new(HostName::Sim);
        record.open_streams = self.clients.still_unlogged();
        record.refused_updates = self.refused_updates;
        for (stream, what) in self.host.world().undefined() {
            if let Some(client) = self.clients.of(*stream).and_then(|i| self.clients.get_mut(i)) {
                let number = self.scenario.exchange_number(client.step, client.exchange.round);
                record.undefined.push((number, (*what).to_owned()));
            }
        }
        for exchange in self.servers.too_long() {
            if let Some(client) = self.clients.get_mut(exchange) {
                let number = self.scenario.exchange_number(client.step, client.exchange.round);
                record.undefined.push((number, TOO_LONG.to_owned()));
            }
        }
        let mut exchanges: Vec<Exchange> = self.clients.into_exchanges();
        for (exchange, received) in self.servers.into_received() {
            match exchange.and_then(|index| exchanges.get_mut(index)) {
                Some(exchange) => exchange.upstream.push(received),
                None => record.callouts.push(received),
            }
        }
        record.callouts.extend(self.callouts.into_iter().filter_map(|callout| callout.received));
        exchanges.sort_by_key(|exchange| (exchange.step, exchange.round));
        record.exchanges = exchanges;
        record
    }
}

fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 2)
}
