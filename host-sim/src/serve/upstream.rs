//! Attempts: one connection to a server for each.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};
use tokio::sync::{mpsc, watch};

use super::{
    backlog::{Backlog, Held},
    input::{Input, Inputs, may_read},
    message, tunnel,
};
use crate::{
    client::{Connection, Http},
    fields::ask_upgrade,
    model::HeaderMap,
    model::effect::{AttemptId, UpstreamEvent, UpstreamReset},
};

/// What an attempt's task needs.
pub(super) struct Task {
    pub(super) attempt: AttemptId,
    pub(super) inputs: Inputs,
    /// What is on its way to the client.
    pub(super) response: Backlog,
    /// Whether to read from the server.
    pub(super) reading: watch::Receiver<bool>,
}

type Events = mpsc::UnboundedReceiver<(UpstreamEvent, Held)>;

impl Task {
    /// Connects, sends what the engine hands out, and reports what comes back.
    pub(super) async fn run(mut self, endpoint: SocketAddr, http2: bool, events: Events) {
        if let Err(reset) = self.attempt(endpoint, http2, events).await {
            let _ = self.inputs.send(Input::AttemptBroke(self.attempt, reset));
        }
    }

    async fn attempt(
        &mut self,
        endpoint: SocketAddr,
        http2: bool,
        mut events: Events,
    ) -> Result<(), UpstreamReset> {
        let version = if http2 { Http::V2 } else { Http::V1_1 };
        let connecting = Connection::open(endpoint, version, None, false).await;
        let mut connection = connecting.map_err(|_| UpstreamReset::ConnectFailure)?;
        self.report(Input::Connected(self.attempt))?;
        let (headers, end) = loop {
            match events.recv().await {
                Some((UpstreamEvent::Headers(headers, end), _)) => break (headers, end),
                Some(_) => {}
                None => return Err(UpstreamReset::ConnectionTermination),
            }
        };
        let asks_tunnel =
            headers.text(":method") == Some("CONNECT") || ask_upgrade(pairs(&headers));
        // A tunnel's bytes are no body; they are kept for what comes after the response.
        let (body, mut kept) =
            if asks_tunnel { (None, Some(events)) } else { (Some(events), None) };
        let body = RequestBody { events: body.filter(|_| !end) };
        let request = message::to_request(&headers, http2, body);
        let request = request.map_err(|_| UpstreamReset::ProtocolError)?;
        let mut response =
            connection.send(request).await.map_err(|error| reset_of(&error, http2))?;
        let status = response.status();
        let accepted = asks_tunnel
            && (status == StatusCode::SWITCHING_PROTOCOLS
                || (status.is_success() && headers.text(":method") == Some("CONNECT")));
        let upgrade = accepted.then(|| hyper::upgrade::on(&mut response));
        let (head, mut body) = response.into_parts();
        let end = body.is_end_stream() && !accepted;
        self.report(Input::ResponseHeaders(self.attempt, message::from_response(&head), end))?;
        if let (Some(upgrade), Some(events)) = (upgrade, kept.take()) {
            let upgraded = upgrade.await.map_err(|_| UpstreamReset::ConnectionTermination)?;
            let (reading, backlog) = (self.reading.clone(), self.response.clone());
            tunnel::upstream(upgraded, self.attempt, &self.inputs, events, reading, backlog).await;
            return Ok(());
        }
        if end {
            return Ok(());
        }
        loop {
            may_read(&mut self.reading).await;
            self.response.has_room().await;
            let frame = match body.frame().await {
                None => return self.report(Input::ResponseData(self.attempt, Bytes::new(), true)),
                Some(frame) => frame.map_err(|error| reset_of(&error, http2))?,
            };
            match frame.into_data() {
                Ok(data) => {
                    let end = body.is_end_stream();
                    self.report(Input::ResponseData(self.attempt, data, end))?;
                    if end {
                        return Ok(());
                    }
                }
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    let trailers = message::from_trailers(&trailers);
                    return self.report(Input::ResponseTrailers(self.attempt, trailers));
                }
            }
        }
    }

    fn report(&self, input: Input) -> Result<(), UpstreamReset> {
        self.inputs.send(input).map_err(|_| UpstreamReset::ConnectionTermination)
    }
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers.iter().map(|(name, value)| (&name[..], &value[..]))
}

/// What Envoy would call this error. hyper hides the HTTP/2 error code in a text.
fn reset_of(error: &hyper::Error, http2: bool) -> UpstreamReset {
    let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
    let texts: Vec<String> = causes.map(ToString::to_string).collect();
    if texts.iter().any(|text| text.contains("refused stream")) {
        UpstreamReset::RemoteRefused
    } else if error.is_parse() {
        UpstreamReset::ProtocolError
    } else if http2 && texts.iter().any(|text| text.starts_with("stream error")) {
        UpstreamReset::RemoteReset
    } else {
        UpstreamReset::ConnectionTermination
    }
}

/// A request's body, as the engine hands it out.
struct RequestBody {
    events: Option<Events>,
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        loop {
            let Some(events) = &mut this.events else { return Poll::Ready(None) };
            match std::task::ready!(events.poll_recv(context)) {
                Some((UpstreamEvent::Data(data, end), _held)) => {
                    if end {
                        this.events = None;
                    }
                    if !data.is_empty() {
                        return Poll::Ready(Some(Ok(Frame::data(data))));
                    }
                }
                Some((UpstreamEvent::Trailers(trailers), _)) => {
                    this.events = None;
                    let trailers = message::to_trailers(&trailers);
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                // The engine aborts the task that owns this; nothing more is sent until then.
                None => return Poll::Pending,
                Some(_) => {}
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.events.is_none()
    }
}
