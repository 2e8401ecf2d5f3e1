//! What a server answers to a request that a plugin sends by itself.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::attempt::{Endpoint, response_headers};
use super::library::{self, Heard};
use super::{codec, nanos};
use crate::fields::field;
use crate::host::Nanos;
use crate::model::HeaderMap;
use crate::model::effect::{CalloutId, CalloutOutcome, UpstreamReset};
use crate::scenario::observation::Received;
use crate::upstream::{self, Event, Reply, TimedEvent};

/// A request of a plugin.
#[derive(Debug)]
pub(super) struct Callout {
    pub(super) call: CalloutId,
    /// Its record; none if it never reached a server.
    pub(super) received: Option<Received>,
    /// None when the host no longer wants it.
    pub(super) outcome: Option<CalloutOutcome>,
}

/// What a server does about a request of a plugin.
pub(super) struct Answer {
    /// The record; none if the request never reached it.
    pub(super) received: Option<Received>,
    pub(super) outcome: CalloutOutcome,
    /// After how long the headers of the response come; none if none do.
    pub(super) headers_after: Option<Nanos>,
    pub(super) after: Nanos,
}

/// What becomes of a request before which `served` others came.
pub(super) fn answer(
    server: Endpoint,
    headers: HeaderMap,
    body: Bytes,
    reply: &Reply,
    served: usize,
) -> Answer {
    let headers = match library::request(&headers, body.is_empty(), server.http2) {
        Heard::Message(headers) => headers,
        broken => {
            let outcome = refused(&broken, server.http2);
            return Answer { received: None, outcome, headers_after: None, after: 0 };
        }
    };
    let mut request = codec::request(&headers, body.is_empty(), server.http2, served);
    request.body = body.to_vec();
    request.ended = true;
    let plan = reply.plan(&request);
    let mut after = Duration::ZERO;
    let mut headers = HeaderMap::new();
    let mut body = BytesMut::new();
    let mut trailers = HeaderMap::new();
    let (mut outcome, mut headers_after) = (None, None);
    for TimedEvent { after: wait, event } in plan.events {
        after += wait;
        match event {
            Event::Headers { status, mut fields } => {
                headers_after = Some(nanos(after));
                fields.extend(closing(&request));
                headers = response_headers(server.http2, status, fields);
            }
            Event::Data(data) => body.extend_from_slice(&data),
            // Those of HTTP/1 servers are dropped, and the end remains.
            Event::Trailers(fields) if server.http2 => trailers = fields.into_iter().collect(),
            Event::Trailers(_) => {}
            Event::End => {
                let (headers, trailers) = (headers.clone(), trailers.clone());
                let body = body.clone().freeze();
                outcome = Some(CalloutOutcome::Response { headers, body, trailers });
            }
            _ if !headers.is_empty() => outcome = Some(CalloutOutcome::Reset),
            Event::Reset if server.http2 => outcome = Some(CalloutOutcome::RemoteReset),
            Event::Reset | Event::Close | Event::Echo => {
                outcome = Some(CalloutOutcome::NoResponse);
            }
        }
    }
    let silent = Duration::from_secs(3600);
    let after = if outcome.is_some() { after } else { silent };
    Answer {
        received: Some(codec::observed(server.cluster, request)),
        outcome: outcome.unwrap_or(CalloutOutcome::Reset),
        headers_after,
        after: nanos(after),
    }
}

/// What a server's library adds to its answer when nobody wants the connection any more.
pub(super) fn closing(request: &upstream::Received) -> Option<(Bytes, Bytes)> {
    let asked = request.header_text("connection").filter(|_| !request.http2)?;
    asked.eq_ignore_ascii_case("close").then(|| field("connection", "close"))
}

/// What the server's library answers to what it cannot read; the server never hears of it.
fn refused(broken: &Heard, http2: bool) -> CalloutOutcome {
    match (http2, broken) {
        (true, Heard::Unreadable) => CalloutOutcome::Refused(UpstreamReset::RemoteRefused),
        (true, _) => CalloutOutcome::Refused(UpstreamReset::ProtocolError),
        (false, _) => CalloutOutcome::Response {
            headers: response_headers(false, 400, library::bad_request()),
            body: Bytes::new(),
            trailers: HeaderMap::new(),
        },
    }
}
