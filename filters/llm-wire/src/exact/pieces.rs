//! Cuts text into the pieces that are encoded one by one.
//!
//! OpenAI's encoder gives a regular expression for each encoding. Here each is a function that
//! finds the end of one piece, because a general engine is most of the time and of the memory of
//! the libraries that use one, and none can stop in the middle of a text and go on later. The
//! expressions stand beside the functions; tests compare with an engine that runs them.

#[cfg(feature = "exact-cl100k")]
pub(super) mod cl100k;
#[cfg(feature = "exact-o200k")]
pub(super) mod o200k;

use wide::u8x16;

use super::classes::{Char, Class, char_at};

/// A stretch of text, valid UTF-8 but for a character that may be cut at its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    pub(super) bytes: &'a [u8],
    /// Nothing follows.
    pub(super) is_last: bool,
}

/// What stands at a place.
#[derive(Clone, Copy, Debug)]
pub(super) enum At {
    Char(Char),
    /// The text ends here.
    End,
}

impl<'a> Text<'a> {
    /// `None` when more text is needed to tell.
    #[inline(always)]
    pub(super) fn at(self, at: usize) -> Option<At> {
        match char_at(self.bytes, at) {
            Some(char) => Some(At::Char(char)),
            None => self.is_last.then_some(At::End),
        }
    }

    /// Passes over characters of some classes.
    #[inline(always)]
    pub(super) fn run(self, mut at: usize, is_in: impl Fn(Class) -> bool) -> Option<usize> {
        loop {
            match self.at(at)? {
                At::Char(char) if is_in(char.class) => at = char.end,
                _ => return Some(at),
            }
        }
    }

    /// Sixteen bytes.
    #[inline(always)]
    pub(super) fn sixteen(self, at: usize) -> Option<u8x16> {
        self.bytes.get(at..)?.first_chunk().map(|bytes| u8x16::new(*bytes))
    }
}

/// Which of sixteen bytes lie in a range that begins at `first`.
#[inline(always)]
pub(super) fn within(bytes: u8x16, first: u8, last: u8) -> u32 {
    let from = bytes - u8x16::splat(first);
    from.simd_eq(from.min(u8x16::splat(last - first))).to_bitmask()
}

/// `(?i:'s|'t|'re|'ve|'m|'ll|'d)`, at an apostrophe: where it ends, or where it would have begun.
#[inline(always)]
pub(super) fn contraction(text: Text<'_>, at: usize) -> Option<usize> {
    let after = text.bytes.get(at + 1..).unwrap_or_default();
    Some(match after {
        [b's' | b'S' | b't' | b'T' | b'm' | b'M' | b'd' | b'D', ..] => at + 2,
        [b'r' | b'R' | b'v' | b'V', b'e' | b'E', ..] | [b'l' | b'L', b'l' | b'L', ..] => at + 3,
        // The long s, which is an s without its case.
        [0xc5, 0xbf, ..] => at + 3,
        [] | [b'r' | b'R' | b'v' | b'V' | b'l' | b'L' | 0xc5] if !text.is_last => return None,
        _ => at,
    })
}

/// `\p{N}{1,3}`, after the first.
#[inline(always)]
pub(super) fn number(text: Text<'_>, mut at: usize) -> Option<usize> {
    for _ in 0..2 {
        match text.at(at)? {
            At::Char(Char { class: Class::NUMBER, end }) => at = end,
            _ => break,
        }
    }
    Some(at)
}

/// A run of white space.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "exact-cl100k"), expect(dead_code, reason = "o200k wants the piece"))]
pub(super) struct Blanks {
    pub(super) end: usize,
    /// Nothing follows it.
    pub(super) is_last: bool,
    /// Where the piece ends that `\s*[\r\n]+|\s+(?!\S)|\s+` makes of its beginning: after its last
    /// line end, else before the last character if text follows.
    pub(super) piece: usize,
}

/// The white space that begins at a place.
#[inline(always)]
pub(super) fn blanks(text: Text<'_>, at: usize) -> Option<Blanks> {
    let mut after_line = None;
    let (mut end, mut last) = (at, at);
    let is_last = loop {
        match text.at(end)? {
            At::Char(Char { class: Class::NEWLINE, end: next }) => {
                after_line = Some(next);
                (last, end) = (end, next);
            }
            At::Char(Char { class: Class::SPACE, end: next }) => (last, end) = (end, next),
            At::Char(_) => break false,
            At::End => break true,
        }
    };
    let before_text = if !is_last && last > at { last } else { end };
    Some(Blanks { end, is_last, piece: after_line.unwrap_or(before_text) })
}
