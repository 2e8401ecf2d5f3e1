//! Requests that plugins send by themselves.
//!
//! A call belongs to the root context, not to the stream that made it: it outlives the stream, and its
//! answer is delivered to the root context.
//!
//!
//! A call with headers that no request can have is refused at once where a connection stands, and answered
//! with a 503 once there is one.

mod seat;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;

use super::{
    call::HttpCall,
    effect::{AttemptId, CalloutId, StreamId},
    headers::{HeaderMap, MapKind, check},
    router::{OwnRequest, PoolKey, Seat, Wish, on_the_wire, set_scheme},
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
    /// Where it goes, and over which connections.
    pub(crate) pool: PoolKey,
    pub(crate) http2: bool,
    /// Its name among all that goes to servers.
    pub(crate) attempt: AttemptId,
    /// What it takes up; none: nothing.
    pub(crate) seat: Option<Seat>,
    /// What is to be sent once it has a connection.
    request: Option<(HeaderMap, Bytes)>,
    pub(crate) sent: Nanos,
    pub(crate) timer: Option<TimerKey>,
    /// What its headers asked of the router.
    pub(crate) asked: OwnRequest,
    /// The headers of its answer are here.
    pub(crate) began: bool,
    /// Why it cannot be sent.
    pub(crate) broken: Option<String>,
}

/// All calls that wait for an answer.
#[derive(Debug, Default)]
pub(crate) struct Callouts {
    waiting: BTreeMap<CalloutId, Callout>,
    made: u64,
}

impl Callouts {
    pub(crate) fn get(&self, id: CalloutId) -> Option<&Callout> {
        self.waiting.get(&id)
    }

    pub(crate) fn take(&mut self, id: CalloutId) -> Option<Callout> {
        self.waiting.remove(&id)
    }

    /// The call that has this name among all that goes to servers.
    pub(crate) fn of(&self, attempt: AttemptId) -> Option<CalloutId> {
        let found = self.waiting.iter().find(|(_, callout)| callout.attempt == attempt);
        found.map(|(id, _)| *id)
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
        // Trailers are no reason to keep the request open: without a body it ends with its headers.
        let headers = on_the_wire(headers, http2, call.body.is_empty());
        let callout = Callout {
            vm: self.vm_place().ok_or(Status::InternalFailure)?,
            root: self.vm().map_or(0, |vm| vm.root_of(self.effective_context())),
            token,
            pool: self.pool_of_calls(&name, endpoint),
            http2,
            attempt: self.upstreams.begin(StreamId(0), endpoint),
            seat: None,
            request: Some((headers, Bytes::from(call.body))),
            sent: self.now,
            timer: None,
            asked,
            began: false,
            broken,
        };
        self.begin_callout(callout)?;
        Ok(token)
    }

    /// The headers of an answer are here: what limits a try has been kept.
    pub(crate) fn note_callout_headers(&mut self, id: CalloutId) {
        let Some(callout) = self.callouts.waiting.get_mut(&id) else { return };
        if !std::mem::replace(&mut callout.began, true) && callout.asked.per_try.is_some() {
            self.schedule.cancel(callout.timer.take());
            callout.timer = callout.asked.limit(true).map(|(limit, _)| {
                let due = callout.sent.saturating_add(limit).max(self.now);
                self.schedule.at(due, Event::CalloutTimeout(id))
            });
        }
    }

    fn expect_answer(&mut self, mut callout: Callout) -> Result<CalloutId, Status> {
        self.callouts.made += 1;
        let id = CalloutId(self.callouts.made);
        callout.timer = callout.asked.limit(false).map(|(limit, _)| {
            let due = self.now.saturating_add(limit);
            self.schedule.at(due, Event::CalloutTimeout(id))
        });
        let token = callout.token;
        self.callouts.waiting.insert(id, callout);
        self.root_mut().ok_or(Status::InternalFailure)?.calls.insert(token, id);
        Ok(id)
    }
}
