//! How long something may take that has a beginning and a number of tokens.

use std::time::Duration;

/// A time, and more for each token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) base: Duration,
    pub(super) per_token: Duration,
}

impl Limit {
    /// The limit for so many tokens.
    pub(super) fn of(self, tokens: u64) -> Duration {
        self.base.saturating_add(times(self.per_token, tokens))
    }
}

/// A time so many times; the longest there is if that is longer.
pub(super) fn times(span: Duration, count: u64) -> Duration {
    let micros = span.as_micros().saturating_mul(u128::from(count));
    u64::try_from(micros).map_or(Duration::MAX, Duration::from_micros)
}

/// Whole milliseconds as a header has them. Never none: to Envoy that means no limit.
pub(super) fn milliseconds(span: Duration) -> String {
    span.as_micros().div_ceil(1_000).max(1).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_grows_with_the_tokens_and_never_overflows() {
        let limit = Limit { base: Duration::from_secs(2), per_token: Duration::from_micros(300) };
        assert_eq!(limit.of(0), Duration::from_secs(2));
        assert_eq!(limit.of(10_000), Duration::from_secs(5));
        assert_eq!(limit.of(u64::MAX), Duration::MAX);
    }

    #[test]
    fn no_time_is_the_shortest_limit_and_not_none() {
        assert_eq!(milliseconds(Duration::ZERO), "1");
        assert_eq!(milliseconds(Duration::from_micros(1_001)), "2");
    }
}
