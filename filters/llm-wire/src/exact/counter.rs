//! Counts the tokens of one text after another.

use super::long::Long;
use super::memo::Memo;
use super::pieces::{self, Text};
use super::vocabulary::{self, Vocabulary};
use super::{Encoding, merge, run};

/// A piece that is longer is cut here, and its count is no longer called exact.
pub(super) const LONGEST: usize = 4096;
/// Words are read sixteen bytes at a time, beyond the end of the last one.
const SLACK: usize = 16;

/// Text of one encoding, and the tokens it makes.
///
/// What is kept of the text is its last piece, because the next bytes may belong to it.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    encoding: Encoding,
    tokens: u64,
    is_exact: bool,
    window: Box<[u8; LONGEST + SLACK]>,
    held: usize,
    joining: Joining,
}

/// What joining needs and keeps.
#[derive(Clone, Debug, Default)]
struct Joining {
    memo: Memo,
    /// Only long pieces need it.
    long: Option<Box<Long>>,
}

impl Counter {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            tokens: 0,
            is_exact: true,
            window: Box::new([0; LONGEST + SLACK]),
            held: 0,
            joining: Joining::default(),
        }
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The tokens of all texts that have ended, and of the open one as far as they are certain.
    pub(super) fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Whether each piece could be encoded as a whole.
    pub(super) fn is_exact(&self) -> bool {
        self.is_exact
    }

    /// How much of the open text waits for what follows.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// One more token, which is no text.
    pub(super) fn add_token(&mut self) {
        self.tokens += 1;
    }

    /// Goes back to so many tokens.
    pub(super) fn forget(&mut self, tokens: u64, is_exact: bool) {
        self.tokens = tokens;
        self.is_exact = is_exact;
    }

    /// Begins anew. What was remembered of other texts stays, and makes this one faster.
    pub(super) fn clear(&mut self) {
        self.tokens = 0;
        self.is_exact = true;
        self.held = 0;
    }

    /// The next bytes of the text, valid UTF-8 once all of it is there.
    #[inline]
    pub(super) fn feed(&mut self, mut text: &[u8]) {
        while !text.is_empty() {
            let (now, later) = text.split_at(text.len().min(LONGEST - self.held));
            if let Some(place) = self.window.get_mut(self.held..self.held + now.len()) {
                place.copy_from_slice(now);
            }
            self.held += now.len();
            text = later;
            if self.held == LONGEST {
                self.drain(false);
            }
        }
    }

    /// The text ends.
    pub(super) fn end(&mut self) {
        self.drain(true);
    }

    fn drain(&mut self, is_last: bool) {
        let mut done = self.pieces(is_last);
        if done == 0 && self.held == LONGEST {
            self.is_exact = false;
            done = self.pieces(true);
        }
        self.window.copy_within(done..self.held, 0);
        self.held -= done;
    }

    fn pieces(&mut self, is_last: bool) -> usize {
        match self.encoding {
            #[cfg(feature = "exact-o200k")]
            Encoding::O200kBase | Encoding::O200kHarmony => {
                self.count(is_last, pieces::o200k::end, &vocabulary::O200K)
            }
            #[cfg(feature = "exact-cl100k")]
            Encoding::Cl100kBase => self.count(is_last, pieces::cl100k::end, &vocabulary::CL100K),
            // No counter is made for an encoding that is not in this build.
            #[cfg(not(all(feature = "exact-o200k", feature = "exact-cl100k")))]
            _ => self.held,
        }
    }

    /// Counts the pieces that are complete, and returns where the first other one begins.
    #[inline(always)]
    fn count(
        &mut self,
        is_last: bool,
        end: impl Fn(Text<'_>, usize) -> Option<usize>,
        vocabulary: &Vocabulary,
    ) -> usize {
        let bytes = self.window.get(..self.held).unwrap_or_default();
        let text = Text { bytes, is_last };
        let mut at = 0;
        while at < bytes.len() {
            let Some(end) = end(text, at).filter(|end| *end > at) else { break };
            let (tokens, is_exact) = self.joining.tokens(vocabulary, &*self.window, at, end);
            self.tokens += u64::from(tokens);
            self.is_exact &= is_exact;
            at = end;
        }
        at
    }
}

impl Joining {
    /// The tokens of a piece.
    #[inline(always)]
    fn tokens(
        &mut self,
        vocabulary: &Vocabulary,
        window: &[u8],
        at: usize,
        end: usize,
    ) -> (u32, bool) {
        let length = end - at;
        let words = window.get(at..).and_then(<[u8]>::first_chunk).copied();
        let word = u128::from_le_bytes(words.unwrap_or_default());
        let piece = window.get(at..end).unwrap_or_default();
        // A word that ends in NUL would be taken for a shorter one.
        let is_word = piece.last().is_some_and(|last| *last != 0);
        match length {
            1 => (1, true),
            2..=8 if is_word => {
                let word = word as u64 & u64::MAX >> (64 - 8 * length);
                if vocabulary.is_short(word) {
                    return (1, true);
                }
                (self.memo.tokens(u128::from(word), || merge::count(vocabulary, piece)), true)
            }
            9..=16 if is_word => {
                let word = word & u128::MAX >> (128 - 8 * length);
                if vocabulary.is_medium(word) {
                    return (1, true);
                }
                (self.memo.tokens(word, || merge::count(vocabulary, piece)), true)
            }
            ..=merge::MOST => (merge::count(vocabulary, piece), true),
            _ => run::count(vocabulary, piece, self.long.get_or_insert_default()),
        }
    }
}
