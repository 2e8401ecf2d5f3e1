//! What is measured, the same for every host.

use std::hint::black_box;

use llm_wire::{
    Api, Estimator, Mark, Piece, RequestScanner, ScanLimits, TextSink, TokenCount, TokenSource,
};

/// Scans a body so many times in pieces, and returns the estimated tokens of the last.
pub(crate) fn scan(body: &[u8], rounds: usize, piece: usize) -> u64 {
    repeat::<Estimator>(body, rounds, piece)
}

/// The same with the scanner alone: its text is handed over and nobody counts tokens. Returns the
/// bytes of text in the last.
pub(crate) fn walk(body: &[u8], rounds: usize, piece: usize) -> u64 {
    repeat::<Length>(body, rounds, piece)
}

fn repeat<S: TextSink + Default>(body: &[u8], rounds: usize, piece: usize) -> u64 {
    let mut tokens = 0;
    for _ in 0..rounds {
        let limits = ScanLimits::default();
        let mut scanner = RequestScanner::with_sink(Api::OpenAiChat, limits, S::default());
        for piece in black_box(body).chunks(piece) {
            scanner.feed(piece);
        }
        tokens = black_box(scanner.facts().prompt.tokens);
    }
    tokens
}

/// Adds up how long the text is: the least that shows that it was found.
#[derive(Default)]
struct Length(u64);

impl TextSink for Length {
    fn mark(&mut self, _mark: Mark) {}

    fn open(&mut self, _piece: Piece) {}

    #[inline]
    fn text(&mut self, bytes: &[u8]) {
        self.0 = self.0.wrapping_add(bytes.len() as u64);
    }

    fn close(&mut self) {}

    fn count(&self) -> TokenCount {
        TokenCount { tokens: self.0, error_percent: 0, source: TokenSource::Estimated }
    }
}
