//! Servers that a pool names.

use super::FILTERS;
use crate::{
    check::view::{View, down},
    yaml::Error,
};

/// The request header in which the filters name the servers that are left.
const ENDPOINTS: &str = "x-llm-endpoint";

/// A pool's servers are those of its cluster, and the cluster goes where the request says.
pub(super) fn named(view: &View<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    for filters in view.of_root(FILTERS) {
        let pools = filters.json.get("pools").and_then(|pools| pools.as_array());
        for (number, pool) in pools.map(Vec::as_slice).unwrap_or_default().iter().enumerate() {
            let endpoints = pool.get("endpoints").and_then(|list| list.as_array());
            let endpoints = endpoints.map(Vec::as_slice).unwrap_or_default();
            let name = pool.get("name").and_then(|name| name.as_str()).unwrap_or_default();
            let cluster = view.cluster_of_pool(name).and_then(|cluster| view.cluster(cluster));
            let Some((cluster, reader)) = cluster.filter(|_| !endpoints.is_empty()) else {
                continue;
            };
            let have: Vec<String> =
                cluster.endpoints.iter().map(|endpoint| endpoint.address.to_string()).collect();
            for (place, address) in endpoints.iter().enumerate() {
                let address = address.as_str().unwrap_or_default();
                if !have.iter().any(|own| own == address) {
                    let path = format!("pools[{number}].endpoints[{place}]");
                    let found = format!("`{address}`");
                    let allowed =
                        format!("the servers of cluster `{}`: {}", cluster.name, have.join(", "));
                    errors.push(filters.error(&path, &found, &allowed, "correct one of the two"));
                }
            }
            if !cluster.balancing.override_headers.iter().any(|header| header == ENDPOINTS) {
                let found = format!("cluster `{}` of a pool with `endpoints`", cluster.name);
                let allowed =
                    "the load balancing policy `override_host` with the header x-llm-endpoint";
                let cure = "set it, or remove the endpoints: a server that is left out is chosen all the same";
                errors
                    .push(down(&reader, &["load_balancing_policy"]).invalid(&found, allowed, cure));
            }
        }
    }
    errors
}
