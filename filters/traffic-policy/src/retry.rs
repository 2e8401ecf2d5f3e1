//! Whether and how Envoy may try a request again, in Envoy's own words.
//!
//! The router that holds the request is the only one who can send it again, and it takes its orders from
//! request headers. So a policy becomes headers, computed from what the request has at stake, and a
//! [`Plan`] for the plugin behind the router.
//!
//! # Times
//! A server needs time for each token that it reads and each that it writes, so a limit on an attempt that
//! fits a greeting would cut every long answer. Without a stream the answer comes at once at the end, and
//! the limit covers all of it. With one it covers the time to the first event (Envoy's limit on an attempt
//! ends with the response's headers, and the plugin behind the router holds these back until there is an
//! event), and the limit on all attempts together has to be off: it would cut the stream.
//!
//! # Statuses
//! A rule for a class of errors becomes the statuses that stand for it. Some errors have none of their own
//! (a prompt that is too long is a 400 as any other, an error inside a stream a 200): the plugin behind the
//! router answers 503 in their place. So 503 is tried again as soon as any class is, even where a server's
//! own 503 would not be.
//!
//! # Limits
//! A route's own retry conditions are added to these by Envoy; the number of attempts is ours alone.

mod classes;
mod config;
mod limit;
mod on;

use std::time::Duration;

pub(crate) use classes::all_statuses;
pub use classes::{RawClasses, Rule};
pub use config::{Along, RawRetry};
pub use limit::{RawFirstToken, RawPerTry};
pub use on::RetryOn;

use crate::attempt::{Classes, Plan};
use crate::budget::BudgetPolicy;
use limit::Limits;

/// Whether and how a pool's requests are tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    attempts: u8,
    on: String,
    statuses: String,
    goes_on: Classes,
    along: Along,
    body_limit: u64,
    obey_client_headers: bool,
    hedge_on_per_try_timeout: bool,
    budget: BudgetPolicy,
    limits: Limits,
}

/// What a request has at stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ask<'a> {
    /// The tokens of its prompt.
    pub prompt_tokens: u64,
    /// The most that it wants to have written, if it says so.
    pub output_tokens: Option<u64>,
    /// Whether the answer comes in pieces.
    pub stream: bool,
    /// The pools to which its route leads, in order; the first is the one that was chosen.
    pub hops: &'a [String],
    /// The length of its body, if it is known.
    pub body_bytes: Option<u64>,
}

/// How a request is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retry {
    /// What the router is told.
    pub headers: Vec<(&'static str, String)>,
    /// What the plugin behind it is told.
    pub plan: Plan,
    /// Why it is not tried again although the policy would let it: `body_limit` or `budget`.
    pub why_not: Option<&'static str>,
}

/// The request headers by which a client that the proxy trusts could order what is decided here.
pub const STEERING: [&str; 9] = [
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-max-retries",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
];

/// Envoy waits up to so long before it tries again, if nobody tells it otherwise.
const BACK_OFF: Duration = Duration::from_millis(250);

impl RetryPolicy {
    /// How much of the work may be done twice.
    pub fn budget(&self) -> &BudgetPolicy {
        &self.budget
    }

    /// Whether the headers of [`STEERING`] that a client has sent are left as they are.
    pub fn obeys_client_headers(&self) -> bool {
        self.obey_client_headers
    }

    /// Where further attempts go.
    pub fn along(&self) -> Along {
        self.along
    }

    /// The prompt tokens that another attempt would send: what the budget is asked for.
    ///
    /// Of one attempt and not of all that there may be, most of which are never needed: a lone client with
    /// a long prompt would get none, because the floor has no room for two. So a request may exceed the
    /// budget, by itself and by what it needs beyond its second attempt.
    pub fn at_stake(&self, ask: &Ask<'_>) -> u64 {
        if self.attempts(ask) > 1 { ask.prompt_tokens } else { 0 }
    }

    /// How this request is tried again, if the budget lets it.
    pub fn plan(&self, ask: &Ask<'_>, allowed_by_budget: bool) -> Retry {
        let wanted = self.attempts(ask);
        let why_not = match ask.body_bytes {
            _ if wanted <= 1 => None,
            Some(bytes) if bytes > self.body_limit => Some("body_limit"),
            _ if !allowed_by_budget => Some("budget"),
            _ => None,
        };
        let attempts = if why_not.is_some() { 1 } else { wanted };
        let per_try = self.limits.per_try(ask);
        let hops = match self.along {
            Along::Pool => 1,
            Along::Fallback => usize::from(attempts),
        };
        let plan = Plan {
            attempts,
            hops: ask.hops.iter().take(hops).cloned().collect(),
            first_event_within: ask.stream.then_some(per_try),
            goes_on: self.goes_on,
        };
        Retry { headers: self.headers(ask.stream, attempts, per_try), plan, why_not }
    }

    /// More attempts than there are members would put an error of the proxy's own in the place of the
    /// last member's answer.
    fn attempts(&self, ask: &Ask<'_>) -> u8 {
        match self.along {
            Along::Pool => self.attempts,
            Along::Fallback => {
                let chain = u8::try_from(ask.hops.len()).unwrap_or(u8::MAX);
                self.attempts.min(chain.max(1))
            }
        }
    }

    fn headers(
        &self,
        stream: bool,
        attempts: u8,
        per_try: Duration,
    ) -> Vec<(&'static str, String)> {
        let retries = attempts.saturating_sub(1);
        let mut headers = vec![("x-envoy-max-retries", retries.to_string())];
        if retries > 0 {
            headers.push(("x-envoy-retry-on", self.on.clone()));
            if !self.statuses.is_empty() {
                headers.push(("x-envoy-retriable-status-codes", self.statuses.clone()));
            }
            if self.hedge_on_per_try_timeout {
                headers.push(("x-envoy-hedge-on-per-try-timeout", "true".into()));
            }
        }
        headers.push(("x-envoy-upstream-rq-per-try-timeout-ms", limit::milliseconds(per_try)));
        let all = per_try
            .saturating_mul(u32::from(attempts))
            .saturating_add(BACK_OFF.saturating_mul(u32::from(retries)));
        let all = if stream { "0".into() } else { limit::milliseconds(all) };
        headers.push(("x-envoy-upstream-rq-timeout-ms", all));
        headers
    }
}

#[cfg(test)]
mod tests;
