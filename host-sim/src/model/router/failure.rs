//! What the client hears when an attempt fails.
//!
//! Every failure comes through [`Engine::attempt_failed`]; that is the place where a retry would be
//! decided.

use crate::model::{
    EnvoyVersion,
    call::LocalReply,
    effect::{AttemptId, Effect, StreamId, UpstreamEvent, UpstreamReset},
    engine::Engine,
    flag::Flags,
};

/// What Envoy calls a failure.
struct Failure {
    flag: Flags,
    /// As in the body and, with underscores, in the details.
    reason: &'static str,
    /// What the transport said.
    transport: &'static str,
    status: u32,
}

impl Failure {
    fn of(reset: UpstreamReset) -> Self {
        let failure = |flag, reason, transport, status| Self { flag, reason, transport, status };
        match reset {
            UpstreamReset::ConnectFailure => failure(
                Flags::UPSTREAM_CONNECTION_FAILURE,
                "remote connection failure",
                "delayed connect error: Connection refused",
                503,
            ),
            UpstreamReset::ConnectTimeout => {
                failure(Flags::UPSTREAM_CONNECTION_FAILURE, "connection timeout", "", 503)
            }
            UpstreamReset::RemoteReset => {
                failure(Flags::UPSTREAM_REMOTE_RESET, "remote reset", "", 503)
            }
            UpstreamReset::RemoteRefused => {
                failure(Flags::UPSTREAM_REMOTE_RESET, "remote refused stream reset", "", 503)
            }
            UpstreamReset::ConnectionTermination => {
                failure(Flags::UPSTREAM_CONNECTION_TERMINATION, "connection termination", "", 503)
            }
            UpstreamReset::ProtocolError => {
                failure(Flags::UPSTREAM_PROTOCOL_ERROR, "protocol error", "", 502)
            }
        }
    }
}

impl Engine {
    /// An attempt broke.
    pub(crate) fn attempt_reset(&mut self, attempt: AttemptId, reset: UpstreamReset) {
        let Some(id) = self.world.upstreams.stream_of(attempt) else { return };
        let stream = self.world.streams.at(id);
        if stream.router.attempt.as_ref().is_none_or(|current| current.id != attempt) {
            return;
        }
        let taken = stream.router.attempt.take();
        let http1 = taken.as_ref().is_some_and(|attempt| !attempt.http2);
        let reset = match reset {
            // An HTTP/1 message that stops in the middle is malformed.
            UpstreamReset::ConnectionTermination if http1 && stream.router.response_started => {
                UpstreamReset::ProtocolError
            }
            other => other,
        };
        self.world.upstreams.end(attempt);
        self.world.schedule.cancel(taken.and_then(|attempt| attempt.connect_timer));
        self.attempt_failed(id, &Failure::of(reset));
    }

    /// No connection in time.
    pub(crate) fn attempt_timed_out(&mut self, attempt: AttemptId) {
        if let Some(stream) = self.world.upstreams.stream_of(attempt) {
            let event = UpstreamEvent::Reset;
            self.world.effect(Effect::Upstream { attempt, stream, event });
            self.attempt_reset(attempt, UpstreamReset::ConnectTimeout);
        }
    }

    fn attempt_failed(&mut self, id: StreamId, failure: &Failure) {
        let stream = self.world.streams.at(id);
        stream.info.flags.insert(failure.flag);
        if !failure.transport.is_empty() {
            stream.info.upstream.failure = Some(failure.transport.to_owned());
        }
        let timer = stream.router.timer.take();
        let when = if stream.router.response_started { "after" } else { "before" };
        self.world.schedule.cancel(timer);
        let Failure { reason, transport, .. } = failure;
        let (detail, text) = if transport.is_empty() {
            ((*reason).to_owned(), String::new())
        } else {
            // Clients of 1.39 and later are not told what goes on behind the proxy.
            let told = self.world.envoy < EnvoyVersion::V1_39;
            let text = told.then(|| format!(", transport failure reason: {transport}"));
            (format!("{reason}|{transport}"), text.unwrap_or_default())
        };
        let details = format!("upstream_reset_{when}_response_started{{{detail}}}");
        let body = format!(
            "upstream connect error or disconnect/reset before headers. reset reason: {reason}{text}"
        );
        self.send_local_reply(
            id,
            LocalReply::text(failure.status, &body, &details.replace(' ', "_")),
        );
    }

    /// The route's timeout.
    pub(crate) fn on_response_timeout(&mut self, id: StreamId) {
        let stream = self.world.streams.at(id);
        stream.router.timer = None;
        stream.info.flags.insert(Flags::UPSTREAM_REQUEST_TIMEOUT);
        self.abandon_upstream(id);
        self.send_local_reply(
            id,
            LocalReply::text(504, "upstream request timeout", "response_timeout"),
        );
    }
}
