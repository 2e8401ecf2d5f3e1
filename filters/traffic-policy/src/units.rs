//! Quantities as people write them: `300us`, `2s`, `24h`; `512KiB`, `3MB`.
//!
//! A bare number is refused on purpose: whether `timeout: 5` means seconds or milliseconds is the
//! kind of question that a configuration must not leave open.

use std::fmt;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A length of time: digits and one of `us`, `ms`, `s`, `m`, `h`, `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

/// An amount of bytes: digits and one of `B`, `KB`, `MB`, `GB`, `KiB`, `MiB`, `GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

const SPANS: &[(&str, u64)] = &[
    ("us", 1),
    ("ms", 1_000),
    ("s", 1_000_000),
    ("m", 60_000_000),
    ("h", 3_600_000_000),
    ("d", 86_400_000_000),
];

const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// The largest unit in which it is a whole number.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX);
        let fits = |(_, factor): &&(&str, u64)| us >= *factor && us.is_multiple_of(*factor);
        let (unit, factor) = SPANS.iter().rfind(fits).copied().unwrap_or(("us", 1));
        write!(f, "{}{unit}", us / factor)
    }
}

/// Digits followed by one of the units; `None` for anything else, and for what does not fit.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let factor = units.iter().find(|(name, _)| *name == unit)?.1;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

struct Text<T> {
    expected: &'static str,
    parse: fn(&str) -> Option<T>,
}

impl<T> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text)
            .ok_or_else(|| E::custom(format!("found `{text}`; allowed {}", self.expected)))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            expected: "a length of time such as 300us, 250ms, 2s, 5m, 24h",
            parse: |text| quantity(text, SPANS).map(|us| Self(Duration::from_micros(us))),
        })
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text {
            expected: "a size such as 4096B, 512KiB, 3MB",
            parse: |text| quantity(text, SIZES).map(Self),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(text: &str) -> Result<Duration, String> {
        serde_json::from_value::<Span>(text.into()).map(|s| s.0).map_err(|e| e.to_string())
    }

    #[test]
    fn lengths_of_time_carry_their_unit() {
        assert_eq!(span("300us"), Ok(Duration::from_micros(300)));
        assert_eq!(span("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(span("24h"), Ok(Duration::from_secs(86_400)));
    }

    #[test]
    fn lengths_of_time_are_written_as_people_write_them() {
        for text in ["300us", "250ms", "2s", "90s", "5m", "25h", "2d", "1000001us"] {
            assert_eq!(Span(span(text).unwrap()).to_string(), text);
        }
        assert_eq!(Span(Duration::ZERO).to_string(), "0us");
    }

    #[test]
    fn what_has_no_unit_or_does_not_fit_is_refused_with_examples() {
        for text in ["5", "s", "", "-1s", "1.5s", "99999999999999d", "2 s"] {
            let error = span(text).unwrap_err();
            assert!(
                error.starts_with(&format!("found `{text}`; allowed a length of time")),
                "{error}"
            );
        }
        assert!(serde_json::from_value::<Span>(5.into()).is_err());
    }

    #[test]
    fn sizes_tell_thousands_from_powers_of_two() {
        let size = |text: &str| serde_json::from_value::<Size>(text.into()).map(|s| s.0).ok();
        assert_eq!(size("512KiB"), Some(524_288));
        assert_eq!(size("3MB"), Some(3_000_000));
        assert_eq!(size("3mb"), None);
    }
}
