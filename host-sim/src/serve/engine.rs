//! The one task that touches the host.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
    time::Instant,
};

use super::{
    backlog::Backlog,
    callout,
    input::{Attempt, Client, Input, Inputs},
    upstream,
};
use crate::{
    host::{Host, Nanos},
    model::effect::{AttemptId, CalloutId, Effect, StreamEvent, StreamId, UpstreamEvent},
};

/// Something that the operator of the gateway may want to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A line of the access log.
    Access(String),
    /// A line that a plugin logged, with level and origin.
    Plugin(String),
    /// A plugin asked for something that the model does not have.
    NotModelled(String),
}

/// Takes notices as they come.
pub(super) type Listener = Arc<dyn Fn(Notice) + Send + Sync>;

/// Longest sleep when nothing is due; the engine wakes for every input anyway.
const IDLE: Duration = Duration::from_secs(3600);

pub(super) struct Engine {
    host: Host,
    inputs: Inputs,
    listener: Listener,
    started: Instant,
    clients: BTreeMap<StreamId, Client>,
    attempts: BTreeMap<AttemptId, (Attempt, AbortHandle)>,
    callouts: BTreeMap<CalloutId, AbortHandle>,
}

impl Engine {
    pub(super) fn new(host: Host, inputs: Inputs, listener: Listener) -> Self {
        Self {
            host,
            inputs,
            listener,
            started: Instant::now(),
            clients: BTreeMap::new(),
            attempts: BTreeMap::new(),
            callouts: BTreeMap::new(),
        }
    }

    /// Works until nobody can send inputs any more, which is until it is aborted: it holds a sender.
    pub(super) async fn run(mut self, mut inputs: mpsc::UnboundedReceiver<Input>) {
        self.obey();
        loop {
            let due = self.host.next_deadline().map(|(at, _)| Duration::from_nanos(at));
            let wake = self.started + due.unwrap_or_else(|| self.started.elapsed() + IDLE);
            tokio::select! {
                input = inputs.recv() => {
                    let Some(input) = input else { return };
                    self.advance();
                    self.take(input);
                }
                () = tokio::time::sleep_until(wake) => self.advance(),
            }
            self.obey();
            self.tell();
        }
    }

    /// Moves the host's time to the present.
    fn advance(&mut self) {
        let now = Nanos::try_from(self.started.elapsed().as_nanos()).unwrap_or(Nanos::MAX);
        // A timer of tokio may end a moment early; the deadline it was set for counts as reached.
        let due = self.host.next_deadline().map(|(at, _)| at);
        let slack = due.filter(|due| due.saturating_sub(now) < 1_000_000);
        self.host.advance_to(slack.unwrap_or(now).max(now));
        self.obey();
    }

    fn take(&mut self, input: Input) {
        let host = &mut self.host;
        match input {
            Input::Open { open, headers, end, client, opened } => {
                let stream = host.open_stream(open);
                self.clients.insert(stream, client);
                // The connection's task may be gone already; its guard then says so.
                let _ = opened.send(stream);
                host.request_headers(stream, headers, end);
            }
            Input::RequestData { stream, data, end } => {
                if self.clients.contains_key(&stream) {
                    host.request_data(stream, data, end);
                }
            }
            Input::RequestTrailers { stream, trailers } => {
                if self.clients.contains_key(&stream) {
                    host.request_trailers(stream, trailers);
                }
            }
            Input::ClientGone { stream } => {
                if self.clients.remove(&stream).is_some() {
                    host.reset_downstream(stream);
                }
            }
            Input::Connected(attempt) => {
                if self.attempts.contains_key(&attempt) {
                    host.upstream_connected(attempt);
                }
            }
            Input::ResponseHeaders(attempt, headers, end) => {
                if self.attempts.contains_key(&attempt) {
                    host.response_headers(attempt, headers, end);
                }
            }
            Input::ResponseData(attempt, data, end) => {
                if self.attempts.contains_key(&attempt) {
                    host.response_data(attempt, data, end);
                }
            }
            Input::ResponseTrailers(attempt, trailers) => {
                if self.attempts.contains_key(&attempt) {
                    host.response_trailers(attempt, trailers);
                }
            }
            Input::AttemptBroke(attempt, reset) => {
                if self.attempts.remove(&attempt).is_some() {
                    host.reset_upstream(attempt, reset);
                }
            }
            Input::CalloutBegan(call) => host.callout_headers(call),
            Input::CalloutEnded(call, outcome) => {
                if self.callouts.remove(&call).is_some() {
                    host.callout_response(call, outcome);
                }
            }
        }
    }

    fn obey(&mut self) {
        while let Some(effect) = self.host.poll() {
            match effect {
                Effect::Downstream { stream, event } => self.downstream(stream, event),
                Effect::ReadDownstream { stream, enabled } => {
                    if let Some(client) = self.clients.get(&stream) {
                        client.reading.send_replace(enabled);
                    }
                }
                Effect::Upstream { attempt, stream, event } => {
                    self.upstream(attempt, stream, event);
                }
                Effect::ReadUpstream { attempt, enabled } => {
                    if let Some((attempt, _)) = self.attempts.get(&attempt) {
                        attempt.reading.send_replace(enabled);
                    }
                }
                Effect::Callout { call, endpoint, http2, headers, body, .. } => {
                    let inputs = self.inputs.clone();
                    let request = callout::Request { endpoint, http2, headers, body };
                    let task = tokio::spawn(callout::run(call, request, inputs));
                    self.callouts.insert(call, task.abort_handle());
                }
                Effect::CalloutCancelled { call } => {
                    if let Some(task) = self.callouts.remove(&call) {
                        task.abort();
                    }
                }
                Effect::Closed { stream, access } => {
                    self.clients.remove(&stream);
                    for line in access.lines {
                        (self.listener)(Notice::Access(line));
                    }
                }
            }
        }
    }

    fn downstream(&mut self, stream: StreamId, event: StreamEvent) {
        let Some(client) = self.clients.get(&stream) else { return };
        let bytes = if let StreamEvent::Data(data, _) = &event { data.len() } else { 0 };
        let held = client.response.hold(bytes);
        // A client that is gone says so itself.
        let _ = client.events.send((event, held));
    }

    fn upstream(&mut self, attempt: AttemptId, stream: StreamId, event: UpstreamEvent) {
        match event {
            UpstreamEvent::Connect { endpoint, http2, .. } => {
                let (events, receiver) = mpsc::unbounded_channel();
                let (reading, may_read) = watch::channel(true);
                let response =
                    self.clients.get(&stream).map_or_else(Backlog::default, |c| c.response.clone());
                let inputs = self.inputs.clone();
                let task = upstream::Task { attempt, inputs, response, reading: may_read };
                let task = tokio::spawn(task.run(endpoint, http2, receiver)).abort_handle();
                self.attempts.insert(attempt, (Attempt { events, reading }, task));
            }
            UpstreamEvent::Reset => {
                if let Some((_, task)) = self.attempts.remove(&attempt) {
                    task.abort();
                }
            }
            event => {
                let bytes = if let UpstreamEvent::Data(data, _) = &event { data.len() } else { 0 };
                let request =
                    self.clients.get(&stream).map_or_else(Backlog::default, |c| c.request.clone());
                let Some((side, _)) = self.attempts.get(&attempt) else { return };
                // Nobody takes it any more: the body already has the announced length, or the
                // attempt has failed and says so itself.
                let _ = side.events.send((event, request.hold(bytes)));
            }
        }
    }

    /// Hands on what plugins logged and what the model refused.
    fn tell(&mut self) {
        for line in self.host.take_logs() {
            (self.listener)(Notice::Plugin(line.to_string()));
        }
        for what in self.host.take_refusals() {
            (self.listener)(Notice::NotModelled(what));
        }
    }
}
