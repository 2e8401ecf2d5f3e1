//! A real Envoy with a manifest of the project, before a server of the test's.

use std::net::{Ipv4Addr, SocketAddr};

use host_sim::bootstrap::{Bootstrap, Rewrite, load_tree};
use host_sim::envoy::{EnvoyOptions, RunningEnvoy};
use host_sim::model::EnvoyVersion;
use host_sim::parts::{Features, Parts};
use serde_json::{Value, json};

use crate::workspace;

/// The manifest with every filter.
const FILE: &str = "manifests/envoy/chain.yaml";

/// Starts Envoy with every cluster's endpoint at `server`, and this merge patch on the filters'
/// configuration.
pub async fn before(parts: &Parts, server: SocketAddr, patch: Value) -> RunningEnvoy {
    let mut bootstrap = bootstrap(parts, FILE, |_| server, patch);
    let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().expect("clusters");
    for cluster in clusters {
        cluster["typed_extension_protocol_options"] = leaving_first();
    }
    start(parts, &bootstrap).await
}

/// A manifest of the project with free ports, with every cluster's endpoint at a server of the test's, and
/// with this merge patch on the filters' configuration.
pub fn bootstrap(
    parts: &Parts,
    file: &str,
    server: impl Fn(&str) -> SocketAddr,
    patch: Value,
) -> Value {
    let module = parts.filters(&Features::Default).unwrap_or_else(|error| panic!("{error}"));
    let file = load_tree(&workspace().join(file)).unwrap_or_else(|error| panic!("{error}"));
    let clusters = Bootstrap::from_node(&file).unwrap_or_else(|error| panic!("{error}")).clusters;
    let rewrite = Rewrite {
        listeners: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
        endpoints: clusters
            .into_iter()
            .filter(|cluster| !cluster.endpoints.is_empty())
            .map(|cluster| (cluster.name.clone(), vec![server(&cluster.name)]))
            .collect(),
        modules: [("llm_mesh.wasm".to_owned(), module)].into(),
        patches: vec![("llm-mesh".to_owned(), patch)],
        ..Rewrite::default()
    };
    let tree = rewrite.apply(&file).unwrap_or_else(|error| panic!("{error}"));
    tree.to_json().unwrap_or_else(|error| panic!("{error}"))
}

/// Starts a real Envoy with this configuration.
pub async fn start(parts: &Parts, bootstrap: &Value) -> RunningEnvoy {
    let envoy = parts.envoy(EnvoyVersion::default()).unwrap_or_else(|error| panic!("{error}"));
    let started = RunningEnvoy::start(&envoy, bootstrap, &EnvoyOptions::default()).await;
    started.unwrap_or_else(|error| panic!("{error}"))
}

/// A server that closes a connection after some seconds, or some requests, does so while the next request is on
/// its way, which would be a 503. So the proxy closes before it does.
fn leaving_first() -> Value {
    json!({"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"idle_timeout": "2s", "max_requests_per_connection": 50},
        "explicit_http_config": {"http_protocol_options": {}},
    }})
}

/// Where its clients connect.
pub fn listener(envoy: &RunningEnvoy) -> SocketAddr {
    *envoy.listeners().values().next().expect("the manifest has a listener")
}
