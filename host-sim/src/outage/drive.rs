//! The clients and the servers of an outage around a simulated proxy.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::client::{Client, Failure, Outcome};
use super::member::{self, Fault};
use super::record::Record;
use super::seconds::Seconds;
use super::traffic::{PATIENCE, Traffic};
use super::watch::Watch;
use super::{Member, Outage, OutageError, Protection};
use crate::bootstrap::Bootstrap;
use crate::host::{Host, HostOptions, Nanos, OpenStream, Protocol};
use crate::model::effect::{
    AttemptId, CalloutOutcome, Effect, StreamEvent, StreamId, UpstreamEvent,
};
use crate::model::time::nanos;
use crate::model::{GuestFactory, HeaderMap};
use crate::scenario::sim::attempt::{Action, Attempt, Endpoint};
use crate::scenario::sim::timeline::Timeline;
use crate::upstream::Script;

/// How often somebody looks at what the filters publish.
const LOOK_EVERY: Nanos = 100_000_000;
/// For each request; a loop without progress ends here.
const HAPPENINGS_EACH: u64 = 2_000;
/// So much of what a server says at once comes in one read.
const ONE_READ: usize = 16_384;

/// Something that is planned.
#[derive(Debug)]
enum Happening {
    /// A client sends a request.
    Arrival(usize),
    /// A client looks whether it has waited long enough.
    Patience(StreamId),
    /// A connection stands.
    Connected(AttemptId),
    /// A server's next event.
    Serve(AttemptId),
    /// What is published is looked at.
    Look,
}

/// An attempt at its server.
struct Server {
    attempt: Attempt,
    member: Option<usize>,
    stream: StreamId,
    began: Nanos,
    fault: Option<Fault>,
    is_paced: bool,
}

struct Play<'a> {
    outage: &'a Outage,
    host: Host,
    traffic: Traffic,
    timeline: Timeline<Happening>,
    clients: BTreeMap<StreamId, Client>,
    servers: BTreeMap<AttemptId, Server>,
    seconds: Seconds,
    watch: Watch,
    has_sent_all: bool,
    recovery_noticed_at: Option<Nanos>,
    retry_delays: Vec<u64>,
}

/// Plays it with this proxy, which is the file or what was made of it.
pub(super) fn play(
    file: &Bootstrap,
    proxy: &Bootstrap,
    outage: &Outage,
    protection: Protection,
    factory: Arc<dyn GuestFactory>,
    progress: &mut dyn FnMut(u64),
) -> Result<Record, OutageError> {
    if proxy.listeners.is_empty() {
        return Err(OutageError::NoListener);
    }
    let members = members(file);
    let bad = bad(&members, outage.member.as_deref())?;
    let workers = outage.workers.max(1);
    let options = HostOptions { workers, seed: outage.seed, ..HostOptions::default() };
    let host = Host::new(proxy, &options, factory)?;
    let traffic = Traffic::new(file, outage, protection == Protection::Envoy);
    let mut play = Play {
        outage,
        host,
        traffic,
        timeline: Timeline::default(),
        clients: BTreeMap::new(),
        servers: BTreeMap::new(),
        seconds: Seconds::new(members.len()),
        watch: Watch::new(file, members, bad, nanos(outage.bad.start)),
        has_sent_all: false,
        recovery_noticed_at: None,
        retry_delays: Vec::new(),
    };
    play.run(progress)?;
    let traps = play.host.world().traps().len();
    let recovered = nanos(outage.bad.end);
    let recovery = play.recovery_noticed_at.map(|at| Duration::from_nanos(at - recovered));
    let Watch { members, bad, noticed_after, said, .. } = play.watch;
    Ok(Record {
        outage: outage.clone(),
        protection,
        members,
        bad,
        seconds: play.seconds.done(),
        noticed_after,
        recovery_noticed_after: recovery,
        retry_delays: play.retry_delays,
        said,
        traps,
    })
}

/// Every endpoint of the file.
fn members(file: &Bootstrap) -> Vec<Member> {
    let of = |cluster: &crate::bootstrap::Cluster| {
        let name = cluster.name.clone();
        let endpoints = cluster.endpoints.clone().into_iter();
        endpoints.map(move |one| Member { cluster: name.clone(), endpoint: one.address })
    };
    file.clusters.iter().flat_map(of).collect()
}

/// Those that are bad: all endpoints of a cluster, one endpoint, or the first of the largest cluster.
fn bad(members: &[Member], asked: Option<&str>) -> Result<Vec<usize>, OutageError> {
    let places = |is: &dyn Fn(&Member) -> bool| -> Vec<usize> {
        let members = members.iter().enumerate();
        members.filter(|(_, member)| is(member)).map(|(place, _)| place).collect()
    };
    let found = match asked {
        Some(asked) => places(&|one| one.cluster == asked || one.endpoint.to_string() == asked),
        None => {
            let size = |one: &Member| places(&|other| other.cluster == one.cluster).len();
            let largest = members.iter().map(size).max();
            places(&|one| Some(size(one)) == largest).into_iter().take(1).collect()
        }
    };
    if !found.is_empty() {
        return Ok(found);
    }
    let mut allowed: Vec<String> =
        members.iter().flat_map(|one| [one.cluster.clone(), one.endpoint.to_string()]).collect();
    allowed.sort_unstable();
    allowed.dedup();
    let found = asked.map_or_else(|| "endpoint".to_owned(), |asked| format!("member `{asked}`"));
    let allowed =
        if allowed.is_empty() { "a cluster with endpoints".to_owned() } else { allowed.join(", ") };
    Err(OutageError::NoMember { found, allowed })
}

impl Play<'_> {
    fn run(&mut self, progress: &mut dyn FnMut(u64)) -> Result<(), OutageError> {
        self.plan_arrival(0);
        self.timeline.push(LOOK_EVERY, Happening::Look);
        let requests = u64::from(self.outage.rate) * (self.outage.duration.as_secs() + 1);
        let most = HAPPENINGS_EACH.saturating_mul(requests.max(100));
        for _ in 0..most {
            self.obey_effects();
            if self.has_sent_all && self.clients.is_empty() {
                self.look(progress);
                return self.not_modelled();
            }
            let own = self.timeline.next_at();
            let due = self.host.next_deadline().map(|(at, _)| at);
            match (own, due) {
                (Some(own), due) if due.is_none_or(|due| own <= due) => {
                    if own > self.host.now() {
                        self.host.advance_to(own);
                    }
                    if let Some(happening) = self.timeline.pop() {
                        self.happen(happening, progress);
                    }
                }
                (_, Some(due)) => self.host.advance_to(due),
                (_, None) => break,
            }
        }
        self.not_modelled()?;
        Err(OutageError::Endless(most))
    }

    fn not_modelled(&mut self) -> Result<(), OutageError> {
        let mut refused = self.host.take_refusals();
        refused.sort_unstable();
        refused.dedup();
        if refused.is_empty() { Ok(()) } else { Err(OutageError::NotModelled(refused)) }
    }

    fn happen(&mut self, happening: Happening, progress: &mut dyn FnMut(u64)) {
        match happening {
            Happening::Arrival(number) => self.arrive(number),
            Happening::Patience(stream) => self.lose_patience(stream),
            Happening::Connected(attempt) => {
                if self.servers.contains_key(&attempt) {
                    self.host.upstream_connected(attempt);
                }
            }
            Happening::Serve(attempt) => self.serve(attempt),
            Happening::Look => {
                self.look(progress);
                self.timeline.push(self.host.now() + LOOK_EVERY, Happening::Look);
            }
        }
    }

    fn plan_arrival(&mut self, number: usize) {
        match self.traffic.arrives_at(number) {
            Some(at) => self.timeline.push(at, Happening::Arrival(number)),
            None => self.has_sent_all = true,
        }
    }

    fn look(&mut self, progress: &mut dyn FnMut(u64)) {
        let now = self.host.now();
        let before = self.seconds.begun();
        self.watch.look(&mut self.host, &mut self.seconds);
        if self.seconds.begun() > before {
            progress(now / 1_000_000_000);
        }
    }

    fn arrive(&mut self, number: usize) {
        let now = self.host.now();
        let request = self.traffic.request(number);
        let stream = self.host.open_stream(OpenStream {
            listener: 0,
            worker: request.draw % self.outage.workers.max(1),
            protocol: Protocol::Http11,
            peer: request.peer,
        });
        let headers = request.headers.clone();
        let expected = member::events(self.outage.seed, number);
        self.clients.insert(stream, Client::new(request, expected, now));
        self.seconds.at(now, |second| second.requests += 1);
        self.timeline.push(now + nanos(PATIENCE), Happening::Patience(stream));
        self.host.request_headers(stream, headers, false);
        self.obey_effects();
        self.send(stream);
        self.plan_arrival(number + 1);
    }

    /// Sends of the body what the proxy reads.
    fn send(&mut self, stream: StreamId) {
        while let Some(client) = self.clients.get_mut(&stream).filter(|client| client.may_write) {
            let Some(piece) = client.body.pop_front() else { return };
            let end = client.body.is_empty();
            self.host.request_data(stream, piece, end);
            self.obey_effects();
        }
    }

    fn lose_patience(&mut self, stream: StreamId) {
        let Some(client) = self.clients.get(&stream) else { return };
        let since = if client.first_token.is_some() { client.heard } else { client.began };
        let until = since + nanos(PATIENCE);
        if until > self.host.now() {
            self.timeline.push(until, Happening::Patience(stream));
            return;
        }
        self.host.reset_downstream(stream);
        self.ended(stream, Err(Failure::TooLate));
    }

    fn ended(&mut self, stream: StreamId, outcome: Outcome) {
        let Some(client) = self.clients.remove(&stream) else { return };
        let useful = usize::from(outcome.is_ok());
        let wasted = client.attempts.len().saturating_sub(useful) as u64 * client.prompt_tokens;
        self.seconds.ended(self.host.now(), outcome, wasted);
    }

    fn serve(&mut self, id: AttemptId) {
        let mut size = 0;
        while let Some(action) = self.servers.get_mut(&id).and_then(|one| one.attempt.serve()) {
            match action {
                Action::Headers(headers, end) => self.host.response_headers(id, headers, end),
                Action::Data(data, end) => {
                    size += data.len();
                    self.host.response_data(id, data, end);
                }
                Action::Trailers(trailers) => self.host.response_trailers(id, trailers),
                Action::Reset(reset) => self.host.reset_upstream(id, reset),
            }
            self.obey_effects();
            let goes_on = self.servers.get(&id).is_some_and(|one| one.attempt.goes_on());
            if size > ONE_READ || !goes_on {
                break;
            }
        }
        if self.servers.get(&id).is_some_and(|one| one.attempt.is_over) {
            self.servers.remove(&id);
        }
        self.plan_service(id);
    }

    fn plan_service(&mut self, id: AttemptId) {
        if let Some(after) = self.servers.get(&id).and_then(|one| one.attempt.next_after()) {
            self.timeline.push(self.host.now() + nanos(after), Happening::Serve(id));
        }
    }

    fn obey_effects(&mut self) {
        while let Some(effect) = self.host.poll() {
            match effect {
                Effect::Downstream { stream, event } => self.downstream(stream, event),
                Effect::ReadDownstream { stream, enabled } => {
                    if let Some(client) = self.clients.get_mut(&stream) {
                        client.may_write = enabled;
                    }
                    if enabled {
                        self.send(stream);
                    }
                }
                Effect::Upstream { attempt, stream, event } => {
                    self.upstream(attempt, stream, event)
                }
                Effect::ReadUpstream { attempt, enabled } => {
                    let server = self.servers.get_mut(&attempt);
                    if server.is_some_and(|one| one.attempt.set_reading(enabled)) {
                        self.plan_service(attempt);
                    }
                }
                // Servers that plugins call are not part of an outage.
                Effect::Callout { call, .. } => {
                    self.host.callout_response(call, CalloutOutcome::ConnectFailure);
                }
                Effect::CalloutCancelled { .. } | Effect::Closed { .. } => {}
            }
        }
    }

    fn downstream(&mut self, stream: StreamId, event: StreamEvent) {
        let now = self.host.now();
        let Some(client) = self.clients.get_mut(&stream) else { return };
        let waited = client.first_token.is_none();
        let outcome = client.accept(event, now);
        if waited && client.first_token.is_some() {
            let began = client.began;
            if client.attempts.len() > 1 {
                let (seed, tokens) = (self.outage.seed, client.prompt_tokens);
                let own = member::first_token_after(seed, client.number, tokens);
                self.retry_delays.push((now - began).saturating_sub(nanos(own)) / 1_000_000);
            }
            self.seconds.first_token(began, now);
            self.note_recovery(stream);
        }
        if let Some(outcome) = outcome {
            self.ended(stream, outcome);
        }
    }

    /// The bad member is well again when a client has the beginning of an answer of it.
    fn note_recovery(&mut self, stream: StreamId) {
        let end = nanos(self.outage.bad.end);
        if self.recovery_noticed_at.is_some() || self.host.now() < end {
            return;
        }
        let mut attempts = self.servers.values().filter(|one| one.stream == stream);
        let is_new = attempts
            .any(|one| one.began >= end && one.member.is_some_and(|m| self.watch.bad.contains(&m)));
        if is_new {
            self.recovery_noticed_at = Some(self.host.now());
        }
    }

    fn upstream(&mut self, id: AttemptId, stream: StreamId, event: UpstreamEvent) {
        match event {
            UpstreamEvent::Connect { cluster, endpoint, http2 } => {
                let member = self.watch.place_of(&cluster, endpoint);
                let server = Server {
                    attempt: Attempt::new(Endpoint { cluster, address: endpoint, http2 }, None),
                    member,
                    stream,
                    began: self.host.now(),
                    fault: None,
                    is_paced: false,
                };
                self.servers.insert(id, server);
                self.timeline.push(self.host.now(), Happening::Connected(id));
            }
            UpstreamEvent::Headers(headers, end) => self.request_arrives(id, &headers, end),
            UpstreamEvent::Data(data, end) => self.request_goes_on(id, data, end),
            UpstreamEvent::Trailers(trailers) => {
                if let Some(server) = self.servers.get_mut(&id) {
                    server.attempt.take_trailers(trailers);
                }
                self.answer_if_ready(id);
            }
            UpstreamEvent::Reset => {
                self.servers.remove(&id);
            }
        }
    }

    fn request_arrives(&mut self, id: AttemptId, headers: &HeaderMap, end: bool) {
        let now = self.host.now();
        let Some(server) = self.servers.get_mut(&id) else { return };
        let Some(client) = self.clients.get_mut(&server.stream) else { return };
        let Some(member) = server.member else { return };
        let is_retry = !client.attempts.is_empty();
        client.attempts.push(member);
        let is_bad = self.watch.bad.contains(&member)
            && self.outage.bad.contains(&Duration::from_nanos(now));
        server.fault = is_bad.then_some(self.outage.fault);
        let reply = member::reply(self.outage.seed, client.number, server.fault);
        server.attempt.begin(headers, end, &mut Script::of(vec![reply]), client.number);
        let unwanted = if is_retry {
            Vec::new()
        } else {
            self.watch.unwanted(&self.host, member, server.stream)
        };
        self.seconds.at(now, |second| {
            second.retried += u64::from(is_retry);
            second.diverted += u64::from(!unwanted.is_empty());
            if let Some(member) = second.members.get_mut(member) {
                member.requests += 1;
            }
            for place in unwanted {
                if let Some(member) = second.members.get_mut(place) {
                    member.unwanted += 1;
                }
            }
        });
        self.answer_if_ready(id);
    }

    fn request_goes_on(&mut self, id: AttemptId, data: Bytes, end: bool) {
        if let Some(server) = self.servers.get_mut(&id) {
            server.attempt.take(data, end);
        }
        self.answer_if_ready(id);
    }

    fn answer_if_ready(&mut self, id: AttemptId) {
        let Some(server) = self.servers.get_mut(&id) else { return };
        let Some(client) = self.clients.get(&server.stream) else { return };
        server.attempt.plan_if_ready();
        let plan = server.attempt.plan_mut();
        if plan.is_empty() || std::mem::replace(&mut server.is_paced, true) {
            return;
        }
        let (seed, number) = (self.outage.seed, client.number);
        member::pace(plan, seed, number, client.prompt_tokens, server.fault);
        self.plan_service(id);
    }
}
