//! A moment as configurations and Prometheus write it, read as seconds since 1970.
//!
//! The filter itself reads its configuration strictly; what is wrong here is found there, with the cure.

use std::time::Duration;

/// RFC 3339: `2026-12-01T09:00:00Z`, with any offset.
pub(super) fn rfc3339(text: &str) -> Option<Duration> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let (time, offset) = match time.find(['Z', 'z', '+', '-']) {
        Some(at) => time.split_at(at),
        None => return None,
    };
    let [year, month, day] = numbers(date, '-')?;
    let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(whole, ':')?;
    let in_range = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let fraction: f64 = format!("0.{fraction}").parse().ok()?;
    let local = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let seconds = u64::try_from(local - offset_of(offset)?).ok().filter(|_| in_range)?;
    Some(Duration::from_secs(seconds) + Duration::from_secs_f64(fraction))
}

/// Seconds that a place is ahead of Greenwich.
fn offset_of(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let seconds = hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60;
    Some(if text.starts_with('-') { -seconds } else { seconds })
}

fn numbers(text: &str, between: char) -> Option<[i64; 3]> {
    let numbers: Vec<i64> =
        text.split(between).map(|part| part.parse().ok()).collect::<Option<_>>()?;
    numbers.try_into().ok()
}

/// Days since 1970 in the Gregorian calendar. Years begin with March, so that the leap day is the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let from_march = (month + 9) % 12;
    let of_year = (153 * from_march + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_seconds_since_1970() {
        // By `date -u -d TEXT +%s`.
        for (text, seconds) in [
            ("2026-12-01T09:00:00Z", 1_796_115_600.0),
            ("2026-12-01T10:00:00+01:00", 1_796_115_600.0),
            ("2026-12-01T03:30:00-05:30", 1_796_115_600.0),
            ("2020-02-29T12:34:56.25Z", 1_582_979_696.25),
            ("2099-12-31T23:59:59Z", 4_102_444_799.0),
        ] {
            assert_eq!(rfc3339(text).map(|time| time.as_secs_f64()), Some(seconds), "{text}");
        }
        for text in ["", "now", "2026-12-01", "2026-12-01T09:00:00", "2026-13-01T09:00:00Z"] {
            assert_eq!(rfc3339(text), None, "{text}");
        }
    }
}
