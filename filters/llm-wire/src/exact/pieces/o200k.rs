//! The pieces of `o200k_base`.
//!
//! ```text
//! [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//! [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//! \p{N}{1,3}
//!  ?[^\s\p{L}\p{N}]+[\r\n/]*
//! \s*[\r\n]+
//! \s+(?!\S)
//! \s+
//! ```

use super::{At, Text, blanks, contraction, number, within};
use crate::exact::classes::{Char, Class};

/// Where the piece ends that begins at a place; `None` when more text is needed to tell.
#[inline]
pub(in crate::exact) fn end(text: Text<'_>, at: usize) -> Option<usize> {
    let At::Char(first) = text.at(at)? else { return Some(at) };
    match first.class {
        Class::NUMBER => number(text, first.end),
        Class::NEWLINE => Some(blanks(text, at)?.piece),
        Class::SPACE | Class::MARK => match text.at(first.end)? {
            At::Char(Char { class, .. }) if is_word(class) => word(text, first.end),
            At::Char(Char { class: Class::MARK, end }) if is_blank(text, at) => marks(text, end),
            At::Char(_) | At::End if first.class == Class::MARK => marks(text, first.end),
            At::Char(Char { class: Class::SPACE | Class::NEWLINE, .. }) => {
                Some(blanks(text, at)?.piece)
            }
            _ => Some(first.end),
        },
        _ => word(text, at),
    }
}

fn is_word(class: Class) -> bool {
    matches!(class, Class::UPPER | Class::LOWER | Class::LETTER | Class::COMBINING)
}

fn is_blank(text: Text<'_>, at: usize) -> bool {
    text.bytes.get(at) == Some(&b' ')
}

/// A word, after what may stand before it.
#[inline(always)]
fn word(text: Text<'_>, at: usize) -> Option<usize> {
    let end = match ascii_word(text, at) {
        Some(end) => end,
        None => any_word(text, at)?,
    };
    match text.bytes.get(end) {
        Some(b'\'') => contraction(text, end),
        _ => Some(end),
    }
}

/// A word of at most fifteen ASCII letters that ends with an ASCII character.
#[inline(always)]
fn ascii_word(text: Text<'_>, at: usize) -> Option<usize> {
    let bytes = text.sixteen(at)?;
    let upper = within(bytes, b'A', b'Z').trailing_ones();
    let lower = (within(bytes, b'a', b'z') >> upper).trailing_ones();
    let end = upper + lower;
    let next = bytes.to_bitmask() >> end & 1;
    (0 < end && end < 16 && next == 0).then_some(at + end as usize)
}

/// Any word. Letters without a case count as capitals and as small letters, so the end of the
/// capitals is known only when what follows them is.
#[inline(never)]
fn any_word(text: Text<'_>, at: usize) -> Option<usize> {
    // After the last letter that could be the small one that the first expression needs.
    let mut small = None;
    let mut end = at;
    loop {
        match text.at(end)? {
            At::Char(Char { class: Class::UPPER, end: next }) => end = next,
            At::Char(Char { class: Class::LETTER | Class::COMBINING, end: next }) => {
                end = next;
                small = Some(next);
            }
            At::Char(Char { class: Class::LOWER, end: next }) => {
                return text.run(next, |class| {
                    matches!(class, Class::LOWER | Class::LETTER | Class::COMBINING)
                });
            }
            _ => return Some(small.unwrap_or(end)),
        }
    }
}

/// ` ?[^\s\p{L}\p{N}]+[\r\n/]*`, after the first.
#[inline(always)]
fn marks(text: Text<'_>, at: usize) -> Option<usize> {
    let mut end = text.run(at, |class| matches!(class, Class::MARK | Class::COMBINING))?;
    loop {
        match text.bytes.get(end) {
            Some(b'\r' | b'\n' | b'/') => end += 1,
            None if !text.is_last => return None,
            _ => return Some(end),
        }
    }
}
