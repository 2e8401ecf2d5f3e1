//! Endpoints that fail too often, in a row or in a share of their requests, and for how long they are left
//! out.
//!
//! Envoy looks every `interval`, on its main thread, who may come back, and whose rate of success in the
//! interval that ends is too low. Here that is worked out when somebody asks: for each such instant since
//! the last time, counted from the start.

use std::{collections::BTreeMap, net::SocketAddr};

use crate::{
    bootstrap::{Cluster, OutlierDetection},
    model::time::{Nanos, nanos},
};

/// What is known of the endpoints of all clusters.
#[derive(Debug, Default)]
pub(crate) struct Outliers {
    records: BTreeMap<(String, SocketAddr), Record>,
    /// The end of the interval that runs, by cluster.
    looks_at: BTreeMap<String, Nanos>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    /// Failures in a row.
    failures: u32,
    gateway_failures: u32,
    /// In the interval that runs.
    requests: u32,
    successes: u32,
    /// Left out until then.
    back_at: Nanos,
    /// How often it was left out; less again with every interval in which it is not.
    times: u32,
}

impl Outliers {
    pub(super) fn is_out(&self, cluster: &Cluster, endpoint: SocketAddr, now: Nanos) -> bool {
        let key = (cluster.name.clone(), endpoint);
        cluster.outlier_detection.is_some()
            && self.records.get(&key).is_some_and(|record| now < record.back_at)
    }

    /// Looks at the intervals that have ended.
    pub(super) fn look(&mut self, cluster: &Cluster, now: Nanos) {
        let Some(rules) = &cluster.outlier_detection else { return };
        let interval = nanos(rules.interval).max(1);
        let at = self.looks_at.entry(cluster.name.clone()).or_insert(interval);
        if now < *at {
            return;
        }
        // Nobody asked since: what came in between fell into the first of them.
        let ended = std::mem::replace(at, (now / interval + 1).saturating_mul(interval));
        self.end_interval(cluster, rules, ended);
    }

    fn end_interval(&mut self, cluster: &Cluster, rules: &OutlierDetection, now: Nanos) {
        let mut rates: Vec<(SocketAddr, u32, f64)> = Vec::new();
        for endpoint in &cluster.endpoints {
            let out = self.is_out(cluster, endpoint.address, now);
            let key = (cluster.name.clone(), endpoint.address);
            let Some(record) = self.records.get_mut(&key) else { continue };
            let (requests, successes) = (record.requests, record.successes);
            (record.requests, record.successes) = (0, 0);
            if !out && requests > 0 {
                let rate = 100.0 * f64::from(successes) / f64::from(requests);
                rates.push((endpoint.address, requests, rate));
            }
        }
        let enough = |volume: u32| rates.iter().filter(move |(_, requests, _)| *requests >= volume);
        let mut outliers: Vec<SocketAddr> = Vec::new();
        if let Some((factor, least)) = rules.success_rate {
            let of: Vec<f64> = enough(least.requests).map(|(_, _, rate)| *rate).collect();
            if !of.is_empty() && of.len() >= least.endpoints {
                let lowest = lowest_rate(&of, factor);
                let low = enough(least.requests).filter(|(_, _, rate)| *rate < lowest);
                outliers.extend(low.map(|(address, ..)| *address));
            }
        }
        if let Some((most, least)) = rules.failure_percentage
            && enough(least.requests).count() >= least.endpoints
        {
            let failing = enough(least.requests).filter(|(_, _, rate)| 100.0 - rate >= most);
            outliers.extend(failing.map(|(address, ..)| *address));
        }
        for endpoint in outliers {
            if !self.is_out(cluster, endpoint, now) {
                self.leave_out(cluster, rules, endpoint, now);
            }
        }
    }

    /// An endpoint answered with this status, or counts as if it had.
    pub(super) fn note(&mut self, cluster: &Cluster, endpoint: SocketAddr, code: u64, now: Nanos) {
        let Some(rules) = &cluster.outlier_detection else { return };
        self.look(cluster, now);
        let record = self.records.entry((cluster.name.clone(), endpoint)).or_default();
        let failed = (500..600).contains(&code);
        let gateway = (502..505).contains(&code);
        record.requests += 1;
        record.successes += u32::from(!failed);
        record.failures = if failed { record.failures + 1 } else { 0 };
        record.gateway_failures = if gateway { record.gateway_failures + 1 } else { 0 };
        let too_many = rules.consecutive_5xx.is_some_and(|most| record.failures >= most);
        let too_many_of_gateway =
            rules.consecutive_gateway_failure.is_some_and(|most| record.gateway_failures >= most);
        if !too_many && !too_many_of_gateway || now < record.back_at {
            return;
        }
        (record.failures, record.gateway_failures) = (0, 0);
        self.leave_out(cluster, rules, endpoint, now);
    }

    /// As long as not too many are.
    fn leave_out(
        &mut self,
        cluster: &Cluster,
        rules: &OutlierDetection,
        endpoint: SocketAddr,
        now: Nanos,
    ) {
        let out = cluster.endpoints.iter().filter(|one| self.is_out(cluster, one.address, now));
        let (out, all) = (out.count(), cluster.endpoints.len());
        let share = 100 * (out + 1) <= rules.max_ejection_percent as usize * all;
        let allowed = share || out == 0 && rules.always_eject_one_host;
        let record = self.records.get_mut(&(cluster.name.clone(), endpoint));
        if let Some(record) = record.filter(|_| allowed) {
            record.leave(rules, now);
        }
    }
}

/// So many standard deviations below the mean.
fn lowest_rate(rates: &[f64], factor: f64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a number of endpoints")]
    let count = rates.len() as f64;
    let mean = rates.iter().sum::<f64>() / count;
    let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / count;
    mean - factor * variance.sqrt()
}

impl Record {
    fn leave(&mut self, rules: &OutlierDetection, now: Nanos) {
        let interval = nanos(rules.interval).max(1);
        let healthy = now.saturating_sub(self.back_at) / interval;
        let forgiven = u32::try_from(healthy).unwrap_or(u32::MAX);
        self.times = self.times.saturating_sub(forgiven) + 1;
        let time = nanos(rules.base_ejection_time)
            .saturating_mul(self.times.into())
            .min(nanos(rules.max_ejection_time));
        self.back_at = now.saturating_add(time).div_ceil(interval).saturating_mul(interval);
    }
}
