//! Sizes: what the filters look at and what they may have sent again, against what Envoy keeps.

use super::{FILTERS, chain::access, retries::Retried};
use crate::{
    check::view::{Seat, View, size},
    yaml::Error,
};

/// The filters' default for `inspect_limit`.
const INSPECT_LIMIT: u64 = 512 * 1024;

/// A request that waits is held by Envoy, which answers 413 (knob) or reads no further (gate) at its limit.
pub(super) fn inspect_limit(view: &View<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    for filters in view.of_root(FILTERS).filter(|filters| access(filters) != "headers_only") {
        let Seat::Listener(number, _) = filters.seat else { continue };
        let Some(listener) = view.bootstrap.listeners.get(number) else { continue };
        let limit = filters.json.pointer("/body/inspect_limit").and_then(size);
        let limit = limit.unwrap_or(INSPECT_LIMIT);
        let buffer = u64::from(listener.buffer_limit);
        if limit >= buffer {
            let allowed = format!("less than the listener's buffer of {buffer} bytes");
            let cure = "lower it, or raise `per_connection_buffer_limit_bytes`";
            let found = format!("{limit} bytes");
            errors.push(filters.error("body.inspect_limit", &found, &allowed, cure));
        }
        if access(filters) != "knob" {
            continue;
        }
        let needed = limit.saturating_add(buffer);
        let routes = view.forwards().filter(|route| std::ptr::eq(route.listener, listener));
        if let Some(route) = routes.into_iter().find(|route| route.buffer_limit() < needed) {
            let found = format!("a route that keeps {} bytes of a body", route.buffer_limit());
            let allowed = format!(
                "{needed} or more with body.access `knob`: inspect_limit, and one read of the connection"
            );
            let cure = "raise `request_body_buffer_limit` of the virtual host, or clients get 413";
            errors.push(route.error(&found, &allowed, cure));
        }
    }
    errors
}

/// A longer body is sent once without a word: the filters have to know.
pub(super) fn body_limit(view: &View<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    for retried in Retried::all(view).filter(|retried| retried.attempts > 1) {
        let least = retried.routes.iter().map(|route| route.buffer_limit()).min();
        let Some(least) = least.filter(|least| retried.body_limit > *least) else { continue };
        let found = format!("{} bytes", retried.body_limit);
        let allowed =
            format!("{least} at most, which is what the route of `{}` keeps", retried.pool);
        let cure = "lower it, or raise `request_body_buffer_limit` of the route; a longer body is not \
                    sent again, and nothing says so";
        errors.push(retried.error("retry.body_limit", &found, &allowed, cure));
    }
    errors
}
