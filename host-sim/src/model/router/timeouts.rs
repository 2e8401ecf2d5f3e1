//! How long a request and each of its attempts may take.

use std::time::Duration;

use crate::model::{
    headers::HeaderMap,
    route::Forward,
    time::{Nanos, nanos},
};

/// Limits on a request; none where there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// On the whole answer, from the end of the request.
    pub(super) global: Option<Nanos>,
    /// On the response headers of each attempt.
    pub(super) per_try: Option<Nanos>,
}

impl Timeouts {
    /// Takes what the request's headers say in the place of what the route says.
    pub(super) fn take(headers: &mut HeaderMap, forward: &Forward) -> Self {
        let per_try = forward.retry_policy.as_ref().and_then(|policy| policy.per_try_timeout);
        Self::within(headers, forward.timeout, per_try)
    }

    /// Takes what headers say in the place of these limits on the whole and on an attempt.
    pub(super) fn within(
        headers: &mut HeaderMap,
        by_route: Option<Duration>,
        attempt: Option<Duration>,
    ) -> Self {
        let asked = take_millis(headers, "x-envoy-upstream-rq-timeout-ms");
        let per_try = take_millis(headers, "x-envoy-upstream-rq-per-try-timeout-ms");
        let some = |limit: &Duration| !limit.is_zero();
        let global = match asked {
            Some(asked) => Some(asked).filter(some),
            None => by_route,
        };
        let per_try = per_try.or(attempt).filter(some);
        // A limit on one attempt that is none on the whole is none at all.
        let per_try = per_try.filter(|limit| global.is_none_or(|global| *limit < global));
        Self { global: global.map(nanos), per_try: per_try.map(nanos) }
    }

    /// `x-envoy-expected-rq-timeout-ms`, when so much of the time has passed.
    pub(super) fn expected_millis(self, elapsed: Nanos) -> Option<u64> {
        let expected = self.per_try.or(self.global)? / 1_000_000;
        let elapsed = elapsed / 1_000_000;
        Some(match self.global.map(|global| global / 1_000_000) {
            // 0 would be no limit at all.
            Some(global) if elapsed >= global => 1,
            Some(global) => expected.min(global - elapsed),
            None => expected,
        })
    }

    /// Tells the server how long it has.
    pub(super) fn tell(self, headers: &mut HeaderMap, elapsed: Nanos) {
        if let Some(expected) = self.expected_millis(elapsed) {
            headers.set("x-envoy-expected-rq-timeout-ms", expected.to_string());
        }
    }
}

fn take_millis(headers: &mut HeaderMap, name: &str) -> Option<Duration> {
    let value = headers.text(name).and_then(|value| value.trim().parse().ok());
    headers.remove(name.as_bytes());
    value.map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Nanos = 1_000_000_000;

    #[test]
    fn a_server_is_told_what_is_left_and_never_nothing() {
        let limits = Timeouts { global: Some(2 * SECOND), per_try: Some(SECOND) };
        let told = |elapsed| limits.expected_millis(elapsed);
        assert_eq!(told(0), Some(1000));
        assert_eq!(told(SECOND + SECOND / 2), Some(500));
        assert_eq!(told(3 * SECOND), Some(1));
        let endless = Timeouts { global: None, per_try: Some(SECOND) };
        assert_eq!(endless.expected_millis(9 * SECOND), Some(1000));
        assert_eq!(Timeouts::default().expected_millis(0), None);
    }
}
