//! A request as it was written down, whatever the HTTP library would make of it.
//!
//! The library still makes the connection, a request in the place of the written one, and reads the answer;
//! on the way to the socket the head that it writes is exchanged for ours. That is less than a client of
//! our own, and an answer is read as always.
//!
//! The library also sends the headers of HTTP/2 before it asks for a body. A body that is there at once has
//! to arrive with them, or it is chance whether a proxy has a connection to a server when the body comes; so
//! what is written before the body waits for it.
//!
//! # Limits
//! One request a connection. Over HTTP/2 the body's frames are the library's.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use crate::fields::Fields;

/// What is sent in the place of the library's head.
#[derive(Debug, Clone)]
pub enum Raw {
    /// HTTP/1: all bytes of the request.
    Http1(Bytes),
    /// HTTP/2: the fields, pseudo headers among them.
    Http2(Fields),
}

/// A socket that exchanges what is written to it.
pub(super) struct Exchanging {
    socket: TcpStream,
    how: How,
    /// Nothing leaves before the first bytes of an HTTP/2 body.
    waits_for_body: bool,
    /// Exchanged, and not yet on the socket.
    out: BytesMut,
}

enum How {
    Not,
    /// These bytes, once; then nothing.
    Once(Bytes),
    /// Each `HEADERS` frame gets this block.
    Frames {
        block: Bytes,
        begun: bool,
        unread: BytesMut,
    },
}

/// Length, type, flags and stream of an HTTP/2 frame.
const FRAME_HEAD: usize = 9;
/// What an HTTP/2 client says before its first frame.
const PREFACE: usize = 24;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// The most that a frame may carry when nothing else was agreed.
const FRAME_MAX: usize = 16_384;

impl Exchanging {
    pub(super) fn new(socket: TcpStream, raw: Option<&Raw>, waits_for_body: bool) -> Self {
        let how = match raw {
            None => How::Not,
            Some(Raw::Http1(bytes)) => How::Once(bytes.clone()),
            Some(Raw::Http2(fields)) => {
                How::Frames { block: block(fields), begun: false, unread: BytesMut::new() }
            }
        };
        Self { socket, how, waits_for_body, out: BytesMut::new() }
    }

    fn exchange(&mut self, written: &[u8]) {
        match &mut self.how {
            How::Not => self.out.put_slice(written),
            How::Once(bytes) => self.out.put_slice(&std::mem::take(bytes)),
            How::Frames { block, begun, unread } => {
                unread.put_slice(written);
                if !*begun && unread.len() >= PREFACE {
                    *begun = true;
                    self.out.put_slice(&unread.split_to(PREFACE));
                }
                while *begun && let Some(frame) = take_frame(unread) {
                    match frame.get(3) {
                        Some(&HEADERS) => put_headers(&mut self.out, &frame, block),
                        _ => self.out.put_slice(&frame),
                    }
                }
            }
        }
    }

    fn drain(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(context, &self.out))?;
            self.out.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Exchanging {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, into)
    }
}

impl AsyncWrite for Exchanging {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if matches!(self.how, How::Not) && !self.waits_for_body && self.out.is_empty() {
            return Pin::new(&mut self.socket).poll_write(context, bytes);
        }
        if self.waits_for_body {
            // A piece may come in several writes; the flush behind it ends the wait.
            self.exchange(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        ready!(self.drain(context))?;
        self.exchange(bytes);
        match self.drain(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            // What is left goes with the next write, or the flush.
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(bytes.len())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.waits_for_body && !begins_a_body(&self.out) {
            return Poll::Ready(Ok(()));
        }
        self.waits_for_body = false;
        ready!(self.drain(context))?;
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.drain(context))?;
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}

/// Whether there is data in what an HTTP/2 client says first.
fn begins_a_body(written: &[u8]) -> bool {
    let mut rest = written.get(PREFACE..).unwrap_or_default();
    while let [a, b, c, kind, ..] = *rest {
        if kind == DATA {
            return true;
        }
        let whole = FRAME_HEAD + u32::from_be_bytes([0, a, b, c]) as usize;
        rest = rest.get(whole..).unwrap_or_default();
    }
    false
}

fn take_frame(unread: &mut BytesMut) -> Option<BytesMut> {
    let [a, b, c] = *unread.first_chunk::<3>()?;
    let whole = FRAME_HEAD + u32::from_be_bytes([0, a, b, c]) as usize;
    (unread.len() >= whole).then(|| unread.split_to(whole))
}

/// The block in the place of the frame's own, on the same stream, which it ends if that did.
fn put_headers(out: &mut BytesMut, frame: &[u8], block: &Bytes) {
    let flags = frame.get(4).copied().unwrap_or_default() & END_STREAM;
    let stream = frame.get(5..FRAME_HEAD).unwrap_or_default();
    let pieces = block.chunks(FRAME_MAX);
    let last = pieces.len().saturating_sub(1);
    for (place, piece) in pieces.enumerate() {
        let (kind, own) = if place == 0 { (HEADERS, flags) } else { (CONTINUATION, 0) };
        let end = if place == last { END_HEADERS } else { 0 };
        out.put_uint(piece.len() as u64, 3);
        out.put_slice(&[kind, own | end]);
        out.put_slice(stream);
        out.put_slice(piece);
    }
}

/// Fields as literals that enter no table, so that the server's state stays what the library thinks it is.
fn block(fields: &Fields) -> Bytes {
    let mut block = BytesMut::new();
    for (name, value) in fields {
        block.put_u8(0);
        for text in [name, value] {
            put_length(&mut block, text.len());
            block.put_slice(text);
        }
    }
    block.freeze()
}

/// HPACK's number with seven bits in its first byte.
fn put_length(block: &mut BytesMut, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        return block.put_u8(u8::try_from(length).unwrap_or(u8::MAX));
    };
    block.put_u8(127);
    while rest >= 128 {
        block.put_u8(0x80 | u8::try_from(rest & 0x7f).unwrap_or_default());
        rest >>= 7;
    }
    block.put_u8(u8::try_from(rest).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::field;

    #[test]
    fn lengths_are_hpacks() {
        let encoded = |length| {
            let mut block = BytesMut::new();
            put_length(&mut block, length);
            block.to_vec()
        };
        assert_eq!(encoded(5), [5]);
        assert_eq!(encoded(127), [127, 0]);
        assert_eq!(encoded(1337), [127, 0xba, 0x09]);
    }

    #[test]
    fn a_body_begins_with_its_first_frame_of_data() {
        let preface = [0; PREFACE];
        let before = [0, 0, 1, HEADERS, 4, 0, 0, 0, 1, 0x82];
        let said = [&preface[..], &before].concat();
        assert!(!begins_a_body(&said[..9]) && !begins_a_body(&said));
        assert!(begins_a_body(&[&said[..], &[0, 0, 3, DATA, 0, 0, 0, 0, 1]].concat()));
    }

    #[test]
    fn a_frame_of_headers_gets_our_block_and_keeps_its_stream_and_its_end() {
        let ours = block(&vec![field(":path", "a b")]);
        let mut out = BytesMut::new();
        put_headers(&mut out, &[0, 0, 1, 1, 0x25, 0, 0, 0, 3, 0x82], &ours);
        assert_eq!(&out[..9], [0, 0, 11, 1, 5, 0, 0, 0, 3]);
        assert_eq!(&out[9..], b"\0\x05:path\x03a b");
        let long = Bytes::from(vec![0; FRAME_MAX + 1]);
        out.clear();
        put_headers(&mut out, &[0, 0, 1, 1, 0x25, 0, 0, 0, 1, 0x82], &long);
        assert_eq!(&out[..9], [0, 0x40, 0, 1, 1, 0, 0, 0, 1]);
        assert_eq!(&out[9 + FRAME_MAX..], [0, 0, 1, 9, 4, 0, 0, 0, 1, 0]);
    }
}
