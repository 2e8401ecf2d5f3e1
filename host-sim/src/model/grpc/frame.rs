//! gRPC's frames: a flag, a length, a message.

use bytes::{BufMut, Bytes, BytesMut};

/// What stands before a message: one byte of flags and four of length.
const HEAD: usize = 5;

/// A message as it is sent.
pub(super) fn encode(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(HEAD + message.len());
    frame.put_u8(0);
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// Bytes that may end in the middle of a frame.
#[derive(Debug, Default)]
pub(super) struct Decoder(BytesMut);

/// The frame has a flag that nobody asked for, as that of a compressed message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Flagged;

impl Decoder {
    pub(super) fn push(&mut self, data: &[u8]) {
        self.0.extend_from_slice(data);
    }

    /// The next whole message.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Flagged> {
        let Some((flags, rest)) = self.0.split_first() else { return Ok(None) };
        let Some(length) = rest.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length) as usize;
        if *flags != 0 && (length > 0 || *flags != 1) {
            return Err(Flagged);
        }
        if self.0.len() < HEAD + length {
            return Ok(None);
        }
        let mut frame = self.0.split_to(HEAD + length);
        Ok(Some(frame.split_off(HEAD).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_whole_however_they_were_cut() {
        let bytes = [encode(b"hi"), encode(b""), encode(b"you")].concat();
        let mut decoder = Decoder::default();
        let mut messages = Vec::new();
        for byte in bytes {
            decoder.push(&[byte]);
            messages.extend(decoder.next().unwrap());
        }
        assert_eq!(messages, [&b"hi"[..], b"", b"you"]);
        assert_eq!(decoder.next(), Ok(None));
    }

    #[test]
    fn a_compressed_message_is_not_read() {
        let mut decoder = Decoder::default();
        decoder.push(b"\x01\0\0\0\x02hi");
        assert_eq!(decoder.next(), Err(Flagged));
    }
}
