//! A date and a time of day, as RFC 3339 writes them: `2026-12-01T09:00:00Z`, `2026-12-01T10:00:00+01:00`.
//!
//! Strict, unlike what is read from servers: a day that its month does not have, or a time without an
//! offset, is a mistake in a configuration and no date to be guessed.

use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Visitor};

/// A moment, as time since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub Duration);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Moment;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a moment such as 2026-12-01T09:00:00Z")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Moment, E> {
                let refused = || {
                    E::custom(format!(
                        "found `{text}`; allowed a moment from 2020 to 2099 such as 2026-12-01T09:00:00Z or 2026-12-01T10:00:00+01:00"
                    ))
                };
                parse(text).map(|s| Moment(Duration::from_secs(s))).ok_or_else(refused)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// What lies outside was typed wrongly, or comes from a clock that was never set.
const YEARS: std::ops::RangeInclusive<u64> = 2020..=2099;

const DAYS_BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const DAYS_IN: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

fn parse(text: &str) -> Option<u64> {
    let mut rest = text;
    let year = number(&mut rest, 4, "-").filter(|year| YEARS.contains(year))?;
    let month = number(&mut rest, 2, "-")?.checked_sub(1)?;
    let day = number(&mut rest, 2, "T")?.checked_sub(1)?;
    let hour = number(&mut rest, 2, ":").filter(|hour| *hour < 24)?;
    let minute = number(&mut rest, 2, ":").filter(|minute| *minute < 60)?;
    let second = number(&mut rest, 2, "").filter(|second| *second < 60)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        // A schedule is in whole seconds.
        rest = fraction.trim_start_matches('0');
        if rest.len() == fraction.len() {
            return None;
        }
    }
    let is_leap = year.is_multiple_of(4); // 2100, the next exception, is not a year we know.
    let month_index = usize::try_from(month).ok()?;
    let leap_day = u64::from(is_leap && month == 1);
    if day >= DAYS_IN.get(month_index)? + leap_day {
        return None;
    }
    let leap_days = (year - 1969) / 4 + u64::from(is_leap && month > 1);
    let days = (year - 1970) * 365 + leap_days + DAYS_BEFORE.get(month_index)? + day;
    let local = days * 86_400 + hour * 3_600 + minute * 60 + second;
    match rest {
        "Z" => Some(local),
        _ => offset(rest).and_then(|(is_ahead, offset)| {
            if is_ahead { local.checked_sub(offset) } else { local.checked_add(offset) }
        }),
    }
}

/// `+02:00`: whether it is ahead of Greenwich, and by how many seconds.
fn offset(text: &str) -> Option<(bool, u64)> {
    let is_ahead = text.starts_with('+');
    let mut rest = text.strip_prefix(['+', '-'])?;
    let hours = number(&mut rest, 2, ":").filter(|hours| *hours < 24)?;
    let minutes = number(&mut rest, 2, "").filter(|minutes| *minutes < 60)?;
    rest.is_empty().then_some((is_ahead, hours * 3_600 + minutes * 60))
}

/// So many digits and what has to follow them.
fn number(rest: &mut &str, digits: usize, behind: &str) -> Option<u64> {
    let (number, after) = rest.split_at_checked(digits)?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    *rest = after.strip_prefix(behind)?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seconds_since_1970() {
        // By `date -u -d TEXT +%s`.
        for (text, seconds) in [
            ("2026-12-01T09:00:00Z", 1_796_115_600),
            ("2026-12-01T10:00:00+01:00", 1_796_115_600),
            ("2026-12-01T03:30:00-05:30", 1_796_115_600),
            ("2026-12-01T09:00:00.000Z", 1_796_115_600),
            ("2020-01-01T00:00:00Z", 1_577_836_800),
            ("2020-02-29T12:34:56Z", 1_582_979_696),
            ("2024-03-01T00:00:00Z", 1_709_251_200),
            ("2028-12-31T23:59:59Z", 1_861_919_999),
            ("2099-12-31T23:59:59Z", 4_102_444_799),
        ] {
            assert_eq!(parse(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused_with_one_that_is() {
        for text in [
            "",
            "now",
            "2026-12-01",
            "2026-12-01T09:00:00",
            "2026-12-01 09:00:00Z",
            "2026-13-01T09:00:00Z",
            "2026-00-01T09:00:00Z",
            "2026-02-29T09:00:00Z",
            "2026-12-00T09:00:00Z",
            "2026-12-01T24:00:00Z",
            "2026-12-01T09:60:00Z",
            "2026-12-01T09:00:60Z",
            "2026-12-01T09:00:00.5Z",
            "2026-12-01T09:00:00.Z",
            "2026-12-01T09:00:00+0100",
            "2026-12-01T09:00:00+01:00Z",
            "1970-01-01T00:00:00Z",
            "2100-01-01T00:00:00Z",
            "+026-12-01T09:00:00Z",
            "２026-12-01T09:00:00Z",
        ] {
            let error = serde_json::from_value::<Moment>(text.into()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("found `{text}`; allowed a moment from 2020")));
        }
    }
}
