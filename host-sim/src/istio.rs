//! What Istio makes of its resources, for one gateway: a bootstrap tree of Envoy's.
//!
//! A platform engineer writes `WasmPlugin`s and `VirtualService`s; the proxy sees filters, routes
//! and clusters. To run the *same* manifests on both hosts the part of istiod is played here, and
//! what comes out takes the same way as a static Envoy file ([`crate::bootstrap`]).
//!
//! | resource | becomes |
//! |---|---|
//! | `WasmPlugin`, `TrafficExtension` | a filter `<namespace>.<name>`; phases, then priorities, in order |
//! | `VirtualService` | a virtual host and its routes |
//! | `DestinationRule` | clusters `outbound\|port\|subset\|host`, their limits and outlier detection |
//! | `EnvoyFilter` | merges into the connection manager, its hosts and routes, and clusters of one's own |
//! | `IstioOperator` | tag rules (`extraStatTags`), the access log of the mesh, and who may get traces |
//! | `Telemetry` | tags of spans, and who gets them |
//!
//! # Limits
//! - One gateway, which every resource is taken to select; `Gateway`, `selector` and `targetRefs`
//!   are not compared.
//! - A cluster has one endpoint on this machine: a run puts servers in its place. A module has the name of its image, with
//!   `-` as `_`; a run puts the module in its place.
//! - Istio's own filters (statistics, metadata exchange, ALPN), its default retry policy, path
//!   normalisation and the `server: istio-envoy` header are left out.

mod destination;
mod envoy_filter;
mod gateway;
mod limits;
mod mesh;
mod plugin;
mod resource;
#[cfg(test)]
mod tests;
mod tracing;
mod virtual_service;

use std::path::Path;

use crate::yaml::{Error, Node, read_file};

use self::{gateway::Gateway, resource::Resource};

/// Reads manifests and makes of all of them together what Istio would deliver.
///
/// # Errors
/// The place of the first mistake, or of the first thing that is not modelled.
pub fn load<P: AsRef<Path>>(files: &[P]) -> Result<Node, Error> {
    let mut documents = Vec::new();
    for file in files {
        documents.extend(read_file(file.as_ref())?);
    }
    deliver(&documents)
}

/// Whether a document is a Kubernetes resource and not a bootstrap file.
#[must_use]
pub fn is_resource(document: &Node) -> bool {
    document.get("apiVersion").is_some() && document.get("kind").is_some()
}

/// What Istio would deliver for these resources.
///
/// # Errors
/// The place of the first mistake, or of the first thing that is not modelled.
pub fn deliver(documents: &[Node]) -> Result<Node, Error> {
    let mut gateway = Gateway::default();
    for document in documents {
        let resource = Resource::read(document)?;
        match resource.kind.as_str() {
            "WasmPlugin" => gateway.plugins.push(plugin::wasm_plugin(&resource)?),
            "TrafficExtension" => gateway.plugins.push(plugin::traffic_extension(&resource)?),
            "VirtualService" => gateway.add_service(virtual_service::read(&resource)?),
            "DestinationRule" => gateway.rules.push(destination::read_rule(&resource)?),
            "EnvoyFilter" => gateway.patches.extend(envoy_filter::read(&resource)?),
            "Telemetry" => gateway.telemetry = tracing::read(&resource)?,
            "IstioOperator" => gateway.mesh = mesh::read(&resource)?,
            _ => return Err(resource.unknown_kind()),
        }
    }
    gateway.bootstrap(documents)
}

/// Sets a field of a JSON object.
fn put(object: &mut serde_json::Value, field: &str, value: serde_json::Value) {
    if let serde_json::Value::Object(fields) = object {
        fields.insert(field.to_owned(), value);
    }
}
