//! `circuit_breakers`: how much of a cluster's traffic may be under way at once.
//!
//! Only the thresholds of the priority `DEFAULT` matter, because no route has another one here.

use super::message::Message;
use crate::yaml::{Error, Reader};

/// `CircuitBreakers.Thresholds`, shared by all workers.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    /// `max_connections`, 1024 by default.
    pub connections: u32,
    /// `max_pending_requests`, 1024 by default: requests that wait for a connection.
    pub pending_requests: u32,
    /// `max_requests`, 1024 by default.
    pub requests: u32,
    /// `max_retries`, 3 by default.
    pub retries: u32,
    /// In the place of `max_retries`.
    pub retry_budget: Option<RetryBudget>,
}

/// `retry_budget`: retries as a share of what is under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryBudget {
    /// `budget_percent` of active and pending requests, 20 by default.
    pub percent: f64,
    /// `min_retry_concurrency`, 3 by default: so many are always allowed.
    pub min_concurrency: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            connections: LIMIT,
            pending_requests: LIMIT,
            requests: LIMIT,
            retries: RETRIES,
            retry_budget: None,
        }
    }
}

const LIMIT: u32 = 1024;
const RETRIES: u32 = 3;

/// The thresholds of the default priority.
pub(super) fn read(reader: &Reader<'_>) -> Result<Thresholds, Error> {
    let mut message = Message::read(reader, "envoy.config.cluster.v3.CircuitBreakers")?;
    let all = message.each("thresholds", thresholds)?;
    message.finish()?;
    let default = all.into_iter().find_map(|(is_default, one)| is_default.then_some(one));
    Ok(default.unwrap_or_default())
}

fn thresholds(reader: &Reader<'_>) -> Result<(bool, Thresholds), Error> {
    let mut message = Message::read(reader, "envoy.config.cluster.v3.CircuitBreakers.Thresholds")?;
    let m = &mut message;
    let is_default =
        m.or("priority", true, |priority| priority.choice(&[("DEFAULT", true), ("HIGH", false)]))?;
    let thresholds = Thresholds {
        connections: m.or("max_connections", LIMIT, Reader::integer)?,
        pending_requests: m.or("max_pending_requests", LIMIT, Reader::integer)?,
        requests: m.or("max_requests", LIMIT, Reader::integer)?,
        retries: m.or("max_retries", RETRIES, Reader::integer)?,
        retry_budget: m.maybe("retry_budget", retry_budget)?,
    };
    // Gauges for the operator, which no request notices.
    m.maybe("track_remaining", Reader::boolean)?;
    message.finish()?;
    Ok((is_default, thresholds))
}

fn retry_budget(reader: &Reader<'_>) -> Result<RetryBudget, Error> {
    let name = "envoy.config.cluster.v3.CircuitBreakers.Thresholds.RetryBudget";
    let mut message = Message::read(reader, name)?;
    let budget = RetryBudget {
        percent: message.or("budget_percent", 20.0, percent)?,
        min_concurrency: message.or("min_retry_concurrency", RETRIES, Reader::integer)?,
    };
    message.finish()?;
    Ok(budget)
}

pub(super) fn percent(reader: &Reader<'_>) -> Result<f64, Error> {
    let mut message = Message::read(reader, "envoy.type.v3.Percent")?;
    let percent = message.or("value", 0.0, Reader::float)?;
    message.finish()?;
    if (0.0..=100.0).contains(&percent) {
        Ok(percent)
    } else {
        Err(reader.invalid(&format!("{percent}"), "a number from 0 to 100", "correct it"))
    }
}
