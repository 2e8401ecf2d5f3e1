//! Gives a scenario to a host: configuration in, record out.

mod configure;
mod discovery;
mod envoy;
mod moments;
mod names;
mod sabotage;
mod sim;

pub(crate) use configure::Modules;
pub(super) use configure::source;
pub(crate) use envoy::envoy;
pub(crate) use sim::sim;
pub use sim::{SimulateError, simulate};

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
pub(crate) fn name(version: EnvoyVersion) -> &'static str {
    ENVOYS.iter().find(|(_, known)| *known == version).map_or("", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trap_compares_by_the_function_it_happened_in() {
        let v8 = "Function: proxy_on_tick failed: Uncaught RuntimeError: unreachable\n  0: abort";
        assert_eq!(without_backtrace(v8), "Function: proxy_on_tick failed");
        assert_eq!(without_backtrace("it failed: no route\nat all"), "it failed: no route\nat all");
    }

    #[test]
    fn only_what_moved_is_a_change() {
        let of = |pairs: &[(&str, i64)]| -> BTreeMap<String, i64> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
        };
        let changed = change(&of(&[("a", 1), ("b", 2)]), &of(&[("a", 1), ("b", 5), ("c", 1)]));
        assert_eq!(changed, of(&[("b", 3), ("c", 1)]));
    }
}
