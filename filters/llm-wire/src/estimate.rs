//! Guesses how many tokens a prompt has, from its bytes alone.

use crate::count::{TokenCount, TokenSource};
use crate::text::{Mark, Piece, TextSink};

/// The sink that estimates.
#[derive(Clone, Debug, Default)]
pub struct Estimator {
    bytes: u64,
    marks: u64,
    ignoring: bool,
}

impl TextSink for Estimator {
    fn mark(&mut self, mark: Mark) {
        self.marks += match mark {
            Mark::Message => 4,
            Mark::Image => 765,
            Mark::Part | Mark::Prompt => 0,
            Mark::Call => 3,
            Mark::TokenId => 1,
        };
    }

    fn open(&mut self, piece: Piece) {
        self.ignoring = matches!(piece, Piece::Image | Piece::Role);
    }

    fn text(&mut self, bytes: &[u8]) {
        if !self.ignoring {
            self.bytes += bytes.len() as u64;
        }
    }

    fn close(&mut self) {}

    fn count(&self) -> TokenCount {
        TokenCount {
            tokens: self.marks + self.bytes / 4,
            error_percent: 40,
            source: TokenSource::Estimated,
        }
    }
}
