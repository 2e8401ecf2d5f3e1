//! What is measured, the same for every host.

use std::hint::black_box;

use llm_wire::{Api, RequestScanner, ScanLimits};

/// Scans a body so many times in pieces, and returns the tokens of the last.
pub(crate) fn scan(body: &[u8], rounds: usize, piece: usize) -> u64 {
    let mut tokens = 0;
    for _ in 0..rounds {
        let mut scanner = RequestScanner::new(Api::OpenAiChat, ScanLimits::default());
        for piece in black_box(body).chunks(piece) {
            scanner.feed(piece);
        }
        tokens = black_box(scanner.facts().prompt.tokens);
    }
    tokens
}
