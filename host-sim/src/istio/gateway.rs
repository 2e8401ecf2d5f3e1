//! Puts the pieces together as istiod does for a gateway.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};

use super::{
    destination::{Destination, Rule, Subset},
    envoy_filter::{Patch, merge},
    limits,
    mesh::Mesh,
    plugin::{Plugin, chain},
    put,
    tracing::Telemetry,
    virtual_service::Service,
};
use crate::yaml::{Error, Node, Place, Problem, Value};

/// Everything that was read for the gateway.
#[derive(Default)]
pub(super) struct Gateway {
    pub(super) plugins: Vec<Plugin>,
    pub(super) rules: Vec<Rule>,
    pub(super) patches: Vec<Patch>,
    pub(super) mesh: Mesh,
    pub(super) telemetry: Telemetry,
    hosts: Vec<(Json, Vec<Node>)>,
    destinations: Vec<(Destination, Place)>,
}

impl Gateway {
    pub(super) fn add_service(&mut self, service: Service) {
        let host = json!({
            "name": service.name,
            "domains": service.domains,
            "include_request_attempt_count": true,
        });
        self.hosts.push((host, service.routes));
        self.destinations.extend(service.destinations);
    }

    pub(super) fn bootstrap(self, documents: &[Node]) -> Result<Node, Error> {
        let place = documents.first().map_or_else(nowhere, |first| first.place.clone());
        let clusters = self.clusters()?;
        let json = json!({
            // Secrets from files are for proxies that say who they are.
            "node": {"id": "router~127.0.0.1~gateway.istio-system", "cluster": "gateway"},
            "admin": {"address": address(15000)},
            "stats_config": self.mesh.stats_config(),
            "static_resources": {"listeners": [], "clusters": clusters},
        });
        let mut root = Node::from_json(&json, &place);
        let added = self.patches.iter().filter_map(|patch| match patch {
            Patch::Cluster(cluster) => Some(cluster.clone()),
            Patch::Manager(_) | Patch::VirtualHost(_) | Patch::Route(..) => None,
        });
        let added = list(added.collect(), &place);
        let listener = self.listener(&place);
        if let Some(resources) = root.get_mut("static_resources") {
            if let Some(clusters) = resources.get_mut("clusters") {
                merge(clusters, &added);
            }
            resources.set("listeners", list(vec![listener], &place));
        }
        Ok(root)
    }

    fn clusters(&self) -> Result<Vec<Json>, Error> {
        let mut seen = BTreeSet::new();
        let mut clusters = Vec::new();
        for (destination, place) in &self.destinations {
            if let Some(subset) = destination.subset()
                && !self.rules.iter().any(|rule| rule.subsets.contains(&subset))
            {
                return Err(self.unknown_subset(&subset, place));
            }
            if seen.insert(destination) {
                let name = destination.cluster();
                let policy = self.rules.iter().find_map(|rule| rule.policy_of(destination));
                let policy = policy.map_or_else(|| limits::read(None), |own| Ok(own.clone()))?;
                let mut cluster = cluster(&name, destination.port());
                for (field, value) in policy.as_object().into_iter().flatten() {
                    put(&mut cluster, field, value.clone());
                }
                clusters.push(cluster);
            }
        }
        if let Some((name, port, _)) = self.telemetry.delivered(&self.mesh.tracing) {
            clusters.push(cluster(&name, port));
        }
        Ok(clusters)
    }

    fn unknown_subset(&self, subset: &Subset, place: &Place) -> Error {
        let known = self.rules.iter().flat_map(|rule| &rule.subsets);
        let known = known.filter(|known| known.host == subset.host);
        let known: Vec<&str> = known.map(|known| known.name.as_str()).collect();
        let allowed = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let problem = Problem::Invalid {
            found: format!("subset `{}` of `{}`", subset.name, subset.host),
            allowed,
            cure: "add it to a DestinationRule of that host".to_owned(),
        };
        Error::new(place.clone(), "spec.http", problem)
    }

    /// The gateway's listener, as far as the model knows its settings.
    fn listener(self, place: &Place) -> Node {
        let mut manager = json!({
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": MANAGER,
                "stat_prefix": "outbound_0.0.0.0_8080",
                "use_remote_address": true,
                "upgrade_configs": [{"upgrade_type": "websocket"}],
                // Istio switches it off, so that a request that hangs, hangs for ever.
                "stream_idle_timeout": "0s",
                "access_log": self.mesh.access_log(),
                "route_config": {"name": "http.8080"},
            },
        });
        if let Some((_, _, tracing)) = self.telemetry.delivered(&self.mesh.tracing)
            && let Some(config) = manager.get_mut("typed_config")
        {
            put(config, "tracing", tracing);
        }
        let mut manager = Node::from_json(&manager, place);
        let mut filters = chain(self.plugins);
        filters.push(Node::from_json(
            &json!({"name": "envoy.filters.http.router", "typed_config": {"@type": ROUTER}}),
            place,
        ));
        let hosts = self.hosts.into_iter().map(|(host, routes)| {
            let place = routes.first().map_or(place, |route| &route.place).clone();
            let mut host = Node::from_json(&host, &place);
            host.set("routes", list(routes, &place));
            host
        });
        let hosts = list(hosts.collect(), place);
        if let Some(config) = manager.get_mut("typed_config") {
            config.set("http_filters", list(filters, place));
            if let Some(routes) = config.get_mut("route_config") {
                routes.set("virtual_hosts", hosts);
            }
        }
        for patch in &self.patches {
            apply(&mut manager, patch);
        }
        let listener =
            json!({"name": "0.0.0.0_8080", "address": address(8080), "filter_chains": [{}]});
        let mut listener = Node::from_json(&listener, place);
        if let Some(chain) =
            listener.get_mut("filter_chains").and_then(|chains| chains.items_mut().first_mut())
        {
            chain.set("filters", list(vec![manager], place));
        }
        listener
    }
}

/// Applies a patch to the connection manager's filter.
fn apply(manager: &mut Node, patch: &Patch) {
    if let Patch::Manager(patch) = patch {
        return merge(manager, patch);
    }
    let hosts = ["typed_config", "route_config", "virtual_hosts"]
        .iter()
        .try_fold(manager, |node, key| node.get_mut(key));
    for host in hosts.map(Node::items_mut).unwrap_or_default() {
        match patch {
            Patch::VirtualHost(patch) => merge(host, patch),
            Patch::Route(name, patch) => {
                let routes = host.get_mut("routes").map(Node::items_mut).unwrap_or_default();
                for route in routes {
                    let own = route.get("name").and_then(|own| own.reader().text().ok());
                    if own == Some(name) {
                        merge(route, patch);
                    }
                }
            }
            Patch::Manager(_) | Patch::Cluster(_) => {}
        }
    }
}

const MANAGER: &str = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";

/// A gateway listens on all addresses; here it is reached from this machine alone.
fn address(port: u16) -> Json {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}

fn cluster(name: &str, port: u16) -> Json {
    json!({
        "name": name,
        "type": "STATIC",
        "load_assignment": load_assignment(name, port),
        "connect_timeout": "10s",
        "lb_policy": "LEAST_REQUEST",
    })
}

/// Pods are not known here: one server on this machine stands for them, until a run puts its own
/// in its place.
fn load_assignment(cluster: &str, port: u16) -> Json {
    let endpoint = json!({"endpoint": {"address": address(port)}});
    json!({"cluster_name": cluster, "endpoints": [{"lb_endpoints": [endpoint]}]})
}

fn list(items: Vec<Node>, place: &Place) -> Node {
    Node { value: Value::List(items), place: place.clone() }
}

fn nowhere() -> Place {
    Place { file: "no resource".into(), line: 0, column: 0 }
}
