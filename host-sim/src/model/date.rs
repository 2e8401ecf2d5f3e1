//! The `date` header: the wall clock as HTTP writes it.

/// Nanoseconds since 1970 as `Tue, 13 Oct 2026 08:00:00 GMT`.
pub(crate) fn http_date(wall_nanos: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = wall_nanos / 1_000_000_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let name = |list: &[&'static str], place: u64| {
        usize::try_from(place).ok().and_then(|place| list.get(place).copied()).unwrap_or("?")
    };
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        name(&DAYS, days % 7),
        name(&MONTHS, month - 1),
        second / 3600,
        second / 60 % 60,
        second % 60,
    )
}

/// `2026-10-13T08:00:00.000Z`, as access logs write an instant.
#[must_use]
pub fn iso_date(wall_nanos: u64) -> String {
    let seconds = wall_nanos / 1_000_000_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let millis = wall_nanos / 1_000_000 % 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// `2026-10-13T08:00:00Z`, from seconds since 1970.
pub(crate) fn iso_seconds(seconds: u64) -> String {
    let date = iso_date(seconds.saturating_mul(1_000_000_000));
    date.split_once('.').map_or_else(String::new, |(date, _)| format!("{date}Z"))
}

/// Year, month and day of a number of days since 1970, in the Gregorian calendar.
///
/// Years are counted from March, so that the leap day is a year's last; then every 5 months have 153 days.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // From the first of March of year 0.
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_http_wants_them() {
        let at = |seconds: u64| http_date(seconds * 1_000_000_000);
        assert_eq!(at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(at(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(at(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(at(1_767_225_600), "Thu, 01 Jan 2026 00:00:00 GMT");
        assert_eq!(iso_date(1_767_225_600_123_000_000), "2026-01-01T00:00:00.123Z");
    }
}
