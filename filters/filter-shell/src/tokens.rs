//! Which of the ways to count a request's tokens is taken.
//!
//! Every prompt is estimated while it streams by, because that costs next to nothing. Where the
//! model's vocabulary is in this build, the tokens can be counted exactly as well, at a fiftieth of
//! the speed. A body that waits here (`knob`) is read a second time, and only if the decision
//! depends on the count: a prompt has no more tokens than bytes, which settles most requests. A
//! body that goes on to the gate cannot be read again, so there it is counted at once.

mod lease;

use std::rc::Rc;

use llm_wire::{Estimator, Mark, Piece, TextSink, TokenCount};

use crate::metrics::Counter;
pub(crate) use lease::{Lease, Vocabularies};

/// Counts a prompt while it streams by.
#[derive(Debug)]
pub(crate) struct Tokens {
    estimator: Estimator,
    /// Only where the body cannot be read again.
    vocabularies: Option<(Rc<Vocabularies>, Counter)>,
    exact: Option<Lease>,
    /// An upper bound of the tokens: a token has a byte at least, and stands for one of the body,
    /// even U+FFFD for a byte that is no UTF-8; and more than any frame costs.
    at_most: u64,
}

/// More than a message, a part or a call costs besides its text.
const FRAME_AT_MOST: u64 = 8;

impl Tokens {
    /// An estimator; and a counter as soon as a model is named that has a vocabulary here.
    pub(crate) fn new(vocabularies: Option<(Rc<Vocabularies>, Counter)>) -> Self {
        Self { estimator: Estimator::default(), vocabularies, exact: None, at_most: FRAME_AT_MOST }
    }

    /// A number that the exact count does not exceed.
    pub(crate) fn at_most(&self) -> u64 {
        self.at_most
    }

    /// Whether the count is exact, or meant to be.
    pub(crate) fn is_exact(&self) -> bool {
        self.exact.is_some()
    }
}

impl TextSink for Tokens {
    fn model(&mut self, name: &str) {
        let Some((vocabularies, limit_hits)) = &self.vocabularies else { return };
        // Text that came before the name was not counted.
        let nothing_yet = self.at_most == FRAME_AT_MOST;
        self.exact =
            nothing_yet.then(|| Vocabularies::lend(vocabularies, name, *limit_hits)).flatten();
    }

    fn mark(&mut self, mark: Mark) {
        self.estimator.mark(mark);
        if let Some(exact) = &mut self.exact {
            exact.mark(mark);
        }
        let image = if mark == Mark::Image { llm_wire::IMAGE_TOKENS } else { 0 };
        self.at_most = self.at_most.saturating_add(FRAME_AT_MOST).saturating_add(image);
    }

    fn open(&mut self, piece: Piece) {
        self.estimator.open(piece);
        if let Some(exact) = &mut self.exact {
            exact.open(piece);
        }
        self.at_most = self.at_most.saturating_add(FRAME_AT_MOST);
    }

    #[inline]
    fn text(&mut self, bytes: &[u8]) {
        self.estimator.text(bytes);
        if let Some(exact) = &mut self.exact {
            exact.text(bytes);
        }
        let bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.at_most = self.at_most.saturating_add(bytes);
    }

    fn close(&mut self) {
        self.estimator.close();
        if let Some(exact) = &mut self.exact {
            exact.close();
        }
    }

    fn count(&self) -> TokenCount {
        match &self.exact {
            Some(exact) => exact.count(),
            None => self.estimator.count(),
        }
    }
}
