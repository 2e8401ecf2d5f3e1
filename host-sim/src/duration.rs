//! Durations as people write them: `300us`, `20ms`, `2s`, `1.5s`, `5m`, `24h`.
//!
//! One notation for scenarios, scripts and command lines. A bare number is refused, because readers
//! disagree on its unit; the only exception is `0`, which needs none.

use std::time::Duration;

use serde::{Deserialize as _, Deserializer, de::Error as _};

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found `{found}`; a duration is a number and one of ns, us, ms, s, m, h, as in `300us`")]
pub struct DurationError {
    found: String,
}

/// Reads a duration such as `300us` or `1.5s`.
///
/// # Errors
/// When the text has no unit, an unknown unit, a negative number or one too large to hold.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let refused = || DurationError { found: text.to_owned() };
    let trimmed = text.trim();
    if trimmed == "0" {
        return Ok(Duration::ZERO);
    }
    let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(refused)?;
    let (number, unit) = trimmed.split_at(digits);
    let seconds_per_unit = match unit {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(refused()),
    };
    let number: f64 = number.parse().map_err(|_| refused())?;
    let nanos = (number * seconds_per_unit * 1e9).round();
    Duration::try_from_secs_f64(nanos / 1e9).map_err(|_| refused())
}

/// For `#[serde(deserialize_with = "crate::duration::from_text")]`.
///
/// # Errors
/// When the value is no text, or not a duration.
pub fn from_text<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(input)?;
    parse(&text).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_read() {
        for (text, nanos) in [
            ("7ns", 7),
            ("300us", 300_000),
            ("20ms", 20_000_000),
            ("1.5s", 1_500_000_000),
            ("2m", 120_000_000_000),
            ("24h", 86_400_000_000_000),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_nanos(nanos)), "{text}");
        }
    }

    #[test]
    fn a_number_without_a_unit_is_refused_with_the_allowed_units() {
        for text in ["20", "", "ms", "-1s", "1d", "1 s", "1e9h9"] {
            let message = parse(text).expect_err(text).to_string();
            assert!(message.contains("ns, us, ms, s, m, h"), "{message}");
        }
    }
}
