//! Steps begin, clients begin and end.

use std::net::SocketAddr;

use super::client::Client;
use super::{Happening, Play, SimError, codec, nanos, raw, update};
use crate::host::OpenStream;
use crate::scenario::step::{Act, Repetition};

impl Play<'_> {
    pub(super) fn schedule_step(&mut self, index: usize) {
        if let Some(step) = self.scenario.steps.get(index) {
            let at = nanos(step.at).max(self.host.now());
            self.unfinished += 1;
            self.timeline.push(at, Happening::Step(index));
        }
    }

    pub(super) fn add_client(&mut self, client: Client) {
        self.unfinished += 1;
        let index = self.clients.add(client);
        self.timeline.push(self.host.now(), Happening::Begin(index));
    }

    pub(super) fn begin_step(&mut self, index: usize) -> Result<(), SimError> {
        let Some(step) = self.scenario.steps.get(index) else { return Ok(()) };
        match &step.act {
            Act::Drain => {
                self.host.drain();
                self.schedule_step(index + 1);
            }
            Act::Update(update) => {
                let taken = update::apply(self.host, update)
                    .map_err(|reason| SimError::Update { step: index + 1, reason })?;
                if !taken {
                    self.refused_updates.push(index);
                }
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

    pub(super) fn begin_request(&mut self, index: usize) -> Result<(), SimError> {
        let now = self.host.now();
        let worker = self.random.usize(0..self.workers.len());
        let worker = self.workers.get(worker).copied().unwrap_or_default();
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
        let number = self.scenario.exchange_number(client.step, client.exchange.round);
        let raw = client.request.raw.as_ref().map(|raw| raw::read(&client.request, raw, number));
        let port = 50_000_u16.saturating_add(u16::try_from(index % 10_000).unwrap_or(0));
        let stream = self.host.open_stream(OpenStream {
            listener,
            worker,
            protocol: match &raw {
                Some(raw) => raw.protocol,
                None => codec::protocol(client.request.http),
            },
            peer: SocketAddr::from(([127, 0, 0, 1], port)),
        });
        client.begin(stream, now);
        if let Some(after) = client.request.reset_after {
            self.timeline.push(now + nanos(after), Happening::ClientReset(index));
        }
        let patience = nanos(client.request.give_up_after);
        self.timeline.push(now + patience, Happening::GiveUp(index));
        let head = match raw {
            None => Ok(codec::request_headers(&client.request, number)),
            Some(raw) => {
                if let Some(body) = raw.body {
                    if body.left > 0 && raw.head.is_ok() {
                        return Err(SimError::Pipelined { step: client.step + 1, left: body.left });
                    }
                    client.send(body);
                }
                raw.head
            }
        };
        let (headers, end) = match head {
            Ok(head) => head,
            Err(malformed) => {
                self.host.request_malformed(stream, malformed);
                return Ok(());
            }
        };
        if let Some(frame) = client.next_frame_at() {
            self.timeline.push(now + nanos(frame), Happening::Frame(index));
        }
        self.host.request_headers(stream, headers, end);
        Ok(())
    }

    /// A client's exchange is over: the next of its step, or the next step, may begin.
    pub(super) fn client_ended(&mut self, index: usize) {
        self.unfinished -= 1;
        let lines = self.host.world().trace().len();
        let Some(client) = self.clients.get_mut(index) else { return };
        client.exchange.trace_end = Some(lines);
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
}
