//! What belongs together. Each rule looks at one thing; a file of rules is about one subject.
//!
//! A rule has a name, which findings carry, and says in its findings what to do in Envoy's file and, where that
//! is another place, in Istio's resources.

mod chain;
mod credentials;
mod endpoints;
mod guard;
mod limits;
mod retries;
mod statistics;
mod times;
mod versions;

use super::{Finding, view::View};
use crate::yaml::Error;

/// What the filters before the router are called.
const FILTERS: &str = "llm-mesh";
/// The gate behind them.
const GATE: &str = "body-gate";
/// The filter before the servers.
const GUARD: &str = "attempt-guard";

type Rule = fn(&View<'_>) -> Vec<Error>;

/// Every rule, by its name.
const RULES: [(&str, Rule); 21] = [
    ("fail_reload", chain::fail_reload),
    ("gate_behind_filters", chain::gate_behind_filters),
    ("own_vm", chain::own_vm),
    ("knob", chain::knob),
    ("inspect_limit", limits::inspect_limit),
    ("body_limit", limits::body_limit),
    ("pool_route", retries::pool_route),
    ("fallback_chain", retries::fallback_chain),
    ("attempts", retries::attempts),
    ("max_retries", retries::max_retries),
    ("guard_seat", guard::seat),
    ("guard_missing", guard::missing),
    ("guard_knob", guard::knob),
    ("credential", credentials::last_member_alone),
    ("attempt_count", credentials::attempts_are_counted),
    ("endpoints", endpoints::named),
    ("route_timeout", times::route_timeout),
    ("stream_idle_timeout", times::stream_idle_timeout),
    ("stats_tags", statistics::tags),
    ("version_route", versions::routed),
    ("prometheus_cluster", versions::prometheus),
];

/// What they all find.
pub(super) fn all(view: &View<'_>) -> Vec<Finding> {
    // A file without the filters is none of their business.
    if view.of_root(FILTERS).next().is_none() {
        return Vec::new();
    }
    let found = RULES
        .iter()
        .flat_map(|(name, rule)| rule(view).into_iter().map(|error| Finding::new(name, error)));
    found.collect()
}
