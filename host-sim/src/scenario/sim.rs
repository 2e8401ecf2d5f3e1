//! Runs a scenario in the simulator, under virtual time.
//!
//! The driver owns what the host is not: the client ([`client`]), the model servers ([`server`]),
//! the codecs between them and the host ([`codec`]) and the queue of what happens next
//! ([`timeline`]). Nothing here reads a clock, so the same scenario and seed give the same record.
//!
//! # What happens first
//! An event loop does not say whether it first reads from a socket or runs what was posted to it,
//! so at equal times the seed decides, and other seeds try other orders.

mod client;
mod codec;
mod server;
pub(crate) use server::observed;
mod timeline;

use std::net::SocketAddr;
use std::time::Duration;

use crate::bootstrap::merge_patch;
use crate::host::{Host, Nanos, OpenStream};
use crate::model::effect::{AttemptId, CalloutId, CalloutOutcome, Effect, StreamId, UpstreamReset};
use crate::scenario::observation::{Exchange, HostName, Observation, Received};
use crate::scenario::step::{Act, Repetition};
use crate::scenario::{Endpoints, Scenario};

use client::{Client, Clients};
use server::Servers;
use timeline::Timeline;

/// How long after the last exchange the host may still work: queues, log lines, late callouts.
const SETTLE: Duration = Duration::from_millis(100);
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
    /// A plugin does not take the configuration of the step.
    #[error("step {step}: {reason}")]
    Update {
        /// The step, from 1.
        step: usize,
        /// Why.
        reason: String,
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
    /// A client has waited long enough.
    GiveUp(usize),
    /// An upstream connection stands, or is refused.
    Connected(AttemptId),
    /// A server's next event.
    Serve(AttemptId),
    /// A server that a plugin called answers.
    Answer(CalloutId),
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
        waiting_for: None,
        unfinished: 0,
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
    callouts: Vec<(CalloutId, Received, CalloutOutcome)>,
    /// The step whose end the next one waits for.
    waiting_for: Option<usize>,
    /// Steps that have not begun, and clients that have not ended.
    unfinished: usize,
}

impl Play<'_> {
    fn run(&mut self) -> Result<(), SimError> {
        self.schedule_step(0);
        let mut end = None;
        for _ in 0..HAPPENINGS_MAX {
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
        at < due || (at == due && at == self.host.now() && self.random.bool())
    }

    fn happen(&mut self, happening: Happening) -> Result<(), SimError> {
        match happening {
            Happening::Step(index) => return self.begin_step(index),
            Happening::Begin(index) => return self.begin_request(index),
            Happening::Frame(index) => self.send_frame(index),
            Happening::ClientReset(index) => self.end_by_client(index, false),
            Happening::GiveUp(index) => self.end_by_client(index, true),
            Happening::Connected(attempt) => self.connected(attempt),
            Happening::Serve(attempt) => self.serve(attempt),
            Happening::Answer(call) => {
                let answer = self.callouts.iter().find(|(id, ..)| *id == call);
                if let Some((_, _, outcome)) = answer {
                    self.host.callout_response(call, outcome.clone());
                }
            }
        }
        Ok(())
    }

    fn schedule_step(&mut self, index: usize) {
        if let Some(step) = self.scenario.steps.get(index) {
            let at = nanos(step.at).max(self.host.now());
            self.unfinished += 1;
            self.timeline.push(at, Happening::Step(index));
        }
    }

    fn add_client(&mut self, client: Client) {
        self.unfinished += 1;
        let index = self.clients.add(client);
        self.timeline.push(self.host.now(), Happening::Begin(index));
    }

    fn begin_step(&mut self, index: usize) -> Result<(), SimError> {
        let Some(step) = self.scenario.steps.get(index) else { return Ok(()) };
        match &step.act {
            // A graceful drain closes nothing at first; what it does to connections over the
            // following minutes, no client of a scenario lives to see.
            Act::Drain => self.schedule_step(index + 1),
            Act::Update { plugin, patch } => {
                self.update(plugin, patch)
                    .map_err(|reason| SimError::Update { step: index + 1, reason })?;
                self.schedule_step(index + 1);
            }
            Act::Request(request) => {
                let at_once = match request.repetition {
                    Repetition::InTurn(times) => times.min(1),
                    Repetition::AtOnce(times) => times,
                };
                for round in 0..at_once {
                    self.add_client(Client::new(index, round, request));
                }
                if request.background {
                    self.schedule_step(index + 1);
                } else {
                    self.waiting_for = Some(index);
                }
            }
        }
        self.unfinished -= 1;
        Ok(())
    }

    fn update(&mut self, plugin: &str, patch: &serde_json::Value) -> Result<(), String> {
        let bytes = self.host.plugin_configuration(plugin).map_err(|error| error.to_string())?;
        let mut configuration =
            serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        merge_patch(&mut configuration, patch);
        let configuration = configuration.to_string().into_bytes().into();
        self.host.reload_plugin(plugin, configuration).map_err(|error| error.to_string())
    }

    fn begin_request(&mut self, index: usize) -> Result<(), SimError> {
        let now = self.host.now();
        let workers = usize::try_from(self.scenario.workers.max(1)).unwrap_or(1);
        let worker = self.random.usize(0..workers);
        let Some(client) = self.clients.get_mut(index) else { return Ok(()) };
        let listener = match &client.request.listener {
            None => 0,
            Some(name) => {
                self.listeners.iter().position(|known| known == name).ok_or_else(|| {
                    SimError::Listener {
                        step: client.step + 1,
                        found: name.clone(),
                        allowed: self.listeners.join(", "),
                    }
                })?
            }
        };
        let port = 50_000_u16.saturating_add(u16::try_from(index % 10_000).unwrap_or(0));
        let stream = self.host.open_stream(OpenStream {
            listener,
            worker,
            protocol: codec::protocol(client.request.http),
            peer: SocketAddr::from(([127, 0, 0, 1], port)),
        });
        client.begin(stream, now);
        let number = self.scenario.exchange_number(client.step, client.exchange.round);
        if let Some(after) = client.request.reset_after {
            self.timeline.push(now + nanos(after), Happening::ClientReset(index));
        }
        let patience = nanos(client.request.give_up_after);
        self.timeline.push(now + patience, Happening::GiveUp(index));
        let (headers, end) = codec::request_headers(&client.request, number);
        if let Some(frame) = client.next_frame_at() {
            self.timeline.push(now + nanos(frame), Happening::Frame(index));
        }
        self.host.request_headers(stream, headers, end);
        Ok(())
    }

    fn send_frame(&mut self, index: usize) {
        let Some(client) = self.clients.get_mut(index) else { return };
        let Some(stream) = client.open_stream() else { return };
        if !client.may_send() {
            client.is_due = true;
            return;
        }
        client.is_due = false;
        let sent = client.take_frame();
        let began = nanos(client.exchange.began);
        if let Some(at) = client.next_frame_at() {
            let at = (began + nanos(at)).max(self.host.now());
            self.timeline.push(at, Happening::Frame(index));
        }
        match sent {
            client::Sent::Data(data, end) => self.host.request_data(stream, data, end),
            client::Sent::Trailers(trailers) => self.host.request_trailers(stream, trailers),
            client::Sent::Nothing => {}
        }
    }

    fn end_by_client(&mut self, index: usize, gave_up: bool) {
        let now = self.host.now();
        let Some(client) = self.clients.get_mut(index) else { return };
        let Some(stream) = client.open_stream() else { return };
        client.leave(now, gave_up);
        self.host.reset_downstream(stream);
        self.client_ended(index);
    }

    fn connected(&mut self, attempt: AttemptId) {
        if self.servers.is_down(attempt) {
            self.servers.forget(attempt);
            self.host.reset_upstream(attempt, UpstreamReset::ConnectFailure);
        } else {
            self.host.upstream_connected(attempt);
        }
    }

    fn serve(&mut self, attempt: AttemptId) {
        if let Some(action) = self.servers.serve(attempt) {
            match action {
                server::Action::Headers(headers, end) => {
                    self.host.response_headers(attempt, headers, end);
                }
                server::Action::Data(data, end) => self.host.response_data(attempt, data, end),
                server::Action::Trailers(trailers) => {
                    self.host.response_trailers(attempt, trailers);
                }
                server::Action::Reset(reset) => self.host.reset_upstream(attempt, reset),
            }
        }
        self.schedule_service(attempt);
    }

    fn schedule_service(&mut self, attempt: AttemptId) {
        if let Some(after) = self.servers.next_after(attempt) {
            self.timeline.push(self.host.now() + nanos(after), Happening::Serve(attempt));
        }
    }

    fn obey_effects(&mut self) {
        while let Some(effect) = self.host.poll() {
            match effect {
                Effect::Downstream { stream, event } => self.downstream(stream, event),
                Effect::ReadDownstream { stream, enabled } => {
                    let Some(index) = self.clients.of(stream) else { continue };
                    let Some(client) = self.clients.get_mut(index) else { continue };
                    client.may_write = enabled;
                    if enabled && client.is_due {
                        self.timeline.push(self.host.now(), Happening::Frame(index));
                    }
                }
                Effect::Upstream { attempt, stream, event } => {
                    self.upstream(attempt, stream, event);
                }
                Effect::ReadUpstream { attempt, enabled } => {
                    if self.servers.set_reading(attempt, enabled) {
                        self.schedule_service(attempt);
                    }
                }
                Effect::Callout { call, cluster, headers, body, .. } => {
                    self.callout(call, cluster, headers, body);
                }
                Effect::CalloutCancelled { call } => {
                    self.callouts.retain(|(id, ..)| *id != call);
                }
                Effect::Closed { stream, access } => {
                    if let Some(index) = self.clients.of(stream)
                        && let Some(client) = self.clients.get_mut(index)
                    {
                        client.exchange.access = Some(codec::access(&access));
                    }
                }
            }
        }
    }

    fn downstream(&mut self, stream: StreamId, event: crate::model::effect::StreamEvent) {
        let now = self.host.now();
        let Some(index) = self.clients.of(stream) else { return };
        let Some(client) = self.clients.get_mut(index) else { return };
        let was_waiting = client.waits_for_answer();
        let ended = client.accept(event, now);
        if was_waiting && !client.waits_for_answer() && client.is_due {
            self.timeline.push(now, Happening::Frame(index));
        }
        // A tunnel has no end of its own: the client closes it when it has heard enough.
        let closes = ended && client.in_tunnel;
        if closes {
            self.host.reset_downstream(stream);
        }
        if ended {
            self.client_ended(index);
        }
    }

    fn upstream(
        &mut self,
        attempt: AttemptId,
        stream: StreamId,
        event: crate::model::effect::UpstreamEvent,
    ) {
        use crate::model::effect::UpstreamEvent;
        let exchange = self.clients.of(stream);
        if let UpstreamEvent::Connect { cluster, endpoint, http2 } = event {
            let endpoints = self.scenario.endpoints(&cluster);
            let server = server::Endpoint { cluster, address: endpoint, http2 };
            self.servers.connect(attempt, server, endpoints, exchange);
            self.timeline.push(self.host.now(), Happening::Connected(attempt));
            return;
        }
        if self.servers.accept(attempt, event) {
            self.schedule_service(attempt);
        }
    }

    fn callout(
        &mut self,
        call: CalloutId,
        cluster: String,
        headers: crate::model::HeaderMap,
        body: bytes::Bytes,
    ) {
        let (received, outcome, after) = match self.scenario.endpoints(&cluster) {
            Endpoints::Down => {
                (Received { cluster, ..Received::default() }, CalloutOutcome::ConnectFailure, 0)
            }
            Endpoints::Scripted(script) => {
                let count = self.callouts.iter().filter(|(_, r, _)| r.cluster == cluster).count();
                server::answer_callout(cluster, headers, body, script, count)
            }
        };
        self.callouts.push((call, received, outcome));
        self.timeline.push(self.host.now() + after, Happening::Answer(call));
    }

    /// A client's exchange is over: the next of its step, or the next step, may begin.
    fn client_ended(&mut self, index: usize) {
        self.unfinished -= 1;
        let Some(client) = self.clients.get_mut(index) else { return };
        let (step, round) = (client.step, client.exchange.round);
        let request = self.scenario.steps.get(step).and_then(|step| step.request());
        if let Some(request) = request
            && let Repetition::InTurn(times) = request.repetition
            && round + 1 < times
        {
            self.add_client(Client::new(step, round + 1, request));
            return;
        }
        if self.waiting_for == Some(step) && self.clients.all_ended_of(step) {
            self.waiting_for = None;
            self.schedule_step(step + 1);
        }
    }

    fn record(self) -> Observation {
        let mut record = Observation::new(HostName::Sim);
        record.open_streams = self.clients.still_unlogged();
        let mut exchanges: Vec<Exchange> = self.clients.into_exchanges();
        for (exchange, received) in self.servers.into_received() {
            match exchange.and_then(|index| exchanges.get_mut(index)) {
                Some(exchange) => exchange.upstream.push(received),
                None => record.callouts.push(received),
            }
        }
        record.callouts.extend(self.callouts.into_iter().map(|(_, received, _)| received));
        exchanges.sort_by_key(|exchange| (exchange.step, exchange.round));
        record.exchanges = exchanges;
        record
    }
}

fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 2)
}
