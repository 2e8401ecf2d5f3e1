//! gRPC that plugins speak by themselves: calls with one answer, and streams.
//!
//! Like an HTTP call, it belongs to the root context. To a driver it is an attempt that serves no
//! stream: it is connected, sent and answered like any other.
//!
//! # Limits
//! A stream to a cluster that has no endpoint makes Envoy call the guest while the guest is calling
//! it; that is refused by name, and so is a service without a target, which crashes Envoy.

mod frame;
mod receive;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;

use super::{
    buffer::Buffer,
    call::{GrpcCall, GrpcStream, Pairs},
    effect::{AttemptId, Effect, StreamId, UpstreamEvent},
    headers::HeaderMap,
    protobuf,
    router::Wish,
    time::{Event, Nanos, TimerKey, nanos},
    vm::{AfterCall, VmId},
    world::World,
};
use crate::{
    abi::{ContextId, Status},
    bootstrap::{Cluster, UpstreamProtocol},
};

/// `UNAVAILABLE` in gRPC.
const UNAVAILABLE: u32 = 14;

/// Everything of this kind that is under way.
pub(crate) type Exchanges = BTreeMap<AttemptId, Exchange>;

/// A call or a stream, until its server has ended it.
#[derive(Debug)]
pub(crate) struct Exchange {
    vm: VmId,
    root: ContextId,
    token: u32,
    unary: bool,
    cluster: String,
    /// Kept until there is a connection.
    waiting: Option<Vec<UpstreamEvent>>,
    connect_timer: Option<TimerKey>,
    timer: Option<TimerKey>,
    sent: Nanos,
    started: bool,
    /// The request has ended.
    closed: bool,
    frames: frame::Decoder,
    /// The last message of a call, which is told when it has succeeded.
    message: Option<Bytes>,
}

/// What a token stands for in its root context.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    /// None when the server has ended it.
    pub(crate) attempt: Option<AttemptId>,
    /// The plugin has closed it.
    closed: bool,
}

/// What the callback in progress can read.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(crate) initial: Option<HeaderMap>,
    pub(crate) trailing: Option<HeaderMap>,
    pub(crate) message: Option<Buffer>,
}

/// What both kinds are told to do.
struct Opening<'a> {
    service: &'a [u8],
    service_name: &'a [u8],
    method: &'a [u8],
    metadata: Pairs,
    unary: bool,
    timeout: Option<Duration>,
}

impl World {
    /// `proxy_grpc_call`: the token of the answer.
    ///
    /// # Errors
    /// [`Status::ParseFailure`] for a cluster that there is not; [`Status::InternalFailure`] if nothing
    /// can be sent, and then the call is closed as soon as the guest has returned.
    pub fn grpc_call(&mut self, call: GrpcCall) -> Result<u32, Status> {
        self.lint_timeout(call.timeout_ms, &String::from_utf8_lossy(&call.service_name));
        let (token, attempt) = self.open_grpc(Opening {
            service: &call.service,
            service_name: &call.service_name,
            method: &call.method,
            metadata: call.initial_metadata,
            unary: true,
            timeout: Some(Duration::from_millis(call.timeout_ms.into())),
        })?;
        self.send_grpc(attempt, UpstreamEvent::Data(frame::encode(&call.message), true));
        Ok(token)
    }

    /// `proxy_grpc_stream`: the token of the stream.
    ///
    /// # Errors
    /// As for a call.
    pub fn grpc_stream(&mut self, stream: GrpcStream) -> Result<u32, Status> {
        let opening = Opening {
            service: &stream.service,
            service_name: &stream.service_name,
            method: &stream.method,
            metadata: stream.initial_metadata,
            unary: false,
            timeout: None,
        };
        self.open_grpc(opening).map(|(token, _)| token)
    }

    /// `proxy_grpc_send`: a message on a stream, and perhaps the end of what the plugin says.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a token that is not a stream's, [`Status::NotFound`] for one that is
    /// over.
    pub fn grpc_send(
        &mut self,
        token: u32,
        message: &[u8],
        end_of_stream: bool,
    ) -> Result<(), Status> {
        if token & 3 != STREAM {
            return Err(Status::BadArgument);
        }
        match self.grpc_token(token)?.attempt {
            Some(attempt) => {
                let data = UpstreamEvent::Data(frame::encode(message), end_of_stream);
                self.send_grpc(attempt, data);
            }
            None => self.refuse("proxy_grpc_send on a stream that its server has ended"),
        }
        Ok(())
    }

    /// `proxy_grpc_cancel`: nothing more is told of a call or a stream.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a token of another kind, [`Status::NotFound`] for one that is over.
    pub fn grpc_cancel(&mut self, token: u32) -> Result<(), Status> {
        if !matches!(token & 3, CALL | STREAM) {
            return Err(Status::BadArgument);
        }
        let attempt = self.grpc_token(token)?.attempt;
        if let Some(root) = self.root_mut() {
            root.grpc.remove(&token);
        }
        if let Some(attempt) = attempt {
            self.abandon_grpc(attempt);
        }
        Ok(())
    }

    /// `proxy_grpc_close`: the plugin has said all; a call is cancelled.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a token of another kind, [`Status::NotFound`] for one that is over.
    pub fn grpc_close(&mut self, token: u32) -> Result<(), Status> {
        if token & 3 != STREAM {
            return self.grpc_cancel(token);
        }
        match self.grpc_token(token)?.attempt {
            None => self.grpc_cancel(token),
            Some(attempt) => {
                let open = self.grpc.get(&attempt).is_some_and(|exchange| !exchange.closed);
                if open {
                    self.send_grpc(attempt, UpstreamEvent::Data(Bytes::new(), true));
                }
                if let Some(token) = self.root_mut().and_then(|root| root.grpc.get_mut(&token)) {
                    token.closed = true;
                }
                Ok(())
            }
        }
    }

    fn grpc_token(&self, token: u32) -> Result<Token, Status> {
        self.root().and_then(|root| root.grpc.get(&token)).copied().ok_or(Status::NotFound)
    }

    fn open_grpc(&mut self, opening: Opening<'_>) -> Result<(u32, AttemptId), Status> {
        let (name, parsed) = self.target(opening.service)?;
        let config = std::sync::Arc::clone(&self.config);
        let cluster = config.clusters.get(&name);
        if cluster.is_none() && !parsed {
            return Err(Status::ParseFailure);
        }
        let token = {
            let vm = self.vm_mut().ok_or(Status::InternalFailure)?;
            let (last, kind) = match opening.unary {
                true => (&mut vm.grpc_calls, CALL),
                false => (&mut vm.grpc_streams, STREAM),
            };
            *last += 4;
            *last | kind
        };
        let Some(cluster) = cluster else {
            self.grpc_never_sent(token, "Cluster not available");
            return Err(Status::InternalFailure);
        };
        let endpoint = self.upstreams.choose(cluster, Wish::default(), &mut self.random);
        let Some(endpoint) = endpoint else {
            if !opening.unary {
                self.refuse(&format!("proxy_grpc_stream to {name}, which has no endpoint"));
            }
            self.grpc_never_sent(token, "no healthy upstream{no_healthy_upstream}");
            return Err(Status::InternalFailure);
        };
        let attempt = self.upstreams.begin(StreamId(0), endpoint);
        let exchange = self.new_exchange(token, &opening, attempt, cluster)?;
        self.grpc.insert(attempt, exchange);
        let root = self.root_mut().ok_or(Status::InternalFailure)?;
        root.grpc.insert(token, Token { attempt: Some(attempt), closed: false });
        let http2 = cluster.protocol == UpstreamProtocol::Http2;
        let event = UpstreamEvent::Connect { cluster: name.clone(), endpoint, http2 };
        self.effect(Effect::Upstream { attempt, stream: StreamId(0), event });
        self.send_grpc(attempt, UpstreamEvent::Headers(headers(opening, name), false));
        Ok((token, attempt))
    }

    /// The cluster's name, and whether it came in a message.
    fn target(&mut self, service: &[u8]) -> Result<(String, bool), Status> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let Some(message) = protobuf::Message::parse(service) else {
            return Ok((text(service), false));
        };
        match message.find(1).and_then(protobuf::Message::parse) {
            Some(target) => Ok((text(target.bytes(1)), true)),
            None => {
                self.refuse(
                    "a gRPC service that names no target of Envoy's own client; a real Envoy may crash",
                );
                Err(Status::InternalFailure)
            }
        }
    }

    fn new_exchange(
        &mut self,
        token: u32,
        opening: &Opening<'_>,
        attempt: AttemptId,
        cluster: &Cluster,
    ) -> Result<Exchange, Status> {
        let vm = self.vm_place().ok_or(Status::InternalFailure)?;
        let root = self.vm().map_or(0, |vm| vm.root_of(self.effective_context()));
        let now = self.now;
        let due = |limit: Duration| now.saturating_add(nanos(limit));
        let connect = due(cluster.connect_timeout);
        let connect_timer = Some(self.schedule.at(connect, Event::ConnectTimeout(attempt)));
        let timeout = opening.timeout.filter(|limit| !limit.is_zero());
        let timer = timeout.map(|limit| self.schedule.at(due(limit), Event::GrpcTimeout(attempt)));
        Ok(Exchange {
            vm,
            root,
            token,
            unary: opening.unary,
            cluster: cluster.name.clone(),
            waiting: Some(Vec::new()),
            connect_timer,
            timer,
            sent: now,
            started: false,
            closed: false,
            frames: frame::Decoder::default(),
            message: None,
        })
    }

    /// The guest hears of it as soon as it has returned.
    fn grpc_never_sent(&mut self, token: u32, message: &str) {
        let root = self.vm().map_or(0, |vm| vm.root_of(self.effective_context()));
        let message = message.to_owned();
        if let Some(vm) = self.vm_mut() {
            let status = UNAVAILABLE;
            vm.after_call.push_back(AfterCall::GrpcClose { root, token, status, message });
        }
    }

    /// Sends something to the server, or keeps it until there is a connection.
    fn send_grpc(&mut self, attempt: AttemptId, event: UpstreamEvent) {
        let Some(exchange) = self.grpc.get_mut(&attempt).filter(|one| !one.closed) else { return };
        exchange.closed = matches!(event, UpstreamEvent::Data(_, true));
        match exchange.waiting.as_mut() {
            Some(waiting) => waiting.push(event),
            None => self.effect(Effect::Upstream { attempt, stream: StreamId(0), event }),
        }
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn abandon_grpc(&mut self, attempt: AttemptId) {
        if self.forget_grpc(attempt).is_some() {
            let event = UpstreamEvent::Reset;
            self.effect(Effect::Upstream { attempt, stream: StreamId(0), event });
        }
    }

    fn forget_grpc(&mut self, attempt: AttemptId) -> Option<Exchange> {
        let exchange = self.grpc.remove(&attempt)?;
        self.upstreams.end(attempt);
        self.schedule.cancel(exchange.connect_timer);
        self.schedule.cancel(exchange.timer);
        Some(exchange)
    }
}

/// The low bits of tokens.
const CALL: u32 = 1;
const STREAM: u32 = 2;

/// What Envoy's client writes before a plugin's metadata, and behind it.
fn headers(opening: Opening<'_>, cluster: String) -> HeaderMap {
    let text = String::from_utf8_lossy;
    let path = format!("/{}/{}", text(opening.service_name), text(opening.method));
    let mut headers: HeaderMap =
        [(":method", "POST".to_owned()), (":path", path), (":authority", cluster)]
            .into_iter()
            .collect();
    headers.append(":scheme", "http");
    headers.append("te", "trailers");
    if let Some(limit) = opening.timeout {
        headers.append("grpc-timeout", timeout_text(limit));
    }
    headers.append("content-type", "application/grpc");
    for (name, value) in opening.metadata {
        headers.append(name.to_ascii_lowercase(), value);
    }
    headers.set("x-envoy-internal", "true");
    if let Some(limit) = opening.timeout.filter(|limit| !limit.is_zero()) {
        headers.set("x-envoy-expected-rq-timeout-ms", limit.as_millis().to_string());
    }
    headers
}

/// At most eight digits, in the smallest unit that they are enough for.
fn timeout_text(limit: Duration) -> String {
    const MOST: u128 = 99_999_999;
    match (limit.as_millis(), u128::from(limit.as_secs())) {
        (millis, _) if millis <= MOST => format!("{millis}m"),
        (_, seconds) if seconds <= MOST => format!("{seconds}S"),
        (_, seconds) => format!("{}H", seconds / 3600),
    }
}
