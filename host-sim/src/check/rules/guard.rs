//! The filter before the servers: where it is asked, and where it has to be.

use super::{FILTERS, GATE, GUARD, retries::Retried};
use crate::{
    check::view::{PluginView, PoolRoute, Seat, View},
    yaml::Error,
};

/// A cluster's filters are asked where a route leads to it; a composite asks its own, and never its members'.
pub(super) fn seat(view: &View<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    for plugin in &view.plugins {
        let root_id = plugin.plugin.root_id.as_str();
        match plugin.seat {
            Seat::Listener(..) if root_id == GUARD => {
                let cure = "move it to `http_filters` of a cluster's HttpProtocolOptions";
                let allowed = "it before the servers, where each attempt passes";
                errors.push(plugin.reader.invalid("attempt-guard in a listener", allowed, cure));
            }
            Seat::Cluster(_) if root_id == FILTERS || root_id == GATE => {
                let found = format!("`{root_id}` before the servers");
                let cure = "move it to the listener, before the router";
                errors.push(plugin.reader.invalid(&found, "it before the router", cure));
            }
            Seat::Cluster(number) if root_id == GUARD => {
                let Some(cluster) = view.bootstrap.clusters.get(number) else { continue };
                let is_asked = view
                    .forwards()
                    .any(|route| route.forward.cluster_names().contains(&cluster.name.as_str()));
                if !is_asked {
                    let found =
                        format!("attempt-guard before `{}`, to which no route leads", cluster.name);
                    let cure = "move it to the composite cluster: filters of members are not asked";
                    let allowed = "it before clusters that routes lead to";
                    errors.push(plugin.reader.invalid(&found, allowed, cure));
                }
            }
            Seat::Listener(..) | Seat::Cluster(_) => {}
        }
    }
    errors
}

/// Whoever has it somewhere wants it wherever attempts are made.
pub(super) fn missing(view: &View<'_>) -> Vec<Error> {
    let guarded: Vec<&str> = view
        .of_root(GUARD)
        .filter_map(|plugin| match plugin.seat {
            Seat::Cluster(number) => view.bootstrap.clusters.get(number),
            Seat::Listener(..) => None,
        })
        .map(|cluster| cluster.name.as_str())
        .collect();
    if guarded.is_empty() {
        return Vec::new();
    }
    let mut errors = Vec::new();
    for retried in Retried::all(view).filter(|retried| retried.attempts > 1) {
        for name in retried.routes.iter().filter_map(PoolRoute::cluster) {
            let Some((_, reader)) = view.cluster(name).filter(|_| !guarded.contains(&name)) else {
                continue;
            };
            let found =
                format!("cluster `{name}` of pool `{}` without attempt-guard", retried.pool);
            let cure =
                "add it: an answer that begins with an error is not seen before the client has it";
            errors.push(reader.invalid(
                &found,
                "it before every cluster that is tried again",
                cure,
            ));
        }
    }
    errors
}

/// It holds response headers, and looks at what comes meanwhile.
pub(super) fn knob(view: &View<'_>) -> Vec<Error> {
    let lacking = view.of_root(GUARD).filter(|guard| !guard.plugin.allow_on_headers_stop_iteration);
    let error = |guard: &PluginView<'_>| {
        let found = "attempt-guard without `allow_on_headers_stop_iteration`";
        guard.reader.invalid(found, "it with `true`", "set it: answers that it holds would stop")
    };
    lacking.map(error).collect()
}
