//! `retry` as it is written, and the way to a [`RetryPolicy`].

use std::time::Duration;

use serde::Deserialize;

use super::RetryPolicy;
use super::classes::{RawClasses, all_statuses};
use super::limit::{Limits, RawFirstToken, RawPerTry};
use super::on::RetryOn;
use crate::attempt::Classes;
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

/// A record tells of so many.
const MOST_ATTEMPTS: u8 = 16;

impl TryFrom<(RawRetry, RawPerTry, RawFirstToken)> for RetryPolicy {
    type Error = Invalid;

    fn try_from(
        (retry, per_try, first_token): (RawRetry, RawPerTry, RawFirstToken),
    ) -> Result<Self, Invalid> {
        let goes_on = retry.check().map_err(|invalid| invalid.under("retry"))?;
        let limits = Limits::try_from((per_try, first_token))?;
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
            limits,
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
                .find(|class| !goes_on.has(*class) && class.statuses().contains(status));
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
