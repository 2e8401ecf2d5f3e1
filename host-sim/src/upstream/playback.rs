//! Plays a plan as a response body.
//!
//! The body asks the connection to close by a [`Notify`]: hyper flushes what it was given before it
//! polls a pending body again, so that everything before a `Close` is on the wire by then.
//!
//! What is said without a gap is handed over in the same poll, and so leaves in one write: a timer, also one
//! of no time at all, fires up to a millisecond later. A cut waits for that, or hyper would drop what it has
//! not flushed.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::{sync::Notify, time::Sleep};

use super::plan::{Event, TimedEvent};
use crate::fields::to_http;

/// What is left of a plan once its headers are sent.
pub(super) struct Playback {
    events: VecDeque<TimedEvent>,
    /// Until the next event; none when it follows at once.
    sleep: Option<Pin<Box<Sleep>>>,
    kill: Arc<Notify>,
    /// Counts the stream as open until the body is dropped.
    _open: OpenStream,
}

/// Held while a stream is open; see [`super::UpstreamServer::open_streams`].
pub(super) struct OpenStream(pub(super) Arc<std::sync::atomic::AtomicUsize>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
    }
}

/// A scripted reset. With HTTP/1.1 hyper then closes the connection, with HTTP/2 it resets the stream.
#[derive(Debug, thiserror::Error)]
#[error("scripted reset")]
pub(super) struct ScriptedReset;

impl Playback {
    pub(super) fn new(events: VecDeque<TimedEvent>, kill: Arc<Notify>, open: OpenStream) -> Self {
        let mut playback = Self { events, sleep: None, kill, _open: open };
        playback.wait();
        playback
    }

    fn finish_event(&mut self) -> Option<Event> {
        let played = self.events.pop_front()?;
        self.wait();
        Some(played.event)
    }

    /// From now on, not from the planned instant: a slow reader must not get a burst.
    fn wait(&mut self) {
        let waits = |next: &&TimedEvent| {
            !next.after.is_zero() || matches!(next.event, Event::Reset | Event::Close)
        };
        let next = self.events.front().filter(waits);
        self.sleep = next.map(|next| Box::pin(tokio::time::sleep(next.after)));
    }
}

impl Body for Playback {
    type Data = Bytes;
    type Error = ScriptedReset;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ScriptedReset>>> {
        let this = self.get_mut();
        if this.events.is_empty() {
            // The plan has no end: the server has fallen silent.
            return Poll::Pending;
        }
        if let Some(sleep) = &mut this.sleep {
            std::task::ready!(sleep.as_mut().poll(context));
        }
        match this.finish_event() {
            Some(Event::Data(bytes)) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(Event::Trailers(fields)) => Poll::Ready(Some(Ok(Frame::trailers(to_http(
                fields.iter().map(|(name, value)| (name, value)),
            ))))),
            Some(Event::Reset) => Poll::Ready(Some(Err(ScriptedReset))),
            Some(Event::Close) => {
                this.kill.notify_one();
                Poll::Pending
            }
            Some(Event::End) | None => Poll::Ready(None),
            // Headers were sent before, and a tunnel has no body.
            Some(Event::Headers { .. } | Event::Echo) => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.events.front(), Some(TimedEvent { after, event: Event::End }) if after.is_zero())
    }
}
