//! Reads a number byte by byte, and says which whole number it is.

use wide::u8x16;

/// A JSON number that may still be incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    state: State,
    is_negative: bool,
    /// All digits before and after the point.
    digits: u64,
    /// There were more of them than `digits` can hold.
    overflowed: bool,
    /// How many of them stand after the point.
    fraction: i64,
    exponent: i64,
    exponent_is_negative: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Start,
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    E,
    ESign,
    Exponent,
}

impl Default for Number {
    fn default() -> Self {
        Self {
            state: State::Start,
            is_negative: false,
            digits: 0,
            overflowed: false,
            fraction: 0,
            exponent: 0,
            exponent_is_negative: false,
        }
    }
}

impl Number {
    /// Reads on, and returns what follows the number.
    pub(super) fn read<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        let mut rest = input;
        while let Some((&byte, after)) = rest.split_first() {
            let Some(next) = self.next(byte) else { break };
            self.state = next;
            rest = after;
        }
        rest
    }

    /// Whether the number may end here.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.state, State::Zero | State::Digits | State::Fraction | State::Exponent)
    }

    fn next(&mut self, byte: u8) -> Option<State> {
        let next = match (self.state, byte) {
            (State::Start, b'-') => {
                self.is_negative = true;
                State::Minus
            }
            (State::Start | State::Minus, b'0') => State::Zero,
            (State::Start | State::Minus | State::Digits, b'0'..=b'9') => {
                self.digit(byte);
                State::Digits
            }
            (State::Zero | State::Digits, b'.') => State::Point,
            (State::Point | State::Fraction, b'0'..=b'9') => {
                self.digit(byte);
                self.fraction = self.fraction.saturating_add(1);
                State::Fraction
            }
            (State::Zero | State::Digits | State::Fraction, b'e' | b'E') => State::E,
            (State::E, b'+' | b'-') => {
                self.exponent_is_negative = byte == b'-';
                State::ESign
            }
            (State::E | State::ESign | State::Exponent, b'0'..=b'9') => {
                let digit = i64::from(byte - b'0');
                self.exponent = self.exponent.saturating_mul(10).saturating_add(digit);
                State::Exponent
            }
            _ => return None,
        };
        Some(next)
    }

    fn digit(&mut self, byte: u8) {
        /// The largest that one more digit may follow. `checked_mul` would need a wider number, which
        /// is slow in wasm.
        const FITS: u64 = u64::MAX / 10;
        let digit = u64::from(byte - b'0');
        if self.digits < FITS || self.digits == FITS && digit <= u64::MAX % 10 {
            self.digits = self.digits * 10 + digit;
        } else {
            self.overflowed = true;
            self.digits = u64::MAX;
        }
    }

    /// The number as a count, if it is a whole one and not negative.
    ///
    /// `100.0` and `1e2` are whole, because servers in Python take them. What does not fit is
    /// [`u64::MAX`]: larger than any limit it may be compared with, which is what matters of it.
    pub(crate) fn count(&self) -> Option<u64> {
        if self.is_negative {
            return None;
        }
        let exponent =
            if self.exponent_is_negative { self.exponent.saturating_neg() } else { self.exponent };
        let shift = exponent.saturating_sub(self.fraction);
        match (self.digits, shift) {
            (0, _) => Some(0),
            (_, 0..) if self.overflowed => Some(u64::MAX),
            // The digits that were lost cannot be told from a fraction.
            _ if self.overflowed => None,
            (digits, 0..) => {
                let power = u32::try_from(shift).ok().and_then(|shift| 10_u64.checked_pow(shift));
                Some(power.map_or(u64::MAX, |power| digits.saturating_mul(power)))
            }
            (digits, _) => {
                let power = u32::try_from(shift.unsigned_abs()).ok();
                let power = power.and_then(|shift| 10_u64.checked_pow(shift))?;
                (digits % power == 0).then(|| digits / power)
            }
        }
    }
}

/// What follows a number that nobody wants to know; `None` if it may go on behind the bytes, or is
/// none.
#[inline]
pub(super) fn after_number(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.strip_prefix(b"-").unwrap_or(bytes);
    rest = match rest.strip_prefix(b"0") {
        Some(rest) => rest,
        None => after_digits(rest)?,
    };
    if let [b'.', fraction @ ..] = rest {
        rest = after_digits(fraction)?;
    }
    if let [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] = rest {
        rest = after_digits(exponent)?;
    }
    (!rest.is_empty()).then_some(rest)
}

/// What follows at least one digit.
#[inline]
fn after_digits(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    while let Some(chunk) = rest.first_chunk() {
        let digits = u8x16::new(*chunk) - u8x16::splat(b'0');
        let others = !digits.min(u8x16::splat(9)).simd_eq(digits).to_bitmask() & 0xffff;
        rest = rest.get(others.trailing_zeros().min(16) as usize..)?;
        if others != 0 {
            return (rest.len() < bytes.len()).then_some(rest);
        }
    }
    while let [b'0'..=b'9', after @ ..] = rest {
        rest = after;
    }
    (rest.len() < bytes.len()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_over_is_what_would_have_been_read() {
        let texts = ["0", "-0", "7", "-12.5", "1e5", "1E+5", "2.25e-10", "123456789012345678901"];
        let others = ["-", "01", "1.", ".5", "1e", "1e+", "+1", "--1", "", "0x1", "1.5.5", "e5"];
        for text in texts.into_iter().chain(others) {
            for behind in ["", ",", "]", " ", "}, and more than sixteen bytes"] {
                let bytes = format!("{text}{behind}");
                let (number, rest) = read(&bytes);
                let wanted = (number.is_complete() && !rest.is_empty()).then_some(rest);
                let rest = after_number(bytes.as_bytes());
                assert_eq!(rest, wanted.map(str::as_bytes), "{bytes}");
            }
        }
    }

    fn read(text: &str) -> (Number, &str) {
        let mut number = Number::default();
        let rest = number.read(text.as_bytes());
        (number, &text[text.len() - rest.len()..])
    }

    fn count(text: &str) -> Option<u64> {
        let (number, rest) = read(text);
        assert!(number.is_complete() && rest.is_empty(), "{text}");
        number.count()
    }

    #[test]
    fn whole_numbers_are_counts_however_they_are_written() {
        for (text, value) in
            [("0", 0), ("7", 7), ("128000", 128_000), ("100.0", 100), ("1e2", 100), ("2.5E+1", 25)]
        {
            assert_eq!(count(text), Some(value), "{text}");
        }
        assert_eq!(count("5000e-3"), Some(5));
        assert_eq!(count("0.000e999999999999999999999"), Some(0));
    }

    #[test]
    fn fractions_and_negative_numbers_are_no_counts() {
        for text in ["0.5", "-1", "-0", "1e-1", "1e-99999999999999999999", "12345678901234567890.5"]
        {
            assert_eq!(count(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_too_large_are_the_largest() {
        for text in
            ["18446744073709551615", "18446744073709551616", "1e400", "99999999999999999999e5"]
        {
            assert_eq!(count(text), Some(u64::MAX), "{text}");
        }
        assert_eq!(count("18446744073709551614"), Some(u64::MAX - 1));
        assert_eq!(count(&"9".repeat(1000)), Some(u64::MAX));
    }

    #[test]
    fn a_number_ends_where_its_grammar_does() {
        for (text, rest) in [("01", "1"), ("1.e", ".e"), ("12,", ","), ("1e5e", "e"), ("--1", "-1")]
        {
            let (number, left) = read(text);
            if text == "1.e" {
                assert!(!number.is_complete());
            } else {
                assert_eq!(left, rest, "{text}");
            }
        }
        for text in ["-", "1.", "1e", "1e+", ""] {
            assert!(!read(text).0.is_complete(), "{text}");
        }
    }
}
