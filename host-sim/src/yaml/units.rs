//! Durations and sizes as people write them.

use std::time::Duration;

/// A duration with a unit: `300us`, `2s`, `1.5s`, `24h`.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    const UNITS: [(&str, u64); 6] = [
        ("ns", 1),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let (number, nanos) = with_unit(text, &UNITS)?;
    scaled(number, nanos).map(Duration::from_nanos)
}

/// A duration as protobuf's JSON form has it, which Envoy reads: seconds only, `0.25s`.
#[must_use]
pub fn parse_seconds(text: &str) -> Option<Duration> {
    scaled(text.strip_suffix('s')?, 1_000_000_000).map(Duration::from_nanos)
}

/// A size: `512`, `512B`, `512KiB`, `4MiB`, `1GiB`, and the decimal `kB`, `MB`.
#[must_use]
pub fn parse_size(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 6] = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("B", 1),
    ];
    let (number, bytes) = with_unit(text, &UNITS).unwrap_or((text, 1));
    scaled(number, bytes)
}

/// Splits off the first unit whose remainder is a number: `s` must not match `ms`.
fn with_unit<'a>(text: &'a str, units: &[(&str, u64)]) -> Option<(&'a str, u64)> {
    units.iter().find_map(|(unit, factor)| {
        let number = text.strip_suffix(unit)?.trim_end();
        number.ends_with(|c: char| c.is_ascii_digit()).then_some((number, *factor))
    })
}

/// An unsigned decimal number times a factor, exactly; digits below one unit are refused.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let factor = u128::from(factor);
    let one = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let parts = if fraction.is_empty() { 0 } else { fraction.parse::<u128>().ok()? };
    let scaled = parts.checked_mul(factor)?;
    if scaled % one != 0 {
        return None;
    }
    let total = whole.parse::<u128>().ok()?.checked_mul(factor)?.checked_add(scaled / one)?;
    u64::try_from(total).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_exact_and_need_a_unit() {
        assert_eq!(parse_duration("300us"), Some(Duration::from_micros(300)));
        assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(parse_duration("24h"), Some(Duration::from_secs(86_400)));
        for wrong in ["", "5", "s", "-1s", "1.s5", "1e3s", "0.0000000001s", "99999999999h"] {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn protobuf_durations_are_seconds_only() {
        assert_eq!(parse_seconds("0.25s"), Some(Duration::from_millis(250)));
        assert_eq!(parse_seconds("250ms"), None);
    }

    #[test]
    fn sizes_are_binary_or_decimal_by_their_unit() {
        assert_eq!(parse_size("512KiB"), Some(524_288));
        assert_eq!(parse_size("600kB"), Some(600_000));
        assert_eq!(parse_size("1.5MiB"), Some(1_572_864));
        assert_eq!(parse_size("12"), Some(12));
        assert_eq!(parse_size("1.5"), None);
        assert_eq!(parse_size("12 monkeys"), None);
    }
}
