//! `breaker` as it is written, and the way to a [`Policy`].

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::Deserialize;

use crate::invalid::Invalid;
use crate::units::Span;

/// The section `breaker` of one pool.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawBreaker {
    /// So many failures one after the other eject.
    pub consecutive_failures: u32,
    /// So many failures of a hundred requests in the window eject,
    pub failure_percent: u32,
    /// if there were at least so many requests.
    pub min_requests: u32,
    /// How far back failures are counted.
    pub window: Span,
    /// A first token that takes longer is a failure; none is if this is left out.
    pub slow_first_token: Option<Span>,
    /// How long the first ejection lasts; the second lasts twice as long, and so on.
    pub eject_for: Span,
    /// The longest that failures eject for.
    pub eject_at_most: Span,
    /// By so much of it, at random, an ejection is longer, so that not all proxies come back at once.
    pub jitter_percent: u32,
    /// How long a server is left alone that asks for it without saying how long.
    pub rate_limited_for: Span,
    /// The longest that a server can ask for.
    pub max_hint: Span,
    /// How many of a hundred peers may be ejected.
    pub max_ejected_percent: u32,
    /// How many requests may be on their way to find out whether a server is well again.
    pub probes: u32,
    /// In how much time a server that is well again gets all its requests.
    pub restore_over: Span,
    /// What to do when there is nobody left.
    pub when_all_ejected: WhenAllEjected,
}

/// What to do with a request when all who could take it are ejected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenAllEjected {
    /// It goes to the one whose ejection ends first.
    #[default]
    LeastBad,
    /// It is refused.
    Refuse,
}

impl Default for RawBreaker {
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            failure_percent: 50,
            min_requests: 20,
            window: seconds(30),
            slow_first_token: None,
            eject_for: seconds(60),
            eject_at_most: seconds(600),
            jitter_percent: 10,
            rate_limited_for: seconds(10),
            max_hint: seconds(60),
            max_ejected_percent: 50,
            probes: 1,
            restore_over: seconds(10),
            when_all_ejected: WhenAllEjected::LeastBad,
        }
    }
}

fn seconds(seconds: u64) -> Span {
    Span(Duration::from_secs(seconds))
}

/// So many probes a record has room for.
pub(super) const MOST_PROBES: u32 = 4;

/// When to eject, for how long, and how to come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(super) consecutive_failures: u32,
    pub(super) failure_percent: u32,
    pub(super) min_requests: u32,
    pub(super) window: Duration,
    pub(super) slow_first_token: Option<Duration>,
    pub(super) eject_for: Duration,
    pub(super) eject_at_most: Duration,
    pub(super) jitter_percent: u32,
    pub(super) rate_limited_for: Duration,
    pub(super) max_hint: Duration,
    pub(super) max_ejected_percent: u32,
    pub(super) probes: usize,
    pub(super) restore_over: Duration,
    when_all_ejected: WhenAllEjected,
}

impl TryFrom<RawBreaker> for Policy {
    type Error = Invalid;

    fn try_from(raw: RawBreaker) -> Result<Self, Invalid> {
        let eject_for = span("eject_for", raw.eject_for, SHORTEST)?;
        let eject_at_most = span("eject_at_most", raw.eject_at_most, SHORTEST)?;
        if eject_at_most < eject_for {
            return Err(Invalid::new(
                "eject_at_most",
                format!(
                    "found `{}`; allowed eject_for (`{}`) and more; raise it",
                    raw.eject_at_most, raw.eject_for
                ),
            ));
        }
        let slow = raw.slow_first_token;
        Ok(Self {
            consecutive_failures: number(
                "consecutive_failures",
                raw.consecutive_failures,
                1..=1_000_000,
            )?,
            failure_percent: number("failure_percent", raw.failure_percent, 1..=100)?,
            min_requests: number("min_requests", raw.min_requests, 1..=1_000_000)?,
            window: span("window", raw.window, Duration::from_secs(1))?,
            slow_first_token: slow
                .map(|slow| span("slow_first_token", slow, SHORTEST))
                .transpose()?,
            eject_for,
            eject_at_most,
            jitter_percent: number("jitter_percent", raw.jitter_percent, 0..=100)?,
            rate_limited_for: span("rate_limited_for", raw.rate_limited_for, SHORTEST)?,
            max_hint: span("max_hint", raw.max_hint, SHORTEST)?,
            max_ejected_percent: number("max_ejected_percent", raw.max_ejected_percent, 0..=100)?,
            probes: number("probes", raw.probes, 1..=MOST_PROBES)? as usize,
            restore_over: span("restore_over", raw.restore_over, Duration::ZERO)?,
            when_all_ejected: raw.when_all_ejected,
        })
    }
}

/// Shorter than this, the proxy's own work is what would be measured.
const SHORTEST: Duration = Duration::from_millis(1);

/// What is set to more than a day is meant for ever, and a breaker never ejects for ever.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

fn number(path: &str, found: u32, allowed: RangeInclusive<u32>) -> Result<u32, Invalid> {
    if allowed.contains(&found) {
        return Ok(found);
    }
    let (least, most) = allowed.into_inner();
    let cure = if found < least { "raise it" } else { "lower it" };
    Err(Invalid::new(path, format!("found `{found}`; allowed {least} to {most}; {cure}")))
}

fn span(path: &str, found: Span, least: Duration) -> Result<Duration, Invalid> {
    if (least..=LONGEST).contains(&found.0) {
        return Ok(found.0);
    }
    let (least, most) = (Span(least), Span(LONGEST));
    let cure = if found < least { "raise it" } else { "lower it" };
    Err(Invalid::new(path, format!("found `{found}`; allowed {least} to {most}; {cure}")))
}

impl Policy {
    /// What to do with a request when all who could take it are ejected.
    pub fn when_all_ejected(&self) -> WhenAllEjected {
        self.when_all_ejected
    }

    /// The longest that anything it does can last.
    pub(super) fn longest(&self) -> Duration {
        let longest = self.eject_at_most.max(self.max_hint).max(self.rate_limited_for);
        longest.saturating_add(self.jitter(longest, u64::MAX))
    }

    /// How much longer an ejection of this length is by this draw.
    pub(super) fn jitter(&self, span: Duration, draw: u64) -> Duration {
        let most = span.as_micros() * u128::from(self.jitter_percent) / 100;
        // A span is at most a day, so neither product comes near the end.
        Duration::from_micros(u64::try_from((most * u128::from(draw)) >> 64).unwrap_or(0))
    }

    /// How many of so many peers may be ejected.
    pub(super) fn may_be_ejected(&self, peers: usize) -> usize {
        peers * self.max_ejected_percent as usize / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(json: &str) -> Result<Policy, String> {
        let raw: RawBreaker = serde_json::from_str(json).map_err(|e| e.to_string())?;
        Policy::try_from(raw).map_err(|e| e.to_string())
    }

    #[test]
    fn an_empty_section_is_the_documented_default() {
        let policy = policy("{}").unwrap();
        assert_eq!((policy.consecutive_failures, policy.failure_percent), (5, 50));
        assert_eq!((policy.min_requests, policy.probes), (20, 1));
        assert_eq!(policy.window, Duration::from_secs(30));
        assert_eq!(policy.eject_for, Duration::from_secs(60));
        assert_eq!(policy.when_all_ejected(), WhenAllEjected::LeastBad);
        assert_eq!(policy.longest(), Duration::from_micros(659_999_999));
    }

    #[test]
    fn what_could_never_be_is_refused_with_what_can() {
        let refused = |json: &str, expected: &str| {
            assert_eq!(policy(json).unwrap_err(), expected);
        };
        refused(
            r#"{"consecutive_failures": 0}"#,
            "consecutive_failures: found `0`; allowed 1 to 1000000; raise it",
        );
        refused(
            r#"{"failure_percent": 101}"#,
            "failure_percent: found `101`; allowed 1 to 100; lower it",
        );
        refused(r#"{"window": "30ms"}"#, "window: found `30ms`; allowed 1s to 1d; raise it");
        refused(r#"{"max_hint": "25h"}"#, "max_hint: found `25h`; allowed 1ms to 1d; lower it");
        refused(
            r#"{"eject_for": "2m", "eject_at_most": "60s"}"#,
            "eject_at_most: found `1m`; allowed eject_for (`2m`) and more; raise it",
        );
        assert!(
            policy(r#"{"cool_down": "1s"}"#).unwrap_err().contains("unknown field `cool_down`")
        );
    }
}
