//! Times that end streams, and times that have to.

use std::time::Duration;

use super::{FILTERS, retries::Retried};
use crate::{
    check::view::{Seat, View, down},
    yaml::Error,
};

/// An answer may take so long.
const LONG: Duration = Duration::from_secs(300);

/// A route's timeout covers the whole answer, and Envoy's default is 15 seconds. Retries by the filters switch it
/// off for the streams that they see.
pub(super) fn route_timeout(view: &View<'_>) -> Vec<Error> {
    let retried: Vec<String> = Retried::all(view).map(|retried| retried.pool).collect();
    let mut errors = Vec::new();
    for filters in view.of_root(FILTERS) {
        let pools = filters.json.get("pools").and_then(|pools| pools.as_array());
        let pools = pools.map(Vec::as_slice).unwrap_or_default().iter();
        for pool in pools.filter_map(|pool| pool.get("name")?.as_str()) {
            if retried.iter().any(|own| own == pool) {
                continue;
            }
            for route in view.routes_of(pool) {
                let Some(timeout) = route.forward.timeout.filter(|timeout| *timeout < LONG) else {
                    continue;
                };
                let found = format!("a timeout of {}s for pool `{pool}`", timeout.as_secs_f64());
                let cure = "set `timeout: 0s` in the route, or streams are cut then";
                errors.push(route.error(&found, "0s, or 300s and more", cure));
            }
        }
    }
    errors
}

/// The last resort for a request that nothing moves any more.
pub(super) fn stream_idle_timeout(view: &View<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    for filters in view.of_root(FILTERS) {
        let Seat::Listener(number, _) = filters.seat else { continue };
        let Some(listener) = view.bootstrap.listeners.get(number) else { continue };
        if listener.manager.stream_idle_timeout.is_none() {
            let reader = down(&view.manager(number), &["stream_idle_timeout"]);
            let found = "`stream_idle_timeout: 0s`, which is none (and what Istio sets)";
            let cure = "set one (Istio: by an EnvoyFilter); it is what ends requests that wait when \
                        everything else has trapped";
            errors.push(reader.invalid(found, "a time, as 120s", cure));
        }
    }
    errors
}
