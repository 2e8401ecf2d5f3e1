//! Durations as people read them.

use std::time::Duration;

/// A duration in the coarsest unit that does not hide anything a reader needs.
#[must_use]
pub fn display(duration: Duration) -> String {
    match duration.as_nanos() {
        0 => "0s".to_owned(),
        nanos if nanos.is_multiple_of(1_000_000_000) => format!("{}s", nanos / 1_000_000_000),
        nanos if nanos >= 10_000_000_000 => format!("{:.1}s", duration.as_secs_f64()),
        nanos if nanos >= 1_000_000 => format!("{}ms", nanos / 1_000_000),
        nanos => format!("{}us", nanos / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_short() {
        assert_eq!(display(Duration::from_millis(1500)), "1500ms");
        assert_eq!(display(Duration::from_secs(2)), "2s");
        assert_eq!(display(Duration::from_micros(40)), "40us");
    }
}
