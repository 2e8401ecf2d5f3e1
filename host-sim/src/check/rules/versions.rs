//! Versions of a pool: what is chosen, where routes make it go, and who is asked about a new one.

use serde_json::Value as Json;

use super::FILTERS;
use crate::{
    check::view::{PluginView, View},
    yaml::Error,
};

/// Entries of `canary_split` that choose, each with its place and its pool.
fn entries<'v>(filters: &'v PluginView<'_>) -> impl Iterator<Item = (usize, &'v str, &'v Json)> {
    let entries = filters.json.get("canary_split").and_then(|list| list.as_array());
    let entries = entries.map(Vec::as_slice).unwrap_or_default().iter().enumerate();
    let chooses = |entry: &Json| entry.get("mode").is_none_or(|mode| mode != "shadow");
    entries.filter(move |(_, entry)| chooses(entry)).map(|(number, entry)| {
        (number, entry.get("pool").and_then(|pool| pool.as_str()).unwrap_or_default(), entry)
    })
}

/// A version that no route looks at gets what all others get. One may be where requests go that no version was
/// chosen for; and one that names a model may be on the servers of another.
pub(super) fn routed(view: &View<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    for filters in view.of_root(FILTERS) {
        for (number, pool, entry) in entries(filters) {
            let routes = view.routes_of(pool);
            // What such a match lets through is not known.
            if routes.iter().any(|route| route.matches_versions_loosely()) {
                continue;
            }
            let arms = entry.get("weights").and_then(|list| list.as_array());
            let arms = arms.map(Vec::as_slice).unwrap_or_default().iter();
            let own = arms.filter(|arm| arm.get("model").is_none());
            let names = own.filter_map(|arm| arm.get("version")?.as_str());
            let has_route = |name: &&str| routes.iter().any(|r| r.version() == Some(name));
            let without: Vec<&str> = names.filter(|name| !has_route(name)).collect();
            if without.len() < 2 {
                continue;
            }
            let found =
                format!("{} of pool `{pool}`, which no route is for", without.join(" and "));
            let allowed = "a route that matches x-llm-version exactly, for all versions but one";
            let cure = "add them, or the same servers get all of it";
            let path = format!("canary_split[{number}].weights");
            errors.push(filters.error(&path, &found, allowed, cure));
        }
    }
    errors
}

/// How the clusters are called that Istio makes of services; which of them a gateway has is not in its manifests.
const OF_ISTIO: &str = "outbound|";

/// Questions to a cluster that is not there are never sent, and a rollout without answers stays where it is.
pub(super) fn prometheus(view: &View<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    for filters in view.of_root(FILTERS) {
        for (number, _, entry) in entries(filters) {
            let name = entry.pointer("/rollout/prometheus/cluster").and_then(|name| name.as_str());
            let Some(name) = name.filter(|name| !name.starts_with(OF_ISTIO)) else { continue };
            if view.cluster(name).is_some() {
                continue;
            }
            let clusters = view.bootstrap.clusters.iter().map(|cluster| cluster.name.as_str());
            let allowed = clusters.collect::<Vec<_>>().join(", ");
            let path = format!("canary_split[{number}].rollout.prometheus.cluster");
            let found = format!("`{name}`, which is no cluster");
            errors.push(filters.error(&path, &found, &allowed, "add it, or correct the name"));
        }
    }
    errors
}
