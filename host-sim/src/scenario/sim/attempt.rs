//! One request as a server meets it, and what the server does about it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use super::callout::closing;
use super::codec;
use super::library::{self, Heard};
use crate::fields::Fields;
use crate::model::HeaderMap;
use crate::model::effect::UpstreamReset;
use crate::upstream::{self, Event, Reply, Script, TimedEvent};

/// Where an attempt goes.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) cluster: String,
    pub(crate) address: SocketAddr,
    pub(crate) http2: bool,
}

/// What a server does to the host.
pub(crate) enum Action {
    Headers(HeaderMap, bool),
    Data(Bytes, bool),
    Trailers(HeaderMap),
    Reset(UpstreamReset),
}

/// One request at a server.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(super) endpoint: Endpoint,
    /// Index of the client's exchange; none for a mirror or a callout.
    pub(super) exchange: Option<usize>,
    pub(super) request: upstream::Received,
    /// Which of the requests made for one exchange it is.
    pub(super) ordinal: u64,
    /// More came than an HTTP/1 request had announced: what is next on the connection is broken.
    pub(super) is_too_long: bool,
    reply: Option<Reply>,
    plan: VecDeque<TimedEvent>,
    echoes: bool,
    is_planned: bool,
    has_begun: bool,
    may_write: bool,
    is_due: bool,
    /// Its server breaks the stream for what the host sent.
    breaks: Option<UpstreamReset>,
    is_broken: bool,
    pub(crate) is_over: bool,
}

impl Attempt {
    pub(crate) fn new(endpoint: Endpoint, exchange: Option<usize>) -> Self {
        Self {
            endpoint,
            exchange,
            request: upstream::Received::default(),
            ordinal: 0,
            is_too_long: false,
            reply: None,
            plan: VecDeque::new(),
            echoes: false,
            is_planned: false,
            has_begun: false,
            may_write: true,
            is_due: false,
            breaks: None,
            is_broken: false,
            is_over: false,
        }
    }

    /// The request's headers are here; the script says what becomes of it. False: the server's library
    /// refuses them, and the server never hears of the request.
    pub(crate) fn begin(
        &mut self,
        headers: &HeaderMap,
        end: bool,
        script: &mut Script,
        at: usize,
    ) -> bool {
        let headers = &match library::request(headers, end, self.endpoint.http2) {
            Heard::Message(headers) => headers,
            broken => {
                self.refuse(&broken);
                return false;
            }
        };
        self.request = codec::request(headers, end, self.endpoint.http2, at);
        let reply = script.next_reply();
        // An upgrade that is answered as a plain request has no body.
        let upgrades = {
            let pairs = headers.iter().map(|(name, value)| (&name[..], &value[..]));
            crate::fields::ask_upgrade(pairs) && !self.endpoint.http2
        };
        self.request.ended = self.is_complete(end) || (upgrades && reply.waits_for_body());
        self.reply = Some(reply);
        true
    }

    /// An HTTP/1 library answers by itself, and HTTP/2's ends the stream, or the whole connection.
    fn refuse(&mut self, broken: &Heard) {
        self.is_planned = true;
        if self.endpoint.http2 {
            let unreadable = *broken == Heard::Unreadable;
            self.break_off(match unreadable {
                true => UpstreamReset::RemoteRefused,
                false => UpstreamReset::ProtocolError,
            });
            return;
        }
        let events = [Event::Headers { status: 400, fields: library::bad_request() }, Event::End];
        self.plan = events.map(|event| TimedEvent { after: Duration::ZERO, event }).into();
    }

    fn break_off(&mut self, reset: UpstreamReset) {
        if !std::mem::replace(&mut self.is_broken, true) {
            self.breaks = Some(reset);
        }
    }

    /// A piece of the request's body.
    pub(crate) fn take(&mut self, data: Bytes, end: bool) {
        if self.is_broken || self.breaks_its_length(data.len(), end) {
            self.break_off(UpstreamReset::ProtocolError);
            return;
        }
        let rest = self.announced().filter(|_| !self.endpoint.http2);
        let rest = rest.map_or(data.len(), |length| length.saturating_sub(self.request.body.len()));
        self.is_too_long |= data.len() > rest;
        self.request.body.extend_from_slice(data.get(..rest).unwrap_or(&data));
        self.request.ended = self.is_complete(end);
        if self.echoes && !self.is_over {
            let at_once = |event| TimedEvent { after: Duration::ZERO, event };
            self.plan.push_back(at_once(Event::Data(data)));
            self.plan.extend(end.then(|| at_once(Event::End)));
        }
    }

    /// The request's trailers, which end it. False: the server's library cannot read them, and loses the
    /// connection before anybody has heard of the request.
    pub(crate) fn take_trailers(&mut self, trailers: HeaderMap) -> bool {
        // In HTTP/1.1 a proxy drops trailers unless it was told to pass them on.
        if self.endpoint.http2 {
            match library::http2_trailers(trailers) {
                Ok(_) if self.breaks_its_length(0, true) => {
                    self.break_off(UpstreamReset::ProtocolError);
                    return true;
                }
                Ok(trailers) => self.request.trailers = trailers.into_iter().collect(),
                Err(Heard::Unreadable) => {
                    self.break_off(UpstreamReset::ConnectionTermination);
                    return false;
                }
                Err(_) => {
                    self.break_off(UpstreamReset::ProtocolError);
                    return true;
                }
            }
        }
        self.request.ended = self.is_complete(true);
        true
    }

    fn announced(&self) -> Option<usize> {
        self.request.header_text("content-length").and_then(|length| length.parse().ok())
    }

    /// In HTTP/2 a body is as long as was announced, or the stream is broken.
    fn breaks_its_length(&self, more: usize, end: bool) -> bool {
        let length = self.request.body.len() + more;
        let announced = self.announced().filter(|_| self.endpoint.http2);
        announced.is_some_and(|announced| length > announced || end && length < announced)
    }

    /// In HTTP/1.1 an announced length is the end, whatever the host says.
    fn is_complete(&self, end: bool) -> bool {
        match self.announced().filter(|_| !self.endpoint.http2) {
            Some(length) => self.request.body.len() >= length,
            None => end,
        }
    }

    /// The host gives the request up.
    pub(crate) fn give_up(&mut self, quiet: bool) {
        self.request.ended |= quiet && self.endpoint.http2 && self.reply.is_some();
        self.request.reset = !self.request.ended;
        self.is_over = true;
        self.plan.clear();
    }

    /// How long the server waits before its next event; none when it has nothing to say, or waits
    /// until the host reads.
    pub(crate) fn next_after(&self) -> Option<Duration> {
        if self.breaks.is_some() && !self.is_over {
            return Some(Duration::ZERO);
        }
        let next = self.plan.front().filter(|_| !self.is_over && !self.is_due)?;
        Some(next.after)
    }

    /// Whether what comes next leaves in one write with what came last; a cut does not.
    pub(crate) fn goes_on(&self) -> bool {
        let is_said = |next: &TimedEvent| {
            next.after.is_zero()
                && matches!(next.event, Event::Data(_) | Event::Trailers(_) | Event::End)
        };
        !self.is_over && self.breaks.is_none() && self.plan.front().is_some_and(is_said)
    }

    /// The host reads from this server again, or stops; true when an event waited for that.
    pub(crate) fn set_reading(&mut self, enabled: bool) -> bool {
        self.may_write = enabled;
        if let Some(next) = self.plan.front_mut().filter(|_| enabled && self.is_due) {
            next.after = Duration::ZERO;
        }
        enabled && std::mem::take(&mut self.is_due)
    }

    /// Plays the next event.
    pub(crate) fn serve(&mut self) -> Option<Action> {
        if self.is_over {
            return None;
        }
        if let Some(reset) = self.breaks.take() {
            self.is_over = true;
            return Some(Action::Reset(reset));
        }
        if !self.may_write {
            self.is_due = true;
            return None;
        }
        let action = self.next_action()?;
        self.is_over = match &action {
            Action::Headers(_, end) | Action::Data(_, end) => *end,
            Action::Trailers(_) | Action::Reset(_) => true,
        };
        Some(action)
    }

    /// Plans the answer once all is there that it waits for.
    pub(crate) fn plan_if_ready(&mut self) {
        let Some(reply) = self.reply.as_ref().filter(|_| !self.is_planned) else { return };
        if self.request.ended || !reply.waits_for_body() {
            self.is_planned = true;
            let events = reply.plan(&self.request).events;
            self.plan = match self.endpoint.http2 {
                true => events.into_iter().flat_map(frames).collect(),
                false => events.into(),
            };
        }
    }

    /// What the server still has to do, for a driver whose servers keep times of their own.
    pub(crate) fn plan_mut(&mut self) -> &mut VecDeque<TimedEvent> {
        &mut self.plan
    }

    fn next_action(&mut self) -> Option<Action> {
        let TimedEvent { event, .. } = self.plan.pop_front()?;
        Some(match event {
            Event::Headers { status, mut fields } => {
                self.has_begun = true;
                if !self.is_broken {
                    fields.extend(closing(&self.request));
                }
                let known_length = fields.iter().any(|(name, _)| name == "content-length");
                let end = self.end_follows() && (known_length || self.endpoint.http2);
                if end {
                    self.plan.clear();
                }
                Action::Headers(response_headers(self.endpoint.http2, status, fields), end)
            }
            Event::Data(data) => {
                // The end of an HTTP/1.1 message is told apart from its last byte.
                let end = self.endpoint.http2 && self.end_follows();
                if end {
                    self.plan.clear();
                }
                Action::Data(data, end)
            }
            Event::Trailers(trailers) if self.endpoint.http2 => {
                self.plan.clear();
                Action::Trailers(trailers.into_iter().collect())
            }
            // In HTTP/1.1 a proxy drops trailers unless it was told to pass them on.
            Event::Trailers(_) => {
                self.plan.clear();
                Action::Data(Bytes::new(), true)
            }
            Event::End => Action::Data(Bytes::new(), true),
            Event::Reset if self.endpoint.http2 => Action::Reset(UpstreamReset::RemoteReset),
            Event::Reset | Event::Close => Action::Reset(self.broken_connection()),
            Event::Echo => {
                self.echoes = true;
                return None;
            }
        })
    }

    /// A connection that closes in the middle of an HTTP/1.1 message leaves a broken message.
    fn broken_connection(&self) -> UpstreamReset {
        if self.has_begun && !self.endpoint.http2 {
            UpstreamReset::ProtocolError
        } else {
            UpstreamReset::ConnectionTermination
        }
    }

    /// The end comes together with what was just said.
    fn end_follows(&self) -> bool {
        self.plan.front().is_some_and(|next| next.event == Event::End && next.after.is_zero())
    }
}

/// Response headers as the host's codec hands them over.
pub(crate) fn response_headers(http2: bool, status: u16, fields: Fields) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.append(":status", status.to_string());
    let has_length = fields.iter().any(|(name, _)| name == "content-length");
    for (name, value) in fields {
        headers.append(name, value);
    }
    let bodiless = matches!(status, 100..=199 | 204 | 304);
    if !http2 && !has_length && !bodiless {
        headers.append("transfer-encoding", "chunked");
    }
    headers
}

/// What one DATA frame can carry at a time.
fn frames(event: TimedEvent) -> Vec<TimedEvent> {
    const MOST: usize = 16_384;
    let TimedEvent { mut after, event: Event::Data(mut rest) } = event else { return vec![event] };
    let mut frames = Vec::new();
    while rest.len() > MOST {
        let event = Event::Data(rest.split_to(MOST));
        frames.push(TimedEvent { after: std::mem::take(&mut after), event });
    }
    frames.push(TimedEvent { after, event: Event::Data(rest) });
    frames
}

#[cfg(test)]
mod tests;
