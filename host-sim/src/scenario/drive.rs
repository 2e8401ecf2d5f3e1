//! Gives a scenario to a host: configuration in, record out.

mod configure;
mod envoy;
mod sim;

pub(super) use envoy::envoy;
pub(super) use sim::sim;

use std::collections::BTreeMap;

/// What has been added; what has not moved is left out.
fn change(before: &BTreeMap<String, i64>, after: &BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let moved = after
        .iter()
        .map(|(name, value)| (name.clone(), value - before.get(name).copied().unwrap_or(0)));
    moved.filter(|(_, change)| *change != 0).collect()
}
