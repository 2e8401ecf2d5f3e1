//! Gives a scenario to a host: configuration in, record out.

mod configure;
mod discovery;
mod envoy;
mod sim;

pub(super) use envoy::envoy;
pub(super) use sim::sim;

use std::collections::BTreeMap;

use crate::model::EnvoyVersion;
use crate::scenario::format::ENVOYS;

/// What has been added; what has not moved is left out.
fn change(before: &BTreeMap<String, i64>, after: &BTreeMap<String, i64>) -> BTreeMap<String, i64> {
    let moved = after
        .iter()
        .map(|(name, value)| (name.clone(), value - before.get(name).copied().unwrap_or(0)));
    moved.filter(|(_, change)| *change != 0).collect()
}

/// What a host says of a trap differs behind the function's name: each VM has words of its own.
fn without_backtrace(message: &str) -> String {
    let first = message.lines().next().unwrap_or_default();
    match first.split_once(" failed: ") {
        Some((function, _)) if first.starts_with("Function: ") => format!("{function} failed"),
        _ => message.to_owned(),
    }
}

/// `1.40`, as scenarios write it.
fn name(version: EnvoyVersion) -> &'static str {
    ENVOYS.iter().find(|(_, known)| *known == version).map_or("", |(name, _)| name)
}
