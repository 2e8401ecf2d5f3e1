//! A request body whose pieces leave at given times, each in a write of its own; trailers leave with the last.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame as HttpFrame, SizeHint};
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, Sleep},
};

/// A piece of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When it leaves, after the headers.
    pub at: Duration,
    /// The bytes.
    pub data: Bytes,
}

/// When a waiting body may leave: on the notification, or after this time at the latest.
pub(super) struct Gate {
    pub(super) opened: Arc<Notify>,
    pub(super) at_latest: Option<Duration>,
}

/// The client does not go on. As the end of a body that is still being sent it makes hyper reset an HTTP/2
/// stream: a response that is merely dropped does not, as long as its request goes on.
#[derive(Debug, thiserror::Error)]
#[error("the client has ended the request")]
pub(super) struct Abandoned;

/// The frames, played.
pub(super) struct TimedBody {
    frames: VecDeque<Frame>,
    trailers: Option<HeaderMap>,
    announced: Option<u64>,
    separate_end: bool,
    waiting: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    abandoned: Option<oneshot::Receiver<()>>,
    started: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Between two frames the connection gets a turn to flush the first.
    flushing: bool,
}

impl TimedBody {
    pub(super) fn new(frames: Vec<Frame>, announced: Option<u64>) -> Self {
        Self {
            frames: frames.into(),
            trailers: None,
            announced,
            separate_end: false,
            waiting: None,
            abandoned: None,
            started: None,
            sleep: None,
            flushing: false,
        }
    }

    pub(super) fn with_trailers(self, trailers: HeaderMap) -> Self {
        Self { trailers: (!trailers.is_empty()).then_some(trailers), ..self }
    }

    /// The end does not ride on the last frame.
    pub(super) fn with_separate_end(self, separate_end: bool) -> Self {
        Self { separate_end, ..self }
    }

    /// The body breaks off when this is told, or nobody can tell it any more.
    pub(super) fn until(self, abandoned: oneshot::Receiver<()>) -> Self {
        Self { abandoned: Some(abandoned), ..self }
    }

    pub(super) fn waiting_for(self, gate: Gate) -> Self {
        let waiting = async move {
            match gate.at_latest {
                Some(limit) => {
                    // Which of the two it was makes no difference.
                    let _ = tokio::time::timeout(limit, gate.opened.notified()).await;
                }
                None => gate.opened.notified().await,
            }
        };
        Self { waiting: Some(Box::pin(waiting)), ..self }
    }
}

impl TimedBody {
    fn is_over(&self) -> bool {
        self.frames.is_empty() && self.trailers.is_none()
    }
}

impl Body for TimedBody {
    type Data = Bytes;
    type Error = Abandoned;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<HttpFrame<Bytes>, Abandoned>>> {
        let this = self.get_mut();
        if let Some(abandoned) = &mut this.abandoned
            && Pin::new(abandoned).poll(context).is_ready()
        {
            this.abandoned = None;
            return Poll::Ready(Some(Err(Abandoned)));
        }
        if let Some(waiting) = &mut this.waiting {
            std::task::ready!(waiting.as_mut().poll(context));
            this.waiting = None;
        }
        if std::mem::take(&mut this.flushing) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let started = *this.started.get_or_insert_with(Instant::now);
        let Some(next) = this.frames.front() else {
            return Poll::Ready(this.trailers.take().map(|fields| Ok(HttpFrame::trailers(fields))));
        };
        let due = started + next.at;
        if due > Instant::now() {
            let sleep = this.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
            std::task::ready!(sleep.as_mut().poll(context));
        }
        this.sleep = None;
        let frame = this.frames.pop_front();
        this.flushing = !this.frames.is_empty() || this.separate_end;
        if frame.as_ref().is_some_and(|frame| frame.data.is_empty()) && this.is_over() {
            // The end itself is an empty frame.
            return Poll::Ready(None);
        }
        Poll::Ready(frame.map(|frame| Ok(HttpFrame::data(frame.data))))
    }

    fn is_end_stream(&self) -> bool {
        // Asked before the first frame and after each one; only the answer after the last one may be yes.
        let sent = self.started.is_some() || self.waiting.is_none();
        self.is_over() && !(self.separate_end && sent)
    }

    fn size_hint(&self) -> SizeHint {
        self.announced.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
