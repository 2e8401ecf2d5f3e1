//! The pieces of `cl100k_base`.
//!
//! ```text
//! '(?i:[sdmt]|ll|ve|re)
//! [^\r\n\p{L}\p{N}]?+\p{L}++
//! \p{N}{1,3}+
//!  ?[^\s\p{L}\p{N}]++[\r\n]*+
//! \s++$
//! \s*[\r\n]
//! \s+(?!\S)
//! \s
//! ```

use super::{At, Text, contraction, number, within};
use crate::exact::classes::{Char, Class};

/// Where the piece ends that begins at a place; `None` when more text is needed to tell.
#[inline]
pub(in crate::exact) fn end(text: Text<'_>, at: usize) -> Option<usize> {
    let At::Char(first) = text.at(at)? else { return Some(at) };
    let byte = text.bytes.get(at).copied().unwrap_or_default();
    if byte == b'\'' {
        let end = contraction(text, at)?;
        if end > at {
            return Some(end);
        }
    }
    match first.class {
        Class::NUMBER => number(text, first.end),
        Class::NEWLINE => blanks(text, at),
        Class::UPPER | Class::LOWER | Class::LETTER => word(text, at),
        _ => match text.at(first.end)? {
            At::Char(Char { class, .. }) if is_letter(class) => word(text, first.end),
            At::Char(Char { class: Class::MARK | Class::COMBINING, end }) if byte == b' ' => {
                marks(text, end)
            }
            _ if first.class != Class::SPACE => marks(text, first.end),
            At::Char(Char { class: Class::SPACE | Class::NEWLINE, .. }) => blanks(text, at),
            _ => Some(first.end),
        },
    }
}

fn is_letter(class: Class) -> bool {
    matches!(class, Class::UPPER | Class::LOWER | Class::LETTER)
}

/// `\p{L}++`
#[inline(always)]
fn word(text: Text<'_>, at: usize) -> Option<usize> {
    ascii_word(text, at).or_else(|| text.run(at, is_letter))
}

/// A word of at most fifteen ASCII letters that ends with an ASCII character.
#[inline(always)]
fn ascii_word(text: Text<'_>, at: usize) -> Option<usize> {
    let bytes = text.sixteen(at)?;
    let letters = within(bytes, b'a', b'z') | within(bytes, b'A', b'Z');
    let end = letters.trailing_ones();
    let next = bytes.to_bitmask() >> end & 1;
    (end < 16 && next == 0).then_some(at + end as usize)
}

/// ` ?[^\s\p{L}\p{N}]++[\r\n]*+`, after the first.
#[inline(always)]
fn marks(text: Text<'_>, at: usize) -> Option<usize> {
    let end = text.run(at, |class| matches!(class, Class::MARK | Class::COMBINING))?;
    text.run(end, |class| class == Class::NEWLINE)
}

/// White space, from its first character.
#[inline(always)]
fn blanks(text: Text<'_>, at: usize) -> Option<usize> {
    let blanks = super::blanks(text, at)?;
    Some(if blanks.is_last { blanks.end } else { blanks.piece })
}
