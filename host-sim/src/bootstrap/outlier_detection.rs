//! `outlier_detection`: endpoints that fail too often, in a row or in a share of their requests, are left
//! out for a while.
//!
//! # Limits
//! What is enforced is enforced always, or never. Failures of the connection count as statuses, as they do
//! by default (`split_external_local_origin_errors`).

use std::time::Duration;

use super::message::{CURE, Message};
use crate::yaml::{Error, Reader};

/// `OutlierDetection`
#[derive(Debug, Clone, PartialEq)]
pub struct OutlierDetection {
    /// So many 5xx in a row, or none where that is not enforced; 5 by default.
    pub consecutive_5xx: Option<u32>,
    /// So many 502, 503 or 504 in a row; not enforced by default.
    pub consecutive_gateway_failure: Option<u32>,
    /// By how far an endpoint's rate of success may be below that of all: so many standard deviations,
    /// 1.9 by default.
    pub success_rate: Option<(f64, Enough)>,
    /// How many percent of an endpoint's requests may fail, 85 by default; not enforced by default.
    pub failure_percentage: Option<(f64, Enough)>,
    /// How often rates are looked at and endpoints let back in, 10 seconds by default.
    pub interval: Duration,
    /// How long an endpoint is out the first time, 30 seconds by default; the second time twice as long.
    pub base_ejection_time: Duration,
    /// `max_ejection_time`, 5 minutes by default.
    pub max_ejection_time: Duration,
    /// How many of the endpoints may be out, 10 percent by default.
    pub max_ejection_percent: u32,
    /// One may be out in any case.
    pub always_eject_one_host: bool,
}

/// From how many endpoints with how many requests each, within `interval`, a share means something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enough {
    /// 5 by default.
    pub endpoints: usize,
    /// 100 for rates of success, 50 for failures by default.
    pub requests: u32,
}

pub(super) fn read(reader: &Reader<'_>) -> Result<OutlierDetection, Error> {
    let mut message = Message::read(reader, "envoy.config.cluster.v3.OutlierDetection")?;
    let m = &mut message;
    let five = m.or("consecutive_5xx", 5, Reader::integer)?;
    let gateway = m.or("consecutive_gateway_failure", 5, Reader::integer)?;
    let enforces_5xx = m.or("enforcing_consecutive_5xx", true, enforces)?;
    let enforces_gateway = m.or("enforcing_consecutive_gateway_failure", false, enforces)?;
    let enforces_rate = m.or("enforcing_success_rate", true, enforces)?;
    let enforces_failures = m.or("enforcing_failure_percentage", false, enforces)?;
    let factor = f64::from(m.or("success_rate_stdev_factor", 1_900, Reader::integer::<u32>)?);
    let by_rate = Enough {
        endpoints: m.or("success_rate_minimum_hosts", 5, Reader::integer)?,
        requests: m.or("success_rate_request_volume", 100, Reader::integer)?,
    };
    let threshold = f64::from(m.or("failure_percentage_threshold", 85, percent)?);
    let by_failures = Enough {
        endpoints: m.or("failure_percentage_minimum_hosts", 5, Reader::integer)?,
        requests: m.or("failure_percentage_request_volume", 50, Reader::integer)?,
    };
    let base = m.or("base_ejection_time", Duration::from_secs(30), Reader::seconds_above_zero)?;
    let detection = OutlierDetection {
        // The first failure is number 1, so that a limit of 0 is never met.
        consecutive_5xx: enforces_5xx.then_some(five).filter(|most| *most > 0),
        consecutive_gateway_failure: enforces_gateway.then_some(gateway).filter(|most| *most > 0),
        success_rate: enforces_rate.then_some((factor / 1_000.0, by_rate)),
        failure_percentage: enforces_failures.then_some((threshold, by_failures)),
        interval: m.or("interval", Duration::from_secs(10), Reader::seconds_above_zero)?,
        base_ejection_time: base,
        max_ejection_time: m.or(
            "max_ejection_time",
            Duration::from_secs(300).max(base),
            Reader::seconds_above_zero,
        )?,
        max_ejection_percent: m.or("max_ejection_percent", 10, percent)?,
        always_eject_one_host: m.or("always_eject_one_host", false, Reader::boolean)?,
    };
    message.finish()?;
    Ok(detection)
}

fn percent(reader: &Reader<'_>) -> Result<u32, Error> {
    match reader.integer()? {
        percent @ 0..=100 => Ok(percent),
        _ => Err(reader.expected("a whole number from 0 to 100")),
    }
}

fn enforces(reader: &Reader<'_>) -> Result<bool, Error> {
    match reader.integer::<u32>()? {
        0 => Ok(false),
        100 => Ok(true),
        some => Err(reader.not_modelled(&format!("{some} percent"), "0 or 100", CURE)),
    }
}
