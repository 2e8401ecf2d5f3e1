//! The estimate for text that comes a few bytes at a time, and may have to be taken back.
//!
//! A stream has a thousand deltas of five bytes each. To count features in each would cost more than
//! to read it, and the counters of an [`Estimator`](super::Estimator) take more memory than all else
//! that is kept of an answer. So deltas are collected, and when the room is full their features are
//! counted at once and only the weighted sum is kept. The result is that of the estimator, which
//! sums up in another order.
//!
//! What was added last can be taken back until it is kept for good: an event is told while it is
//! read, and may turn out to be broken.

use super::counter::Counter;
use super::lookup::BEFORE;
use super::{CALL_TOKENS, error_percent};
use crate::count::{TokenCount, TokenSource};

/// So many bytes are collected.
const ROOM: usize = 128;

/// Between texts. They are in no feature's set themselves.
const BLANKS: [u8; BEFORE] = [b' '; BEFORE];

/// Text in small pieces.
#[derive(Clone, Debug)]
pub(crate) struct Deltas {
    /// What was kept and counted.
    kept: Sum,
    /// The same with what was added since; only if some of that was counted.
    added: Option<Sum>,
    room: [u8; ROOM],
    /// So much of the room holds what was kept, and so much holds anything.
    kept_bytes: usize,
    bytes: usize,
    /// Tokens that do not come from text: kept ones, and those added since.
    frame: u64,
    added_frame: u64,
}

/// Text that was counted.
#[derive(Clone, Copy, Debug)]
struct Sum {
    millitokens: i64,
    last: [u8; BEFORE],
}

impl Sum {
    fn and(self, text: &[u8]) -> Self {
        if text.is_empty() {
            return self;
        }
        let mut counter = Counter::after(self.last);
        counter.feed(text);
        let here = counter.features().millitokens();
        Self { millitokens: self.millitokens.wrapping_add(here), last: counter.last() }
    }
}

impl Default for Deltas {
    fn default() -> Self {
        Self {
            kept: Sum { millitokens: 0, last: BLANKS },
            added: None,
            room: [0; ROOM],
            kept_bytes: 0,
            bytes: 0,
            frame: 0,
            added_frame: 0,
        }
    }
}

impl Deltas {
    /// Adds text that goes on where the last has ended.
    pub(crate) fn push(&mut self, text: &[u8]) {
        let end = self.bytes.saturating_add(text.len());
        if let Some(place) = self.room.get_mut(self.bytes..end) {
            place.copy_from_slice(text);
            self.bytes = end;
            return;
        }
        self.make_room();
        match self.room.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text);
                self.bytes = text.len();
            }
            None => self.added = self.added.map(|added| added.and(text)),
        }
    }

    /// What comes next is another text.
    pub(crate) fn end(&mut self) {
        self.push(&BLANKS);
    }

    /// A call of a tool begins.
    pub(crate) fn call(&mut self) {
        self.added_frame = self.added_frame.saturating_add(CALL_TOKENS);
    }

    /// What was added stays.
    pub(crate) fn keep(&mut self) {
        if let Some(added) = self.added.take() {
            self.kept = added;
        }
        self.kept_bytes = self.bytes;
        self.frame = self.frame.saturating_add(std::mem::take(&mut self.added_frame));
    }

    /// What was added since the last [`keep`](Self::keep) is no more.
    pub(crate) fn take_back(&mut self) {
        self.added = None;
        self.bytes = self.kept_bytes;
        self.added_frame = 0;
    }

    /// The estimate of what was kept.
    pub(crate) fn count(&self) -> TokenCount {
        let kept = self.room.get(..self.kept_bytes).unwrap_or_default();
        let millitokens = self.kept.and(kept).millitokens.max(0).cast_unsigned();
        let tokens = self.frame.saturating_add(millitokens.saturating_add(500) / 1000);
        let error_percent = error_percent(tokens);
        TokenCount { tokens, error_percent, source: TokenSource::Estimated }
    }

    /// Counts what is in the room.
    fn make_room(&mut self) {
        let all = self.room.get(..self.bytes).unwrap_or_default();
        let (kept, added) = all.split_at_checked(self.kept_bytes).unwrap_or_default();
        self.kept = self.kept.and(kept);
        self.added = Some(self.added.unwrap_or(self.kept).and(added));
        self.kept_bytes = 0;
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Estimator, Piece, TextSink};

    /// Words, blanks, punctuation, other scripts and escapes, the same each time.
    fn text(seed: u32, length: usize) -> Vec<u8> {
        let parts = ["wor", "d", " the", "  ", ", ", "42", "\\n", "\\u00e9", "é", "中文", "{\\\""];
        let mut state = seed;
        let mut text = String::new();
        while text.len() < length {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push_str(parts[(state >> 16) as usize % parts.len()]);
        }
        text.into_bytes()
    }

    #[test]
    fn the_estimate_is_that_of_the_estimator_for_pieces_of_any_size() {
        for size in (1..40).chain([127, 128, 129, 300]) {
            let mut deltas = Deltas::default();
            let mut estimator = Estimator::default();
            for seed in 0..4 {
                let text = text(seed, 700);
                estimator.open(Piece::Text);
                for piece in text.chunks(size) {
                    estimator.text(piece);
                    deltas.push(piece);
                    if piece[0] % 3 != 0 {
                        deltas.keep();
                    }
                }
                estimator.close();
                deltas.end();
                deltas.keep();
                assert_eq!(deltas.count(), estimator.count(), "pieces of {size}, text {seed}");
            }
        }
    }

    #[test]
    fn what_is_taken_back_leaves_no_trace() {
        for length in [1, 60, 127, 128, 129, 500] {
            for kept in [0, 1, 50, 127, 128, 200] {
                let (mut with, mut without) = (Deltas::default(), Deltas::default());
                for deltas in [&mut with, &mut without] {
                    text(1, kept).chunks(7).for_each(|piece| deltas.push(piece));
                    deltas.keep();
                }
                with.call();
                text(2, length).chunks(9).for_each(|piece| with.push(piece));
                assert_eq!(with.count(), without.count(), "not kept: {kept} and {length}");
                with.take_back();
                for deltas in [&mut with, &mut without] {
                    deltas.push(&text(3, 90));
                    deltas.keep();
                }
                assert_eq!(with.count(), without.count(), "taken back: {kept} and {length}");
            }
        }
    }
}
