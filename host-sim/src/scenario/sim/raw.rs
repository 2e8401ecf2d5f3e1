//! A raw request: what the host's codecs read out of its bytes.
//!
//! # Limits
//! A chunked body is read leniently where Envoy does: what stands behind a chunk's bytes up to the end of
//! the line is passed over.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::fields::ask_upgrade;
use crate::host::Protocol;
use crate::model::HeaderMap;
use crate::model::hcm::{Malformed, check_http2, read_http1};
use crate::scenario::step::{Frame, Http, Raw, Request};

/// What has come of it.
pub(super) struct Read {
    pub(super) protocol: Protocol,
    /// The headers, and whether they are all.
    pub(super) head: Result<(HeaderMap, bool), Malformed>,
    /// The body of HTTP/1; none: it is what the request says.
    pub(super) body: Option<Body>,
}

/// A body out of HTTP/1's framing.
#[derive(Default)]
pub(super) struct Body {
    pub(super) frames: VecDeque<Frame>,
    pub(super) trailers: Option<HeaderMap>,
    /// Behind the frames comes what cannot be read.
    pub(super) breaks: bool,
    /// So many bytes stand behind the request's end.
    pub(super) left: usize,
}

pub(super) fn read(request: &Request, raw: &Raw, number: usize) -> Read {
    if request.http == Http::V2 {
        let fields = raw.fields(number);
        let list: Vec<_> = fields.iter().map(|(name, value)| (&name[..], &value[..])).collect();
        let end = request.body.is_none();
        let sound = check_http2(&list, end, true);
        let head = sound.map(|()| (fields.into_iter().collect(), end));
        return Read { protocol: Protocol::Http2, head, body: None };
    }
    let body = Some(Body::default());
    match read_http1(&raw.head(number)) {
        Err(malformed) => Read { protocol: Protocol::Http11, head: Err(malformed), body },
        Ok(head) => {
            let protocol = if head.old { Protocol::Http10 } else { Protocol::Http11 };
            let sent = request.body.clone().unwrap_or_default();
            let upgrades =
                ask_upgrade(head.headers.iter().map(|(name, value)| (&name[..], &value[..])));
            let tunnel = request.method == "CONNECT" || upgrades;
            let chunked = head.headers.text("transfer-encoding").is_some();
            let length = head.headers.text("content-length").and_then(|text| text.parse().ok());
            let body = match length {
                _ if chunked => chunks(sent),
                Some(length) if length > 0 => measured(sent, length),
                // A length that is none is refused with its head.
                None if head.headers.contains(b"content-length") => Body::default(),
                _ if tunnel => Body::default(),
                _ => Body { left: sent.len(), ..Body::default() },
            };
            let end = !chunked && length.unwrap_or(0) == 0 && !tunnel;
            Read { protocol, head: Ok((head.headers, end)), body: Some(body) }
        }
    }
}

fn frame(data: Bytes, end: bool) -> VecDeque<Frame> {
    [Frame { at: Duration::ZERO, data, end }].into()
}

fn measured(mut sent: Bytes, length: usize) -> Body {
    let left = sent.len().saturating_sub(length);
    sent.truncate(length);
    let end = sent.len() == length;
    Body { frames: frame(sent, end), left, ..Body::default() }
}

fn chunks(mut sent: Bytes) -> Body {
    let mut whole = BytesMut::new();
    let broken = |whole: BytesMut| {
        let frames = if whole.is_empty() { VecDeque::new() } else { frame(whole.freeze(), false) };
        Body { frames, breaks: true, ..Body::default() }
    };
    while let Some(line) = take_line(&mut sent) {
        let size = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let size =
            std::str::from_utf8(size).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
        match size {
            None => return broken(whole),
            Some(0) => {
                let trailers: HeaderMap = std::iter::from_fn(|| take_line(&mut sent))
                    .take_while(|line| !line.is_empty())
                    .filter_map(|line| {
                        let colon = line.iter().position(|byte| *byte == b':')?;
                        let value = line.get(colon + 1..)?.trim_ascii();
                        Some((line.slice(..colon), line.slice_ref(value)))
                    })
                    .collect();
                let (frames, trailers) = match trailers.is_empty() {
                    true => (frame(whole.freeze(), true), None),
                    false if whole.is_empty() => (VecDeque::new(), Some(trailers)),
                    false => (frame(whole.freeze(), false), Some(trailers)),
                };
                return Body { frames, trailers, breaks: false, left: sent.len() };
            }
            Some(size) => {
                whole.extend_from_slice(&sent.split_to(size.min(sent.len())));
                take_line(&mut sent);
            }
        }
    }
    Body { frames: frame(whole.freeze(), false), ..Body::default() }
}

/// The next line without its end.
fn take_line(sent: &mut Bytes) -> Option<Bytes> {
    let end = sent.iter().position(|byte| *byte == b'\n')?;
    let mut line = sent.split_to(end + 1);
    line.truncate(end);
    if line.ends_with(b"\r") {
        line.truncate(end - 1);
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_become_one_piece_with_its_end_its_trailers_or_its_break() {
        let read = |text: &'static str| {
            let body = chunks(Bytes::from_static(text.as_bytes()));
            let first = body.frames.front().map(|frame| (frame.data.clone(), frame.end));
            (first, body.trailers.map(|trailers| trailers.len()), body.breaks)
        };
        let some = |text: &'static str, end| Some((Bytes::from_static(text.as_bytes()), end));
        assert_eq!(
            read("3;x=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
            (some("abcde", true), None, false)
        );
        assert_eq!(read("3\r\nabc\r\n0\r\nx: y\r\n\r\n"), (some("abc", false), Some(1), false));
        assert_eq!(read("3\r\nabc\r\nzz\r\n"), (some("abc", false), None, true));
        assert_eq!(read("zz\r\n"), (None, None, true));
        assert_eq!(read("3\r\nab"), (some("ab", false), None, false));
    }
}
