//! Counts tokens with a model's own vocabulary.
//!
//! The text is decoded and cut into pieces as it streams by, and each piece is looked up, or its
//! bytes joined as the encoder joins them. The counts are those of OpenAI's `tiktoken`, in a few
//! kilobytes of memory besides the tables; these are constants of the module.
//!
//! # Why not a crate
//! Every tokenizer library wants the text in one slice, and builds tables of tens of megabytes
//! when it starts: a proxy would pay that for each of its threads, and start a second later.
//! What is here does neither, and is faster in a proxy than the fastest of them natively.
//!
//! # Limits
//! A piece of more than 4,096 bytes (one word, one run of blanks) is cut, and the count is then
//! called an estimate. Special tokens (`<|endoftext|>`) are text, as they are for a server that
//! gets them from a client.

mod classes;
mod counter;
mod long;
mod memo;
mod merge;
mod perfect;
mod pieces;
mod run;
mod split;
mod unescape;
mod vocabulary;

use counter::Counter;
use unescape::Unescape;

use crate::count::{TokenCount, TokenSource};
use crate::text::{Mark, Piece, TextSink};

/// An encoding whose vocabulary is in this build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `o200k_base`: GPT-4o and later, gpt-oss.
    #[cfg(feature = "exact-o200k")]
    O200k,
    /// `cl100k_base`: GPT-4, GPT-3.5, the embeddings.
    #[cfg(feature = "exact-cl100k")]
    Cl100k,
}

/// The sink that counts exactly.
#[derive(Clone, Debug)]
pub struct ExactCounter {
    counter: Counter,
    unescape: Unescape,
    frame: u64,
    open: Option<Piece>,
}

impl ExactCounter {
    /// A counter for one encoding.
    #[must_use]
    pub fn new(encoding: Encoding) -> Self {
        Self { counter: Counter::new(encoding), unescape: Unescape::default(), frame: 0, open: None }
    }

    /// Begins anew, for another prompt.
    pub fn clear(&mut self) {
        self.counter.clear();
        self.unescape = Unescape::default();
        self.frame = 0;
        self.open = None;
    }

    /// Counts text that is no JSON.
    pub fn plain(&mut self, text: &[u8]) {
        self.unescape.raw(text, &mut |text| self.counter.feed(text));
    }

    /// The plain text ends.
    pub fn end_plain(&mut self) {
        self.unescape.end(&mut |text| self.counter.feed(text));
        self.counter.end();
    }
}

impl TextSink for ExactCounter {
    fn mark(&mut self, mark: Mark) {
        let _ = mark;
    }

    fn open(&mut self, piece: Piece) {
        self.open = Some(piece);
    }

    #[inline]
    fn text(&mut self, bytes: &[u8]) {
        let Some(piece) = self.open else { return };
        let mut out = |text: &[u8]| self.counter.feed(text);
        if piece.is_raw_json() {
            self.unescape.raw(bytes, &mut out);
        } else if piece != Piece::Image {
            self.unescape.feed(bytes, &mut out);
        }
    }

    fn close(&mut self) {
        self.open = None;
        self.end_plain();
    }

    fn count(&self) -> TokenCount {
        let tokens = self.counter.tokens() + self.frame;
        let is_exact = self.counter.is_exact() && self.counter.held() == 0;
        let source = if is_exact { TokenSource::Exact } else { TokenSource::Estimated };
        TokenCount { tokens, error_percent: u32::from(!is_exact), source }
    }
}
