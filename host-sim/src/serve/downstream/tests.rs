//! What the engine hears of a body, with bodies that end in every way one can: on sockets the moment of
//! a reset decides who notices it first.

use std::convert::Infallible;

use super::*;

/// A body of one piece, and how it ends.
struct Ending {
    piece: Option<Bytes>,
    /// Whether the end was said, or the frames just stop, as those of a stream do that was reset.
    said: bool,
}

impl Body for Ending {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.get_mut().piece.take().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.said && self.piece.is_none()
    }
}

/// A stream's number; only the engine makes them otherwise.
const STREAM: StreamId = StreamId(0);

/// What the engine is told of the body, in words.
async fn told(piece: Option<&'static [u8]>, said: bool, http2: bool) -> Vec<&'static str> {
    let (inputs, mut receiver) = mpsc::unbounded_channel();
    let (_reading, reads) = watch::channel(true);
    let body = Ending { piece: piece.map(Bytes::from_static), said };
    read_request(body, (STREAM, http2), inputs, reads, Backlog::default()).await;
    let mut told = Vec::new();
    while let Some(input) = receiver.recv().await {
        told.push(match input {
            Input::RequestData { end: true, .. } => "the end",
            Input::RequestData { end: false, .. } => "a piece",
            Input::ClientGone { .. } => "the client is gone",
            _ => "something else",
        });
    }
    told
}

#[tokio::test]
async fn frames_that_just_stop_are_a_reset_over_http2_and_an_end_over_http1() {
    assert_eq!(told(Some(b"abc"), false, true).await, ["a piece", "the client is gone"]);
    assert_eq!(told(None, false, true).await, ["the client is gone"]);
    assert_eq!(told(Some(b"abc"), false, false).await, ["a piece", "the end"]);
}

#[tokio::test]
async fn an_end_that_was_said_is_one() {
    for http2 in [true, false] {
        assert_eq!(told(Some(b"abc"), true, http2).await, ["the end"]);
        assert_eq!(told(None, true, http2).await, ["the end"]);
    }
}

#[tokio::test]
async fn a_stream_that_is_dropped_is_reported_once_and_read_no_further() {
    for ended in [false, true] {
        let (inputs, mut receiver) = mpsc::unbounded_channel();
        let reader = tokio::spawn(std::future::pending::<()>());
        let guard = Guard { inputs, stream: STREAM, ended, reader: Some(reader.abort_handle()) };
        drop(guard);
        assert!(reader.await.unwrap_err().is_cancelled());
        let gone = matches!(receiver.recv().await, Some(Input::ClientGone { stream: STREAM }));
        assert_eq!(gone, !ended);
    }
}
