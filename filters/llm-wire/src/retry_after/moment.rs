//! One value: a number, a span, or a date.

use std::time::{Duration, UNIX_EPOCH};

/// What a bare number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
}

/// A number of seconds from here on is a time since 1970, and no wait of thirty years.
const EPOCH_SECONDS: u64 = 1_000_000_000;

/// And from here on it counts milliseconds.
const EPOCH_MILLISECONDS: u64 = 1_000_000_000_000;

/// Beyond is no time: the year 33658.
const NO_TIME: u64 = 1_000_000_000_000_000;

/// No dialect needs more bytes than a date with its weekday, or RFC 3339 with nine digits of a second.
const LONGEST: usize = 40;

/// How long to wait, by one value.
pub(super) fn wait(value: &[u8], unit: Unit, wall: Duration) -> Option<Duration> {
    let text = std::str::from_utf8(value.trim_ascii()).ok()?;
    if text.len() > LONGEST || !text.is_ascii() {
        return None;
    }
    let since = |moment: Duration| moment.saturating_sub(wall);
    match number(text) {
        Some((number, nanos, "")) => plain(number, nanos, unit, wall),
        Some(_) => span(text).or_else(|| rfc3339(text).map(since)),
        None => {
            let date = httpdate::parse_http_date(text).ok()?;
            date.duration_since(UNIX_EPOCH).ok().map(since)
        }
    }
}

/// A number and nothing else.
fn plain(number: u64, nanos: u32, unit: Unit, wall: Duration) -> Option<Duration> {
    match (unit, number) {
        (_, NO_TIME..) => None,
        (Unit::Milliseconds, _) => {
            Some(Duration::from_millis(number) + Duration::from_nanos(u64::from(nanos / 1_000)))
        }
        (Unit::Seconds, EPOCH_MILLISECONDS..) => {
            Some(Duration::from_millis(number).saturating_sub(wall))
        }
        (Unit::Seconds, EPOCH_SECONDS..) => Some(Duration::new(number, nanos).saturating_sub(wall)),
        (Unit::Seconds, _) => Some(Duration::new(number, nanos)),
    }
}

/// A number with or without a fraction, whose digits beyond the ninth are left out, and what follows.
fn number(text: &str) -> Option<(u64, u32, &str)> {
    let (whole, rest) = digits(text);
    let number: u64 = whole.parse().ok()?;
    let Some(rest) = rest.strip_prefix('.') else { return Some((number, 0, rest)) };
    let (fraction, rest) = digits(rest);
    if fraction.is_empty() {
        return None;
    }
    let places = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    let nanos = places.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    Some((number, nanos, rest))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// `6m0s`, `1h2m3.5s`, `20ms`: as Go writes its durations.
fn span(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
        ("w", 604_800_000_000_000),
    ];
    let (mut sum, mut rest) = (Duration::ZERO, text);
    while !rest.is_empty() {
        let (count, nanos, after) = number(rest)?;
        let letters = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, after) = after.split_at(letters);
        let (_, scale) = UNITS.iter().find(|(name, _)| *name == unit)?;
        let fraction = u128::from(nanos) * u128::from(*scale) / 1_000_000_000;
        let part = count.checked_mul(*scale)?.checked_add(u64::try_from(fraction).ok()?)?;
        sum = sum.checked_add(Duration::from_nanos(part))?;
        rest = after;
    }
    Some(sum)
}

/// `2026-11-23T06:00:00Z`, with fractions of a second and with an offset; since 1970.
fn rfc3339(text: &str) -> Option<Duration> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = fields(date, '-')?;
    let clock = time.bytes().take_while(|byte| matches!(byte, b'0'..=b'9' | b':' | b'.')).count();
    let (clock, offset) = time.split_at(clock);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = fields(clock, ':')?;
    let fits = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !fits {
        return None;
    }
    let days = i64::from(days_since_1970(year, month, day));
    let (hour, minute, second) = (i64::from(hour), i64::from(minute), i64::from(second));
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset_of(offset)?;
    let fraction = format!("0.{fraction}");
    let (_, nanos, _) = number(&fraction).filter(|(_, _, rest)| rest.is_empty())?;
    Some(Duration::new(u64::try_from(seconds).ok()?, nanos))
}

/// Three numbers of the widths that dates and times have: four or two digits, then two and two.
fn fields(text: &str, separator: char) -> Option<[u32; 3]> {
    let mut parts = text.split(separator).map(|part| {
        let is_number = matches!(part.len(), 2 | 4) && part.bytes().all(|b| b.is_ascii_digit());
        part.parse().ok().filter(|_| is_number)
    });
    let fields = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(fields)
}

/// `Z`, `+02:00`, `-0530`: how far ahead of Greenwich, in seconds.
fn offset_of(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let rest = rest.replace(':', "");
    let (hours, minutes) = rest.split_at_checked(2).filter(|(_, minutes)| minutes.len() == 2)?;
    let (hours, minutes): (u8, u8) = (hours.parse().ok()?, minutes.parse().ok()?);
    Some(sign * (i64::from(hours) * 3600 + i64::from(minutes) * 60))
}

/// Days of the Gregorian calendar, of a year from 1970 on, a month and a day from 1 on. Years are counted
/// from March, so that a leap day is the last of its year.
fn days_since_1970(year: u32, month: u32, day: u32) -> u32 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    days.saturating_sub(719_468)
}
