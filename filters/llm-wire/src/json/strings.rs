//! Finds the end of a JSON string at the speed of a byte search.
//!
//! Only quotes are searched for; whether one is escaped is told by the backslashes right before
//! it. Searching for backslashes too would stop at every `\n` of a program's source, which has
//! one in thirty bytes, and nothing would be gained: what an escape means is the reader's
//! business who wants the text.

use memchr::memchr_iter;
use wide::u8x16;

/// What must be remembered of a string from slice to slice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strings {
    /// The slice before ended in an odd number of backslashes: the next byte is escaped.
    escaped: bool,
}

impl Strings {
    /// Splits `input` at the quote that ends the string; the rest is `None` when it does not end.
    #[inline]
    pub(super) fn up_to_quote<'a>(&mut self, input: &'a [u8]) -> (&'a [u8], Option<&'a [u8]>) {
        if let Some(found) = self.short(input) {
            return found;
        }
        for quote in memchr_iter(b'"', input) {
            let Some((before, [_, after @ ..])) = input.split_at_checked(quote) else { break };
            if !self.ends_in_escape(before) {
                self.escaped = false;
                return (before, Some(after));
            }
        }
        self.escaped = self.ends_in_escape(input);
        (input, None)
    }

    /// The same for a string of less than sixteen bytes without a backslash, as nearly all names
    /// are: to set up a search costs more than to look at them.
    #[inline]
    fn short(self, input: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
        let first = u8x16::new(*input.first_chunk()?);
        let quotes = first.simd_eq(u8x16::splat(b'"')).to_bitmask();
        let backslashes = first.simd_eq(u8x16::splat(b'\\')).to_bitmask();
        let before = quotes.wrapping_sub(1) & !quotes;
        if quotes == 0 || self.escaped || backslashes & before != 0 {
            return None;
        }
        let (text, rest) = input.split_at_checked(quotes.trailing_zeros() as usize)?;
        Some((text, rest.get(1..)))
    }

    /// Whether a byte that follows `text` is escaped.
    ///
    /// A run of backslashes is walked once for the quote that ends it and once for the slice's
    /// end, so the whole stays linear.
    #[inline]
    fn ends_in_escape(self, text: &[u8]) -> bool {
        let backslashes = text.iter().rev().take_while(|&&byte| byte == b'\\').count();
        let carried = usize::from(backslashes == text.len() && self.escaped);
        (backslashes + carried) % 2 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_of(parts: &[&str]) -> Option<usize> {
        let mut strings = Strings::default();
        let mut at = 0;
        for part in parts {
            let (before, rest) = strings.up_to_quote(part.as_bytes());
            at += before.len();
            if rest.is_some() {
                return Some(at);
            }
        }
        None
    }

    #[test]
    fn a_quote_after_an_odd_number_of_backslashes_does_not_end_the_string() {
        assert_eq!(end_of(&[r#"ab"c"#]), Some(2));
        assert_eq!(end_of(&[r#"a\"b"c"#]), Some(4));
        assert_eq!(end_of(&[r#"a\\"b"c"#]), Some(3));
        assert_eq!(end_of(&[r#"a\\\"b"c"#]), Some(6));
        assert_eq!(end_of(&[r#"a\\\"b"#]), None);
    }

    #[test]
    fn a_run_of_backslashes_may_be_cut_anywhere() {
        assert_eq!(end_of(&[r"a\", r#"""#]), None);
        assert_eq!(end_of(&[r"a\", r#""""#]), Some(3));
        assert_eq!(end_of(&[r"a\", r"\", r#"""#]), Some(3));
        assert_eq!(end_of(&[r"a\", r#"\\""#, r#"x""#]), Some(6));
        assert_eq!(end_of(&["", "", r#"""#]), Some(0));
    }
}
