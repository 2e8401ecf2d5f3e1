//! When to come back, in every dialect that servers say it in.
//!
//! | field | value |
//! |---|---|
//! | `retry-after-ms`, `x-ms-retry-after-ms` | milliseconds; OpenAI, Azure |
//! | `retry-after` | seconds, with a fraction too; a date; `1m30s`; RFC 3339 |
//! | `x-ratelimit-reset-*`, `x-ratelimit-reset`, `ratelimit-reset` | the same, and seconds or milliseconds since 1970; OpenAI, Groq, Cerebras, OpenRouter |
//! | `anthropic-ratelimit-*-reset` | RFC 3339 |
//!
//! # Which one counts
//! What was said for this very answer, in the order of the table: milliseconds are the same wait told more
//! exactly. Resets are sent with every answer, for each of a server's limits, whichever was hit or none; so they
//! count only without a wish, and only for an answer that was refused for a limit. Those whose `remaining` is 0 are the ones, and the latest of them. If
//! none is, one of them was hit and nobody says which: the soonest counts that is still to come. Too
//! short a wait costs one more refusal, too long a one costs a server that would have answered.
//!
//! # What is none
//! A date that has passed says *now*: a wait of zero. A negative number, a number that is no time by any
//! dialect (10^20), a text that is none of the above, and bytes that are no text say nothing.

mod moment;

use std::time::Duration;

use moment::{Unit, wait};

/// Limits of one server; more of them are not looked at.
const MOST: usize = 16;

/// When to come back, as an answer says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RetryAfter {
    told: Option<Duration>,
    reset: Option<Duration>,
}

impl RetryAfter {
    /// How long to wait if the answer was refused for a limit, or if it was not.
    ///
    /// ```
    /// use std::time::Duration;
    /// use llm_wire::retry_after;
    ///
    /// let headers: [(&[u8], &[u8]); 1] = [(b"x-ratelimit-reset-requests", b"6m0s")];
    /// let said = retry_after(headers, Duration::ZERO);
    /// assert_eq!(said.wait(true), Some(Duration::from_secs(360)));
    /// assert_eq!(said.wait(false), None);
    /// ```
    #[must_use]
    pub fn wait(self, is_limit: bool) -> Option<Duration> {
        self.told.or(self.reset.filter(|_| is_limit))
    }
}

/// What the headers of an answer say. Names are lower-case, as proxies have them. `wall` is the
/// time since 1970; without a clock that is right, dates are not.
///
/// ```
/// use std::time::Duration;
/// use llm_wire::retry_after;
///
/// let headers: [(&[u8], &[u8]); 2] =
///     [(b"retry-after", b"20"), (b"x-ratelimit-reset-tokens", b"6m0s")];
/// assert_eq!(retry_after(headers, Duration::ZERO).wait(true), Some(Duration::from_secs(20)));
/// ```
#[must_use]
pub fn retry_after<'a>(
    headers: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    wall: Duration,
) -> RetryAfter {
    let mut told: Option<(u8, Duration)> = None;
    let mut limits = Limits::default();
    for (name, value) in headers {
        match Field::of(name) {
            Some(Field::Told { rank, unit }) => {
                let better = told.is_none_or(|(best, _)| rank < best);
                if let Some(wait) = wait(value, unit, wall).filter(|_| better) {
                    told = Some((rank, wait));
                }
            }
            Some(Field::Reset(limit)) => limits.reset(limit, wait(value, Unit::Seconds, wall)),
            Some(Field::Remaining(limit)) => limits.remaining(limit, value),
            None => {}
        }
    }
    RetryAfter { told: told.map(|(_, wait)| wait), reset: limits.wait() }
}

/// What a header says, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field<'a> {
    /// When to come back; of several the lowest rank counts.
    Told { rank: u8, unit: Unit },
    /// When a limit is as it was.
    Reset(&'a [u8]),
    /// How much of a limit is left.
    Remaining(&'a [u8]),
}

impl<'a> Field<'a> {
    fn of(name: &'a [u8]) -> Option<Self> {
        let told = |rank, unit| Some(Self::Told { rank, unit });
        match name {
            b"retry-after-ms" => return told(0, Unit::Milliseconds),
            b"x-ms-retry-after-ms" => return told(1, Unit::Milliseconds),
            b"retry-after" => return told(2, Unit::Seconds),
            _ => {}
        }
        if let Some(rest) = name.strip_prefix(b"anthropic-ratelimit-") {
            let reset = rest.strip_suffix(b"-reset").map(Self::Reset);
            return reset.or_else(|| rest.strip_suffix(b"-remaining").map(Self::Remaining));
        }
        let rest = name.strip_prefix(b"x-").unwrap_or(name).strip_prefix(b"ratelimit-")?;
        let reset = rest.strip_prefix(b"reset").map(Self::Reset);
        reset.or_else(|| rest.strip_prefix(b"remaining").map(Self::Remaining))
    }
}

/// A server's limits, by what is left of their fields' names.
#[derive(Debug, Default)]
struct Limits<'a> {
    limits: Vec<Limit<'a>>,
}

#[derive(Debug)]
struct Limit<'a> {
    name: &'a [u8],
    wait: Option<Duration>,
    is_used_up: bool,
}

impl<'a> Limits<'a> {
    fn reset(&mut self, name: &'a [u8], wait: Option<Duration>) {
        if let Some(limit) = self.limit(name) {
            limit.wait = wait;
        }
    }

    fn remaining(&mut self, name: &'a [u8], value: &[u8]) {
        let value = value.trim_ascii();
        if let Some(limit) = self.limit(name) {
            limit.is_used_up = !value.is_empty() && value.iter().all(|byte| *byte == b'0');
        }
    }

    fn limit(&mut self, name: &'a [u8]) -> Option<&mut Limit<'a>> {
        let at = self.limits.iter().position(|limit| limit.name == name);
        let at = at.unwrap_or(self.limits.len());
        if at == self.limits.len() && at < MOST {
            self.limits.push(Limit { name, wait: None, is_used_up: false });
        }
        self.limits.get_mut(at)
    }

    fn wait(&self) -> Option<Duration> {
        let used_up = self.limits.iter().filter(|limit| limit.is_used_up);
        let all = || self.limits.iter().filter_map(|limit| limit.wait);
        let latest = used_up.filter_map(|limit| limit.wait).max();
        latest.or_else(|| all().filter(|wait| !wait.is_zero()).min()).or_else(|| all().min())
    }
}

#[cfg(test)]
mod tests;
