//! How the plugins of the set stand to each other.

use super::{FILTERS, GATE, GUARD};
use crate::{
    bootstrap::{FailurePolicy, FilterKind},
    check::view::{PluginView, Seat, View},
    yaml::Error,
};

/// A trap kills the VM. A plugin that is not made anew answers 503 for ever, and so does its chain.
pub(super) fn fail_reload(view: &View<'_>) -> Vec<Error> {
    let ours: Vec<&PluginView<'_>> = view.plugins.iter().filter(|plugin| is_ours(plugin)).collect();
    let of_set = |plugin: &&PluginView<'_>| {
        is_ours(plugin) || ours.iter().any(|own| own.plugin.vm == plugin.plugin.vm)
    };
    let others = view.plugins.iter().filter(of_set).filter_map(|plugin| {
        let found = match plugin.plugin.failure_policy {
            FailurePolicy::FailReload(_) => return None,
            FailurePolicy::FailClosed => "`failure_policy: FAIL_CLOSED`, which is the default",
            FailurePolicy::FailOpen => "`failure_policy: FAIL_OPEN`",
        };
        let cure = "set it (Istio: `failStrategy`); after a trap this plugin answers 503 for ever, \
                    or is left out, and the others with it";
        Some(plugin.reader.invalid(found, "FAIL_RELOAD for every plugin of the set", cure))
    });
    others.collect()
}

fn is_ours(plugin: &PluginView<'_>) -> bool {
    [FILTERS, GATE, GUARD].contains(&plugin.plugin.root_id.as_str())
}

/// How the filters get to see a body.
pub(super) fn access<'p>(filters: &'p PluginView<'_>) -> &'p str {
    filters.text("/body/access").unwrap_or("gate")
}

/// A request waits in the gate, so nothing may look at it between the filters and the gate.
pub(super) fn gate_behind_filters(view: &View<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    for filters in view.of_root(FILTERS).filter(|filters| access(filters) == "gate") {
        let Seat::Listener(listener, place) = filters.seat else { continue };
        let chain = view.bootstrap.listeners.get(listener);
        let next = chain.and_then(|listener| listener.manager.http_filters.get(place + 1));
        let is_gate = next.is_some_and(|filter| match &filter.kind {
            FilterKind::Wasm(plugin) => plugin.root_id == GATE,
            FilterKind::Router(_) => false,
        });
        if !is_gate {
            let found = next.map_or("nothing", |filter| filter.name.as_str());
            let found = format!("`{found}` right behind a plugin whose body.access is gate");
            let cure = "put the gate there (Istio: no priority of the phase in between)";
            errors.push(filters.reader.invalid(&found, "body-gate", cure));
        }
    }
    errors
}

/// A trap also ends the ticks of everything in its VM: what has to let go when the filters have trapped must
/// not be in it.
pub(super) fn own_vm(view: &View<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    for (number, plugin) in view.plugins.iter().enumerate() {
        let root_id = plugin.plugin.root_id.as_str();
        if root_id != GATE && root_id != GUARD {
            continue;
        }
        let mut others =
            view.plugins.iter().take(number).chain(view.plugins.iter().skip(number + 1));
        let with = others
            .find(|other| other.plugin.root_id != root_id && other.plugin.vm == plugin.plugin.vm);
        if let Some(other) = with {
            let found = format!("`{root_id}` in the VM of `{}`", other.plugin.root_id);
            let cure = format!(
                "set an environment variable in its `vm_config` (Istio: `vmConfig.env`), \
                 as LLM_MESH_ROLE: {root_id}"
            );
            errors.push(plugin.reader.invalid(&found, "a VM of its own", &cure));
        }
    }
    errors
}

/// Without it a request that waits for its body never gets one.
pub(super) fn knob(view: &View<'_>) -> Vec<Error> {
    let waiting = view.of_root(FILTERS).filter(|filters| access(filters) == "knob");
    let lacking = waiting.filter(|filters| !filters.plugin.allow_on_headers_stop_iteration);
    let error = |filters: &PluginView<'_>| {
        let found = "body.access `knob` without `allow_on_headers_stop_iteration`";
        let cure = "set it in the plugin, or use the gate (Istio has no such field)";
        filters.reader.invalid(found, "both", cure)
    };
    lacking.map(error).collect()
}
