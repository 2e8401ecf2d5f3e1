//! Endpoints that fail too often in a row, and for how long they are left out.
//!
//! Envoy looks every `interval` who may come back, on its main thread. Here that is worked out when
//! somebody asks: an endpoint is back at the first such instant, counted from the start, at which its
//! time is over.

use std::{collections::BTreeMap, net::SocketAddr};

use crate::{
    bootstrap::{Cluster, OutlierDetection},
    model::time::{Nanos, nanos},
};

/// What is known of the endpoints of all clusters.
#[derive(Debug, Default)]
pub(crate) struct Outliers(BTreeMap<(String, SocketAddr), Record>);

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    /// Failures in a row.
    failures: u32,
    gateway_failures: u32,
    /// Left out until then.
    back_at: Nanos,
    /// How often it was left out; less again with every interval in which it is not.
    times: u32,
}

impl Outliers {
    pub(super) fn is_out(&self, cluster: &Cluster, endpoint: SocketAddr, now: Nanos) -> bool {
        let key = (cluster.name.clone(), endpoint);
        cluster.outlier_detection.is_some()
            && self.0.get(&key).is_some_and(|record| now < record.back_at)
    }

    /// An endpoint answered with this status, or counts as if it had.
    pub(super) fn note(&mut self, cluster: &Cluster, endpoint: SocketAddr, code: u64, now: Nanos) {
        let Some(rules) = &cluster.outlier_detection else { return };
        let key = (cluster.name.clone(), endpoint);
        let record = self.0.entry(key.clone()).or_default();
        let failed = (500..600).contains(&code);
        let gateway = (502..505).contains(&code);
        record.failures = if failed { record.failures + 1 } else { 0 };
        record.gateway_failures = if gateway { record.gateway_failures + 1 } else { 0 };
        let too_many = rules.consecutive_5xx.is_some_and(|most| record.failures >= most);
        let too_many_of_gateway =
            rules.consecutive_gateway_failure.is_some_and(|most| record.gateway_failures >= most);
        if !too_many && !too_many_of_gateway || now < record.back_at {
            return;
        }
        (record.failures, record.gateway_failures) = (0, 0);
        let out = cluster.endpoints.iter().filter(|one| self.is_out(cluster, one.address, now));
        let (out, all) = (out.count(), cluster.endpoints.len());
        let share = 100 * (out + 1) <= rules.max_ejection_percent as usize * all;
        let allowed = share || out == 0 && rules.always_eject_one_host;
        if let Some(record) = self.0.get_mut(&key).filter(|_| allowed) {
            record.leave(rules, now);
        }
    }
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
