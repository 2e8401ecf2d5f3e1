//! What metrics need of the proxy.

use super::FILTERS;
use crate::{
    check::view::{View, down},
    yaml::Error,
};

/// The keys that the filters use in metrics' names.
const LABELS: [&str; 18] = [
    "model", "pool", "version", "route", "type", "source", "outcome", "reason", "to", "limit",
    "tenant", "stable", "start", "signal", "side", "ratio", "phase", "verdict",
];

/// A plugin can only name a metric; a key without a rule stays in the name, and every value makes a metric of its own.
pub(super) fn tags(view: &View<'_>) -> Vec<Error> {
    if view.of_root(FILTERS).next().is_none() {
        return Vec::new();
    }
    let have: Vec<&str> = view.bootstrap.stats_tags.iter().map(|tag| tag.name.as_str()).collect();
    let lacking: Vec<&str> = LABELS.iter().copied().filter(|label| !have.contains(label)).collect();
    if lacking.is_empty() {
        return Vec::new();
    }
    let found = format!("no rule for {}", lacking.join(", "));
    let cure =
        "add `stats_tags` as in manifests/envoy/chain.yaml (Istio: manifests/istio/mesh.yaml)";
    let allowed = "a rule for each key that the filters put into metrics' names";
    vec![down(view.root(), &["stats_config", "stats_tags"]).invalid(&found, allowed, cure)]
}
