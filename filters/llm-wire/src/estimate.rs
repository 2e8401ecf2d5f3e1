//! Guesses how many tokens a prompt has, from its bytes alone.
//!
//! One pass counts [`Features`] of the text, 64 bytes at a time, and a weighted sum of them is the
//! estimate. No vocabulary is needed, so it serves any model, costs a few kilobytes of code and
//! runs at gigabytes a second.

mod block;
mod features;
mod text;

pub use features::Features;
use text::TextCounter;

use crate::count::{TokenCount, TokenSource};
use crate::text::{Mark, Piece, TextSink};

/// The sink that estimates.
#[derive(Clone, Debug, Default)]
pub struct Estimator {
    counter: TextCounter,
    /// Tokens that do not come from text.
    frame: u64,
    is_counting: bool,
}

impl Estimator {
    /// What was counted until now.
    #[must_use]
    pub fn features(&self) -> &Features {
        self.counter.features()
    }
}

impl TextSink for Estimator {
    fn mark(&mut self, mark: Mark) {
        self.frame += match mark {
            Mark::Message => 4,
            Mark::Image => 765,
            Mark::Part | Mark::Prompt => 0,
            Mark::Call => 3,
            Mark::TokenId => 1,
        };
    }

    fn open(&mut self, piece: Piece) {
        self.is_counting = !matches!(piece, Piece::Image | Piece::Role);
    }

    #[inline]
    fn text(&mut self, bytes: &[u8]) {
        if self.is_counting {
            self.counter.feed(bytes);
        }
    }

    fn close(&mut self) {
        self.counter.end();
    }

    fn count(&self) -> TokenCount {
        let text = (self.features().millitokens().max(0) + 500) / 1000;
        TokenCount {
            tokens: self.frame.saturating_add(u64::try_from(text).unwrap_or(u64::MAX)),
            error_percent: 20,
            source: TokenSource::Estimated,
        }
    }
}
