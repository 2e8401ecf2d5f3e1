//! What the client hears when an attempt fails and no other follows.

use crate::model::{
    EnvoyVersion,
    call::LocalReply,
    effect::{AttemptId, StreamId, UpstreamReset},
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
    const OVERFLOW: Self =
        Self { flag: Flags::UPSTREAM_OVERFLOW, reason: "overflow", transport: "", status: 503 };

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

impl Failure {
    /// The text of the answer and the response code details.
    fn told(&self, when: &str, again: bool, envoy: EnvoyVersion) -> (String, String) {
        let Self { reason, transport, .. } = self;
        let (detail, text) = if transport.is_empty() {
            ((*reason).to_owned(), String::new())
        } else {
            // Clients of 1.39 and later are not told what goes on behind the proxy.
            let told = envoy < EnvoyVersion::V1_39;
            let text = told.then(|| format!(", transport failure reason: {transport}"));
            (format!("{reason}|{transport}"), text.unwrap_or_default())
        };
        let details = format!("upstream_reset_{when}_response_started{{{detail}}}");
        let again = if again { "retried and the latest " } else { "" };
        let body = format!(
            "upstream connect error or disconnect/reset before headers. {again}reset reason: \
             {reason}{text}"
        );
        (body, details.replace(' ', "_"))
    }
}

/// What Envoy's own client is told in the place of a response: status, text, details.
pub(crate) fn failure_of(
    reset: UpstreamReset,
    started: bool,
    envoy: EnvoyVersion,
) -> (u32, String, String) {
    let failure = Failure::of(reset);
    let (text, details) = failure.told(if started { "after" } else { "before" }, false, envoy);
    (failure.status, text, details)
}

/// What Envoy's own client is told when there are too many requests: status and text.
pub(crate) fn failure_of_overflow(envoy: EnvoyVersion) -> (u32, String) {
    let (text, _) = Failure::OVERFLOW.told("before", false, envoy);
    (Failure::OVERFLOW.status, text)
}

impl Engine {
    /// An attempt broke.
    pub(crate) fn attempt_reset(&mut self, attempt: AttemptId, reset: UpstreamReset) {
        let of_stream = matches!(
            reset,
            UpstreamReset::RemoteReset
                | UpstreamReset::RemoteRefused
                | UpstreamReset::ProtocolError
        );
        if self.mirror_reset(attempt, of_stream) {
            return;
        }
        let Some(id) = self.stream_of(attempt) else { return };
        self.note_outcome(id, 503);
        let stream = self.world.streams.at(id);
        let Some(taken) = stream.router.attempt.take() else { return };
        let reset = match reset {
            // An HTTP/1 message that stops in the middle is malformed.
            UpstreamReset::ConnectionTermination
                if !taken.http2 && stream.router.response_started =>
            {
                UpstreamReset::ProtocolError
            }
            other => other,
        };
        let failure = Failure::of(reset);
        if !failure.transport.is_empty() {
            stream.info.upstream.failure = Some(failure.transport.to_owned());
        }
        let reusable = taken.http2 && taken.waiting.is_none() && of_stream;
        self.end_attempt(taken, reusable);
        if !self.retries_after_reset(id, Some(reset)) {
            self.attempt_failed(id, &failure);
        }
    }

    /// An attempt was refused by a circuit breaker; such a one is never followed by another.
    pub(super) fn overflowed(&mut self, id: StreamId) {
        self.attempt_failed(id, &Failure::OVERFLOW);
    }

    fn attempt_failed(&mut self, id: StreamId, failure: &Failure) {
        let stream = self.world.streams.at(id);
        stream.info.flags.insert(failure.flag);
        let when = if stream.router.response_started { "after" } else { "before" };
        let again = stream.info.upstream.attempts > 1;
        let (body, details) = failure.told(when, again, self.world.envoy);
        let mut reply = LocalReply::text(failure.status, &body, &details);
        if failure.flag == Flags::UPSTREAM_OVERFLOW {
            reply.headers.push((b"x-envoy-overloaded".to_vec(), b"true".to_vec()));
        }
        self.answer_for_upstream(id, reply);
    }

    /// The proxy answers in the place of a server.
    pub(super) fn answer_for_upstream(&mut self, id: StreamId, mut reply: LocalReply) {
        self.abandon_upstream(id);
        let stream = self.world.streams.at(id);
        let (attempts, route) = (stream.info.upstream.attempts, stream.router.route.as_ref());
        if route.is_some_and(|route| route.counts_attempts()) && attempts > 0 {
            let attempts = attempts.to_string();
            reply.headers.push((b"x-envoy-attempt-count".to_vec(), attempts.into_bytes()));
        }
        self.send_local_reply(id, reply);
    }

    /// An attempt has no answer in time. Once the client has the headers, there is no such limit.
    pub(crate) fn on_per_try_timeout(&mut self, attempt: AttemptId) {
        let Some(id) = self.stream_of(attempt) else { return };
        let router = &mut self.world.streams.at(id).router;
        if router.response_started {
            return;
        }
        self.note_outcome(id, 504);
        let stream = self.world.streams.at(id);
        let cluster = stream.info.upstream.cluster.clone().unwrap_or_default();
        let Some(mut taken) = stream.router.attempt.take() else { return };
        taken.per_try_timer = None;
        self.world.upstreams.count(&cluster, "upstream_rq_per_try_timeout");
        self.finish_attempt(id, taken, false);
        if !self.retries_after_reset(id, None) {
            self.timed_out(id, "upstream_per_try_timeout");
        }
    }

    /// The route's timeout.
    pub(crate) fn on_response_timeout(&mut self, id: StreamId) {
        let stream = self.world.streams.at(id);
        stream.router.timer = None;
        if stream.router.attempt.is_some() {
            let awaits_headers = !stream.router.response_started;
            let cluster = stream.info.upstream.cluster.clone().unwrap_or_default();
            self.world.upstreams.count(&cluster, "upstream_rq_timeout");
            if awaits_headers {
                self.note_outcome(id, 504);
            }
        }
        self.timed_out(id, "response_timeout");
    }

    fn timed_out(&mut self, id: StreamId, details: &str) {
        self.world.streams.at(id).info.flags.insert(Flags::UPSTREAM_REQUEST_TIMEOUT);
        let reply = LocalReply::text(504, "upstream request timeout", details);
        self.answer_for_upstream(id, reply);
    }
}
