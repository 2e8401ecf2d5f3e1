//! `retry`, `per_try_timeout` and `first_token_within` as they are written, and the way to a
//! [`RetryPolicy`].

use std::time::Duration;

use serde::Deserialize;

use super::RetryPolicy;
use super::limit::Limit;
use super::on::{RetryOn, all_statuses, statuses};
use crate::attempt::{Class, Classes};
use crate::budget::BudgetPolicy;
use crate::invalid::Invalid;
use crate::units::{Size, Span};

/// The section `retry` of one pool.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawRetry {
    /// How often a request is sent, the first time included.
    pub attempts: u8,
    /// On which events it is sent again, by Envoy's names.
    pub on: Vec<RetryOn>,
    /// On which statuses, beside those of `classes`.
    pub statuses: Vec<u16>,
    /// Where it is sent then.
    pub along: Along,
    /// How many prompt tokens may be sent again for a hundred that were asked.
    pub token_budget_percent: u32,
    /// How many may be sent again however few were asked.
    pub budget_floor: u64,
    /// How far back they are counted.
    pub budget_window: Span,
    /// Longer bodies are sent once: Envoy does not keep them. It has to be what the route has.
    pub body_limit: Size,
    /// Whether clients may steer retries by headers, where Envoy lets them.
    pub obey_client_headers: bool,
    /// Whether a request that takes too long is sent again beside the one that is on its way.
    pub hedge_on_per_try_timeout: bool,
    /// What each class of errors leads to.
    pub classes: RawClasses,
}

/// Where further attempts go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Along {
    /// To the pool's other servers.
    #[default]
    Pool,
    /// To the pool's fallbacks, one after the other: its route leads to a composite cluster of them.
    Fallback,
}

/// What an error leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Another attempt.
    Next,
    /// The client gets it.
    Fail,
}

/// What each class of errors leads to.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawClasses {
    /// 429.
    pub rate_limited: Rule,
    /// 529, and what says so in its words.
    pub overloaded: Rule,
    /// 500 to 503.
    pub server_error: Rule,
    /// 408 and 504.
    pub timeout: Rule,
    /// A prompt that is too long; only the plugin behind the router can tell.
    pub context_length: Rule,
    /// An answer that was refused; only the plugin behind the router can tell.
    pub content_policy: Rule,
    /// 401 and 403.
    pub authentication: Rule,
}

/// The section `per_try_timeout` of one pool: how long an answer may take that is no stream.
#[derive(Debug, Clone, Deserialize)]
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
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawFirstToken {
    /// However little is asked.
    pub base: Span,
    /// And for each token of the prompt.
    pub per_prompt_token: Span,
}

impl Default for RawRetry {
    fn default() -> Self {
        Self {
            attempts: 3,
            on: vec![RetryOn::GatewayError, RetryOn::ConnectFailure, RetryOn::RefusedStream],
            statuses: Vec::new(),
            along: Along::Pool,
            token_budget_percent: 20,
            budget_floor: 10_000,
            budget_window: Span(Duration::from_secs(30)),
            body_limit: Size(1 << 20),
            obey_client_headers: false,
            hedge_on_per_try_timeout: false,
            classes: RawClasses::default(),
        }
    }
}

impl Default for RawClasses {
    fn default() -> Self {
        Self {
            rate_limited: Rule::Next,
            overloaded: Rule::Next,
            server_error: Rule::Next,
            timeout: Rule::Next,
            context_length: Rule::Fail,
            content_policy: Rule::Fail,
            authentication: Rule::Fail,
        }
    }
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

/// A record tells of so many.
const MOST_ATTEMPTS: u8 = 16;

impl TryFrom<(RawRetry, RawPerTry, RawFirstToken)> for RetryPolicy {
    type Error = Invalid;

    fn try_from(
        (retry, per_try, first_token): (RawRetry, RawPerTry, RawFirstToken),
    ) -> Result<Self, Invalid> {
        let goes_on = retry.check().map_err(|invalid| invalid.under("retry"))?;
        check_limits(&per_try, &first_token)?;
        let window = retry.budget_window;
        let budget = BudgetPolicy::new(retry.token_budget_percent, retry.budget_floor, window)
            .map_err(|invalid| invalid.under("retry"))?;
        let all = all_statuses(&retry.statuses, goes_on);
        let mut on: Vec<&str> = retry.on.iter().map(|on| on.as_str()).collect();
        let codes = RetryOn::RetriableStatusCodes.as_str();
        if !all.is_empty() && !on.contains(&codes) {
            on.push(codes);
        }
        Ok(Self {
            attempts: retry.attempts,
            on: on.join(","),
            statuses: all.iter().map(u16::to_string).collect::<Vec<_>>().join(","),
            goes_on,
            along: retry.along,
            body_limit: retry.body_limit.0,
            obey_client_headers: retry.obey_client_headers,
            hedge_on_per_try_timeout: retry.hedge_on_per_try_timeout,
            budget,
            per_try: Limit { base: per_try.base.0, per_token: per_try.per_prompt_token.0 },
            per_output_token: per_try.per_output_token.0,
            first_token: Limit {
                base: first_token.base.0,
                per_token: first_token.per_prompt_token.0,
            },
            at_most: per_try.at_most.0,
        })
    }
}

impl RawRetry {
    fn check(&self) -> Result<Classes, Invalid> {
        if !(1..=MOST_ATTEMPTS).contains(&self.attempts) {
            let problem = format!(
                "found `{}`; allowed 1 to {MOST_ATTEMPTS}; 1 sends every request once",
                self.attempts
            );
            return Err(Invalid::new("attempts", problem));
        }
        let goes_on = self.classes.going_on();
        for (index, status) in self.statuses.iter().enumerate() {
            let at = format!("statuses[{index}]");
            if !(400..=599).contains(status) {
                let problem = format!("found `{status}`; allowed 400 to 599; remove it");
                return Err(Invalid::new(at, problem));
            }
            let failing = RawClasses::ALL
                .into_iter()
                .find(|class| !goes_on.has(*class) && statuses(*class).contains(status));
            if let Some(class) = failing {
                let class = class.as_str();
                let problem = format!(
                    "found `{status}`, and classes.{class} is `fail`; allowed one of the two; remove it, or set classes.{class} to `next`"
                );
                return Err(Invalid::new(at, problem));
            }
        }
        Ok(goes_on)
    }
}

impl RawClasses {
    /// Those that have a rule.
    const ALL: [Class; 7] = [
        Class::RateLimited,
        Class::Overloaded,
        Class::ServerError,
        Class::Timeout,
        Class::ContextLength,
        Class::ContentPolicy,
        Class::Authentication,
    ];

    /// The classes that lead to another attempt.
    fn going_on(&self) -> Classes {
        let rules = [
            self.rate_limited,
            self.overloaded,
            self.server_error,
            self.timeout,
            self.context_length,
            self.content_policy,
            self.authentication,
        ];
        let going_on = Self::ALL.into_iter().zip(rules).filter(|(_, rule)| *rule == Rule::Next);
        going_on.map(|(class, _)| class).collect()
    }
}

/// An attempt that may take no time is none, and one that may take days holds its client for days.
fn check_limits(per_try: &RawPerTry, first_token: &RawFirstToken) -> Result<(), Invalid> {
    let (least, most) = (Span(Duration::from_millis(1)), Span(Duration::from_secs(3600)));
    let spans = [
        ("per_try_timeout.base", per_try.base, least),
        ("per_try_timeout.per_prompt_token", per_try.per_prompt_token, Span(Duration::ZERO)),
        ("per_try_timeout.per_output_token", per_try.per_output_token, Span(Duration::ZERO)),
        ("per_try_timeout.at_most", per_try.at_most, least),
        ("first_token_within.base", first_token.base, least),
        ("first_token_within.per_prompt_token", first_token.per_prompt_token, Span(Duration::ZERO)),
    ];
    for (path, found, least) in spans {
        if !(least..=most).contains(&found) {
            let cure = if found < least { "raise it" } else { "lower it" };
            let problem = format!("found `{found}`; allowed {least} to {most}; {cure}");
            return Err(Invalid::new(path, problem));
        }
    }
    Ok(())
}
