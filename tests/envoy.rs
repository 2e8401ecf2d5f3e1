//! A real Envoy with a manifest of the project, before a server of the test's.

use std::net::{Ipv4Addr, SocketAddr};

use host_sim::bootstrap::{Bootstrap, Rewrite, load_tree};
use host_sim::envoy::{EnvoyOptions, RunningEnvoy};
use host_sim::model::EnvoyVersion;
use host_sim::parts::{Features, Parts};
use serde_json::Value;

use crate::workspace;

/// The manifest with every filter.
const FILE: &str = "manifests/envoy/chain.yaml";

/// Starts Envoy with every cluster's endpoint at `server`, and this merge patch on the filters'
/// configuration.
pub async fn before(parts: &Parts, server: SocketAddr, patch: Value) -> RunningEnvoy {
    let module = parts.filters(&Features::Default).unwrap_or_else(|error| panic!("{error}"));
    let envoy = parts.envoy(EnvoyVersion::default()).unwrap_or_else(|error| panic!("{error}"));
    let file = load_tree(&workspace().join(FILE)).unwrap_or_else(|error| panic!("{error}"));
    let clusters = Bootstrap::from_node(&file).unwrap_or_else(|error| panic!("{error}")).clusters;
    let rewrite = Rewrite {
        listeners: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
        endpoints: clusters.into_iter().map(|cluster| (cluster.name, vec![server])).collect(),
        modules: [("llm_mesh.wasm".to_owned(), module)].into(),
        patches: vec![("llm-mesh".to_owned(), patch)],
        ..Rewrite::default()
    };
    let tree = rewrite.apply(&file).unwrap_or_else(|error| panic!("{error}"));
    let bootstrap = tree.to_json().unwrap_or_else(|error| panic!("{error}"));
    let started = RunningEnvoy::start(&envoy, &bootstrap, &EnvoyOptions::default()).await;
    started.unwrap_or_else(|error| panic!("{error}"))
}

/// Where its clients connect.
pub fn listener(envoy: &RunningEnvoy) -> SocketAddr {
    *envoy.listeners().values().next().expect("the manifest has a listener")
}
