//! The plugins' own verdict: each configures itself in a simulated proxy.

use std::sync::Arc;

use super::{Configuration, Finding, view::View};
use crate::{
    bootstrap::{Bootstrap, FilterKind, UpstreamFilter},
    host::{Host, HostOptions, StartError},
    model::GuestFactory,
};

/// How many plugins there are, and what those say that refuse their configuration. One of them does not keep the
/// others from being asked.
pub fn plugin_verdicts(
    configuration: &Configuration,
    factory: &Arc<dyn GuestFactory>,
) -> (usize, Vec<Finding>) {
    let view = View::new(&configuration.tree, &configuration.bootstrap);
    let mut findings = Vec::new();
    for (number, plugin) in view.plugins.iter().enumerate() {
        let alone = alone(&configuration.bootstrap, number);
        let Err(error) = Host::new(&alone, &HostOptions::default(), Arc::clone(factory)) else {
            continue;
        };
        let found = match &error {
            // Several threads say the same.
            StartError::SetUp(error) => error.to_string(),
            StartError::Read(error) => error.to_string(),
        };
        let cure = "correct its configuration";
        let error = plugin.reader.invalid(&found, "what the plugin takes", cure);
        findings.push(Finding::new("plugin", error));
    }
    (view.plugins.len(), findings)
}

/// The configuration with one plugin, by its place among all.
fn alone(bootstrap: &Bootstrap, number: usize) -> Bootstrap {
    let mut bootstrap = bootstrap.clone();
    let mut count = 0;
    let mut is_it = || {
        count += 1;
        count == number + 1
    };
    for listener in &mut bootstrap.listeners {
        let filters = &mut listener.manager.http_filters;
        filters.retain(|filter| match filter.kind {
            FilterKind::Wasm(_) => is_it(),
            FilterKind::Router(_) => true,
        });
    }
    for cluster in &mut bootstrap.clusters {
        cluster.http_filters.retain(|filter| match filter {
            UpstreamFilter::Wasm(_) => is_it(),
            UpstreamFilter::Credential(_) => false,
        });
    }
    bootstrap
}
