//! The body of a request, kept as long as another attempt may need it.

use bytes::Bytes;

/// What has come of a body.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pieces: Vec<Bytes>,
    length: usize,
}

impl Kept {
    pub(super) fn push(&mut self, piece: Bytes) {
        self.length += piece.len();
        self.pieces.push(piece);
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Something came, were it of no bytes.
    pub(super) fn has_begun(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// All of it in one piece, as a later attempt sends it.
    pub(super) fn whole(&self) -> Bytes {
        self.pieces.concat().into()
    }
}
