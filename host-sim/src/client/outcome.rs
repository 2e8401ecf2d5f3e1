//! What came back, and how it ended.

use std::{error::Error, io, time::Duration};

use bytes::Bytes;

use crate::fields::{self, Fields};

/// How an exchange ended, seen from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The response arrived with its end.
    Complete,
    /// The stream was reset, or the connection closed before the response's headers.
    Reset,
    /// The connection closed in the middle of the response.
    Truncated,
    /// The client gave up because it was told to.
    ClientReset,
    /// The client waited as long as it was told to.
    GaveUp,
    /// There was no connection.
    NotConnected,
}

/// The record of one exchange.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Status codes of interim responses.
    pub interim: Vec<u16>,
    /// The status code; `None` when no response headers arrived.
    pub status: Option<u16>,
    /// Header fields without pseudo headers.
    pub headers: Fields,
    /// The body as far as it arrived, or what came back through a tunnel.
    pub body: Bytes,
    /// Trailers.
    pub trailers: Fields,
    /// When each piece of the body arrived, from the start, and how much of the body was there then.
    pub arrivals: Vec<(Duration, usize)>,
    /// From the start to the response headers.
    pub headers_after: Option<Duration>,
    /// From the start to the end.
    pub took: Duration,
    /// The client's port, if there was a connection.
    pub port: Option<u16>,
    /// How it ended.
    pub ending: Ending,
    /// What the HTTP library said about an end that was none.
    pub detail: String,
}

impl Outcome {
    pub(super) fn new() -> Self {
        Self {
            interim: Vec::new(),
            status: None,
            headers: Fields::new(),
            body: Bytes::new(),
            trailers: Fields::new(),
            arrivals: Vec::new(),
            port: None,
            headers_after: None,
            took: Duration::ZERO,
            ending: Ending::Complete,
            detail: String::new(),
        }
    }

    /// The first value of a response header as text, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        fields::value(&self.headers, name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// From the start to the first byte of the body.
    #[must_use]
    pub fn first_byte_after(&self) -> Option<Duration> {
        self.arrivals.first().map(|(at, _)| *at)
    }

    /// Records an end that was none.
    pub(super) fn broken(&mut self, error: &(dyn Error + 'static)) {
        let closed = io_kind(error).is_none_or(|kind| kind == io::ErrorKind::UnexpectedEof);
        let in_http1_body = self.status.is_some() && !is_stream_error(error);
        self.ending = if closed && in_http1_body { Ending::Truncated } else { Ending::Reset };
        self.detail = chain(error);
    }
}

/// The error and its causes, each level's own words.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    causes(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind)
}

/// Whether HTTP/2 says it. Its errors have no name outside of the `h2` crate, but their texts begin alike.
fn is_stream_error(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(|cause| {
        let text = cause.to_string();
        text.starts_with("stream error") || text.starts_with("connection error")
    })
}
