//! Requests that plugins send by themselves.
//!
//! A call belongs to the root context, not to the stream that made it: it outlives the stream, and its
//! answer is delivered to the root context.
//!
//! # Limits
//! A call with headers that no request can have is refused at once where a connection stands, and answered
//! with a 503 once there is one. Only connections that earlier calls of the same VM have left are known.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::Duration,
};

use bytes::Bytes;

use super::{
    call::HttpCall,
    effect::{CalloutId, Effect},
    headers::{HeaderMap, MapKind, check},
    router::{OwnRequest, Wish, on_the_wire, set_scheme},
    time::{Event, Nanos, TimerKey},
    vm::VmId,
    world::World,
};
use crate::{
    abi::{ContextId, Status},
    bootstrap::UpstreamProtocol,
};

/// A call that waits for its answer.
#[derive(Debug)]
pub(crate) struct Callout {
    pub(crate) vm: VmId,
    pub(crate) root: ContextId,
    pub(crate) token: u32,
    pub(crate) cluster: String,
    pub(crate) sent: Nanos,
    pub(crate) timer: Option<TimerKey>,
    /// What its headers asked of the router.
    pub(crate) asked: OwnRequest,
    /// Where it went.
    pub(crate) endpoint: SocketAddr,
    /// Why it could not be sent.
    pub(crate) broken: Option<String>,
}

/// All calls that wait for an answer.
#[derive(Debug, Default)]
pub(crate) struct Callouts {
    waiting: BTreeMap<CalloutId, Callout>,
    made: u64,
    /// Endpoints to which a VM's calls have left a connection open.
    standing: BTreeSet<(VmId, SocketAddr)>,
}

impl Callouts {
    pub(crate) fn get(&self, id: CalloutId) -> Option<&Callout> {
        self.waiting.get(&id)
    }

    pub(crate) fn take(&mut self, id: CalloutId) -> Option<Callout> {
        self.waiting.remove(&id)
    }

    /// Notes whether the connection of a call is there for the next one.
    pub(crate) fn leave(&mut self, callout: &Callout, stands: bool) {
        let key = (callout.vm, callout.endpoint);
        if stands {
            self.standing.insert(key);
        } else {
            self.standing.remove(&key);
        }
    }
}

impl World {
    /// `proxy_http_call`: the token of the answer.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a negative timeout, an unknown cluster, or headers without
    /// `:method`, `:path` or `:authority`; [`Status::InternalFailure`] if no endpoint can take it,
    /// and then no callback follows.
    pub fn http_call(&mut self, call: HttpCall) -> Result<u32, Status> {
        if i32::try_from(call.timeout_ms).is_err() {
            return Err(Status::BadArgument);
        }
        let name = String::from_utf8(call.upstream).map_err(|_| Status::BadArgument)?;
        let cluster = self.config.clusters.get(&name).ok_or(Status::BadArgument)?;
        let endpoint = self.upstreams.choose(cluster, Wish::default(), &mut self.random);
        let http2 = cluster.protocol == UpstreamProtocol::Http2;
        let mut headers = HeaderMap::new();
        for (name, value) in call.headers {
            headers.add(MapKind::Request, name, value);
        }
        let needed: [&[u8]; 3] = [b":path", b":method", b":authority"];
        if needed.iter().any(|name| !headers.contains(name)) {
            return Err(Status::BadArgument);
        }
        if !call.body.is_empty() {
            headers.set("content-length", call.body.len().to_string());
        }
        self.lint_timeout(call.timeout_ms, &name);
        let token = {
            let vm = self.vm_mut().ok_or(Status::InternalFailure)?;
            // The low two bits tell HTTP calls from gRPC calls and streams.
            vm.http_calls += 4;
            vm.http_calls
        };
        let endpoint = endpoint.ok_or(Status::InternalFailure)?;
        let timeout = (call.timeout_ms > 0).then(|| Duration::from_millis(call.timeout_ms.into()));
        headers.set("x-envoy-internal", "true");
        let asked = OwnRequest::take(&mut headers, timeout, self.envoy);
        if let Some(what) = asked.not_modelled {
            self.refuse(what);
        }
        set_scheme(&mut headers);
        let broken = check::request(&headers).err();
        if let Some(what) = check::undefined_in_http1(&headers).filter(|_| !http2)
            && let Some(stream) = self.stream_context().map(|context| context.stream)
        {
            self.note_undefined(stream, what);
        }
        let vm = self.vm_place().ok_or(Status::InternalFailure)?;
        if broken.is_some() && self.callouts.standing.contains(&(vm, endpoint)) {
            // Refused before the hostcall is over, and an answer to that is never delivered.
            if !http2 {
                self.callouts.standing.remove(&(vm, endpoint));
            }
            return Err(Status::InternalFailure);
        }
        let id = self.expect_answer(token, &name, asked, endpoint)?;
        if broken.is_some() {
            if let Some(callout) = self.callouts.waiting.get_mut(&id) {
                callout.broken = broken;
            }
            self.schedule.at(self.now, Event::BrokenCallout(id));
            return Ok(token);
        }
        // Trailers are no reason to keep the request open: without a body it ends with its headers.
        let headers = on_the_wire(headers, http2, call.body.is_empty());
        self.effect(Effect::Callout {
            call: id,
            cluster: name,
            endpoint,
            http2,
            headers,
            body: Bytes::from(call.body),
            timeout: asked.timeout.map(Duration::from_nanos),
        });
        Ok(token)
    }

    fn expect_answer(
        &mut self,
        token: u32,
        cluster: &str,
        asked: OwnRequest,
        endpoint: SocketAddr,
    ) -> Result<CalloutId, Status> {
        let vm = self.vm_place().ok_or(Status::InternalFailure)?;
        let root = self.vm().map_or(0, |vm| vm.root_of(self.effective_context()));
        self.callouts.made += 1;
        let id = CalloutId(self.callouts.made);
        let timer = asked.timeout.map(|limit| {
            let due = self.now.saturating_add(limit);
            self.schedule.at(due, Event::CalloutTimeout(id))
        });
        let (cluster, sent) = (cluster.to_owned(), self.now);
        let broken = None;
        let callout = Callout { vm, root, token, cluster, sent, timer, asked, endpoint, broken };
        self.callouts.waiting.insert(id, callout);
        self.root_mut().ok_or(Status::InternalFailure)?.calls.insert(token, id);
        Ok(id)
    }
}
