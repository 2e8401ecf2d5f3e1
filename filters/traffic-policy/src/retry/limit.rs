//! How long an attempt may take: `per_try_timeout` and `first_token_within` as they are written, and as they
//! are used.

use std::time::Duration;

use serde::Deserialize;

use super::Ask;
use crate::invalid::Invalid;
use crate::units::Span;

/// The section `per_try_timeout` of one pool: how long an answer may take that is no stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawPerTry {
    /// However little is asked.
    pub base: Span,
    /// And for each token of the prompt.
    pub per_prompt_token: Span,
    /// And for each that may be written.
    pub per_output_token: Span,
    /// But no longer than this, which is also the limit where nobody says how much may be written.
    pub at_most: Span,
}

/// The section `first_token_within` of one pool: how long a stream's first event may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawFirstToken {
    /// However little is asked.
    pub base: Span,
    /// And for each token of the prompt.
    pub per_prompt_token: Span,
}

impl Default for RawPerTry {
    fn default() -> Self {
        Self {
            base: Span(Duration::from_secs(2)),
            per_prompt_token: Span(Duration::from_micros(300)),
            per_output_token: Span(Duration::from_millis(25)),
            at_most: Span(Duration::from_secs(300)),
        }
    }
}

impl Default for RawFirstToken {
    fn default() -> Self {
        let RawPerTry { base, per_prompt_token, .. } = RawPerTry::default();
        Self { base, per_prompt_token }
    }
}

/// How long an attempt may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    answer: RawPerTry,
    first_token: RawFirstToken,
}

impl TryFrom<(RawPerTry, RawFirstToken)> for Limits {
    type Error = Invalid;

    fn try_from((answer, first_token): (RawPerTry, RawFirstToken)) -> Result<Self, Invalid> {
        let nothing = Duration::ZERO;
        for (path, found, least) in [
            ("per_try_timeout.base", answer.base, SHORTEST),
            ("per_try_timeout.per_prompt_token", answer.per_prompt_token, nothing),
            ("per_try_timeout.per_output_token", answer.per_output_token, nothing),
            ("per_try_timeout.at_most", answer.at_most, SHORTEST),
            ("first_token_within.base", first_token.base, SHORTEST),
            ("first_token_within.per_prompt_token", first_token.per_prompt_token, nothing),
        ] {
            let (least, most) = (Span(least), Span(LONGEST));
            if !(least..=most).contains(&found) {
                let cure = if found < least { "raise it" } else { "lower it" };
                let problem = format!("found `{found}`; allowed {least} to {most}; {cure}");
                return Err(Invalid::new(path, problem));
            }
        }
        Ok(Self { answer, first_token })
    }
}

/// An attempt that may take no time is none.
const SHORTEST: Duration = Duration::from_millis(1);

/// One that may take days holds its client for days.
const LONGEST: Duration = Duration::from_secs(3600);

impl Limits {
    /// How long one attempt may take until the router has its response's headers.
    pub(super) fn per_try(&self, ask: &Ask<'_>) -> Duration {
        let Self { answer, first_token } = self;
        let limit = match ask.output_tokens {
            _ if ask.stream => {
                first_token.base.0 + times(first_token.per_prompt_token, ask.prompt_tokens)
            }
            Some(output) => {
                let reading = times(answer.per_prompt_token, ask.prompt_tokens);
                answer.base.0 + reading + times(answer.per_output_token, output)
            }
            // Who does not say how much it wants may get as much as there is.
            None => LONGEST,
        };
        limit.min(answer.at_most.0)
    }
}

/// A time so many times, as far as it matters.
fn times(span: Span, count: u64) -> Duration {
    let micros = span.0.as_micros().saturating_mul(u128::from(count));
    u64::try_from(micros).map_or(LONGEST, Duration::from_micros)
}

/// Whole milliseconds as a header has them. Never none: to Envoy that means no limit.
pub(super) fn milliseconds(span: Duration) -> String {
    span.as_micros().div_ceil(1_000).max(1).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_the_shortest_limit_and_not_none() {
        assert_eq!(milliseconds(Duration::ZERO), "1");
        assert_eq!(milliseconds(Duration::from_micros(1_001)), "2");
    }
}
