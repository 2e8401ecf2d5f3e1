//! The same file with Envoy's own means in the place of our filters.
//!
//! Retries as many people write them, the retry budget, LEAST_REQUEST, and outlier detection that may leave
//! out half of the endpoints. All else of the file stays: routes, timeouts, limits on connections.

use std::sync::Arc;
use std::time::Duration;

use crate::bootstrap::route::{Action, RetryOn, RetryPolicy, RouteConfiguration};
use crate::bootstrap::{
    Balancing, Bootstrap, Code, Enough, FilterKind, LoadBalancing, OutlierDetection, Plugin,
    RetryBudget, Thresholds,
};

/// The module of our filters, wherever it lies.
const OWN_MODULE: &str = "llm_mesh.wasm";
/// Behind the first attempt.
const RETRIES: u64 = 2;
const PER_TRY: Duration = Duration::from_secs(2);
const BUDGET: RetryBudget = RetryBudget { percent: 20.0, min_concurrency: 3 };
const MAX_EJECTION_PERCENT: u32 = 50;

/// The file without our filters.
pub(super) fn without_filters(file: &Bootstrap) -> Bootstrap {
    let mut file = file.clone();
    for listener in &mut file.listeners {
        listener.manager.http_filters.retain(|filter| match &filter.kind {
            FilterKind::Wasm(plugin) => !is_ours(plugin),
            FilterKind::Router(_) => true,
        });
        set_retries(&mut listener.manager.route_config);
    }
    for cluster in &mut file.clusters {
        cluster.http_filters.retain(|filter| !filter.plugin().is_some_and(is_ours));
        cluster.balancing =
            Balancing { policy: LoadBalancing::LeastRequest, override_headers: Vec::new() };
        cluster.thresholds =
            Thresholds { retry_budget: Some(BUDGET), ..cluster.thresholds.clone() };
        cluster.outlier_detection = Some(outlier_detection());
    }
    file
}

fn is_ours(plugin: &Plugin) -> bool {
    match &plugin.vm.code {
        Code::File(path) => path.file_name().is_some_and(|name| name == OWN_MODULE),
        Code::Inline(_) => false,
    }
}

fn set_retries(routes: &mut RouteConfiguration) {
    let on = [RetryOn::GATEWAY_ERROR, RetryOn::CONNECT_FAILURE, RetryOn::REFUSED_STREAM];
    let policy = Arc::new(RetryPolicy {
        retry_on: on.into_iter().fold(RetryOn::default(), RetryOn::and),
        num_retries: RETRIES,
        per_try_timeout: Some(PER_TRY),
        ..RetryPolicy::default()
    });
    for host in &mut routes.virtual_hosts {
        for route in &mut host.routes {
            if let Action::Forward(forward) = &mut route.action {
                forward.retry_policy = Some(Arc::clone(&policy));
            }
        }
    }
}

/// Envoy's defaults, but for the share.
fn outlier_detection() -> OutlierDetection {
    OutlierDetection {
        consecutive_5xx: Some(5),
        consecutive_gateway_failure: None,
        success_rate: Some((1.9, Enough { endpoints: 5, requests: 100 })),
        failure_percentage: None,
        interval: Duration::from_secs(10),
        base_ejection_time: Duration::from_secs(30),
        max_ejection_time: Duration::from_secs(300),
        max_ejection_percent: MAX_EJECTION_PERCENT,
        always_eject_one_host: false,
    }
}
