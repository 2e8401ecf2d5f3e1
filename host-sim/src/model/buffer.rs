//! Body bytes as Envoy holds them: a list of slices that moves without copying.
//!
//! A 600 kB body that piles up at a paused filter arrives in forty frames; joining them on each
//! frame would make the pile quadratic, so frames stay slices until somebody reads across them.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::abi::Status;

/// A queue of byte slices.
#[derive(Clone, Debug, Default)]
pub struct Buffer {
    slices: VecDeque<Bytes>,
    len: usize,
}

impl Buffer {
    /// The number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds bytes at the end.
    pub fn append(&mut self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        if !bytes.is_empty() {
            self.len += bytes.len();
            self.slices.push_back(bytes);
        }
    }

    /// Adds bytes in front.
    pub fn prepend(&mut self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        if !bytes.is_empty() {
            self.len += bytes.len();
            self.slices.push_front(bytes);
        }
    }

    /// Takes everything out of `other` and adds it at the end.
    pub fn take_from(&mut self, other: &mut Self) {
        self.len += std::mem::take(&mut other.len);
        self.slices.append(&mut other.slices);
    }

    /// Removes the first `count` bytes, or all if there are fewer.
    pub fn drain(&mut self, count: usize) {
        let mut left = count.min(self.len);
        self.len -= left;
        while left > 0 {
            let Some(first) = self.slices.front_mut() else { break };
            if first.len() > left {
                drop(first.split_to(left));
                break;
            }
            left -= first.len();
            self.slices.pop_front();
        }
    }

    /// A copy of at most `max` bytes from `start`.
    #[must_use]
    pub fn copy(&self, start: usize, max: usize) -> Vec<u8> {
        let start = start.min(self.len);
        let mut wanted = max.min(self.len - start);
        let mut out = Vec::with_capacity(wanted);
        // A filter that waits reads what came last: the slice is looked for from the nearer end.
        let (mut first, mut before) = (0, 0);
        if start > self.len / 2 {
            (first, before) = (self.slices.len(), self.len);
            for slice in self.slices.iter().rev() {
                if before <= start {
                    break;
                }
                (first, before) = (first - 1, before - slice.len());
            }
        }
        let mut skip = start - before;
        for slice in self.slices.range(first..) {
            if wanted == 0 {
                break;
            }
            let tail = slice.get(skip..).unwrap_or_default();
            skip = skip.saturating_sub(slice.len());
            let part = tail.get(..wanted).unwrap_or(tail);
            out.extend_from_slice(part);
            wanted -= part.len();
        }
        out
    }

    /// All bytes as one slice, and leaves the buffer empty.
    #[must_use]
    pub fn take_all(&mut self) -> Bytes {
        self.len = 0;
        match self.slices.len() {
            0 => Bytes::new(),
            1 => self.slices.pop_front().unwrap_or_default(),
            _ => {
                let joined: Vec<u8> =
                    self.slices.iter().flat_map(|slice| slice.iter().copied()).collect();
                self.slices.clear();
                joined.into()
            }
        }
    }

    /// What `proxy_set_buffer_bytes` does: from 0, replaces the first `len` bytes; from the end or
    /// beyond, appends.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a place inside: Envoy can only work on the two ends of a buffer.
    pub fn set(&mut self, start: usize, len: usize, data: &[u8]) -> Result<(), Status> {
        if start == 0 {
            if len != 0 {
                self.drain(len);
            }
            self.prepend(data.to_vec());
            Ok(())
        } else if start >= self.len {
            self.append(data.to_vec());
            Ok(())
        } else {
            Err(Status::BadArgument)
        }
    }
}

impl From<Bytes> for Buffer {
    fn from(bytes: Bytes) -> Self {
        let mut buffer = Self::default();
        buffer.append(bytes);
        buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(parts: &[&'static str]) -> Buffer {
        let mut buffer = Buffer::default();
        for part in parts {
            buffer.append(Bytes::from_static(part.as_bytes()));
        }
        buffer
    }

    #[test]
    fn copies_across_slices_and_clamps() {
        let buffer = pieces(&["abc", "de", "fgh"]);
        assert_eq!(buffer.copy(2, 4), b"cdef");
        assert_eq!(buffer.copy(3, 2), b"de");
        assert_eq!(buffer.copy(7, 100), b"h");
        assert_eq!(buffer.copy(8, 1), b"");
        assert_eq!(buffer.copy(99, 1), b"");
    }

    #[test]
    fn drains_through_slices() {
        let mut buffer = pieces(&["abc", "de"]);
        buffer.drain(4);
        assert_eq!((buffer.len(), buffer.copy(0, 9)), (1, b"e".to_vec()));
        buffer.drain(100);
        assert!(buffer.is_empty());
    }

    #[test]
    fn sets_at_the_ends_only() {
        let refused = Err(Status::BadArgument);
        for (start, len, result, left) in [
            (0, 0, Ok(()), "XYabcde"),
            (0, 2, Ok(()), "XYcde"),
            (0, 9999, Ok(()), "XY"),
            (5, 0, Ok(()), "abcdeXY"),
            (99, 7, Ok(()), "abcdeXY"),
            (1, 2, refused, "abcde"),
        ] {
            let mut buffer = pieces(&["abc", "de"]);
            assert_eq!(buffer.set(start, len, b"XY"), result, "{start},{len}");
            assert_eq!(buffer.copy(0, 99), left.as_bytes(), "{start},{len}");
        }
    }

    #[test]
    fn taking_all_empties() {
        let mut buffer = pieces(&["abc", "de"]);
        assert_eq!(buffer.take_all(), Bytes::from_static(b"abcde"));
        assert!(buffer.is_empty() && buffer.take_all().is_empty());
    }
}
