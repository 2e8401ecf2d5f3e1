//! One plugin without an Envoy file: whoever has a `.wasm` and a question needs nothing else.
//!
//! The configuration around it is made here: one listener, the plugin in front of the router, and
//! one server behind it, the cluster `upstream`, with one more for every further name under
//! `upstreams`, so that a plugin can be given servers to call.
//! It is a bootstrap file like any other, so both hosts run it.
//!
//! # Limits
//! One plugin and one route. A chain, a route that depends on headers, a failure policy: write the
//! Envoy file and name it with `envoy`.

use std::path::PathBuf;

use serde_json::{Map, Value as Json, json};

/// The cluster that every request goes to.
pub const UPSTREAM: &str = "upstream";

const TYPES: &str = "type.googleapis.com/envoy.extensions.filters";

/// What runs in front of the scripted server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plugin {
    /// The module; none where the command line names it.
    pub file: Option<PathBuf>,
    /// Which of the module's plugins, for SDKs that register them by name.
    pub root_id: String,
    /// What `on_configure` reads.
    pub configuration: Option<String>,
    /// What `on_vm_start` reads.
    pub vm_configuration: Option<String>,
    /// The VM's environment variables.
    pub environment: Vec<(String, String)>,
}

impl Plugin {
    /// A bootstrap file with the plugin, and the servers that `clusters` names.
    #[must_use]
    pub fn bootstrap<'a>(&self, clusters: impl IntoIterator<Item = &'a str>) -> Json {
        let mut names = vec![UPSTREAM];
        names.extend(clusters.into_iter().filter(|name| *name != UPSTREAM));
        let clusters: Vec<Json> =
            names.iter().zip(20_001_u16..).map(|(name, port)| cluster(name, port)).collect();
        json!({
            "static_resources": {
                "listeners": [{
                    "name": "ingress",
                    "address": address(10_000),
                    "filter_chains": [{"filters": [{
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": self.manager(),
                    }]}],
                }],
                "clusters": clusters,
            },
        })
    }

    fn manager(&self) -> Json {
        json!({
            "@type": format!("{TYPES}.network.http_connection_manager.v3.HttpConnectionManager"),
            "stat_prefix": "ingress",
            "route_config": {"virtual_hosts": [{
                "name": "all",
                "domains": ["*"],
                "routes": [{"match": {"prefix": "/"}, "route": {"cluster": UPSTREAM}}],
            }]},
            "http_filters": [
                {"name": "plugin", "typed_config": {
                    "@type": format!("{TYPES}.http.wasm.v3.Wasm"),
                    "config": self.config(),
                }},
                {"name": "envoy.filters.http.router", "typed_config": {
                    "@type": format!("{TYPES}.http.router.v3.Router"),
                }},
            ],
        })
    }

    fn config(&self) -> Json {
        let mut vm = json!({
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": self.file}},
        });
        let variables = self.environment.iter();
        let variables: Map<String, Json> =
            variables.map(|(name, value)| (name.clone(), json!(value))).collect();
        if let Some(fields) = vm.as_object_mut() {
            if !variables.is_empty() {
                let variables = json!({"key_values": variables});
                fields.insert("environment_variables".to_owned(), variables);
            }
            if let Some(text) = &self.vm_configuration {
                fields.insert("configuration".to_owned(), text_value(text));
            }
        }
        let mut config = json!({"name": "plugin", "root_id": self.root_id, "vm_config": vm});
        if let (Some(text), Some(fields)) = (&self.configuration, config.as_object_mut()) {
            fields.insert("configuration".to_owned(), text_value(text));
        }
        config
    }
}

fn text_value(text: &str) -> Json {
    json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text})
}

fn address(port: u16) -> Json {
    json!({"socket_address": {"address": "127.0.0.1", "port_value": port}})
}

fn cluster(name: &str, port: u16) -> Json {
    json!({"name": name, "type": "STATIC", "load_assignment": {
        "cluster_name": name,
        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address(port)}}]}],
    }})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::{Bootstrap, Code, FilterKind};
    use crate::yaml::{Node, Place};

    #[test]
    fn the_file_that_is_made_is_one_that_the_model_reads() {
        let plugin = Plugin {
            file: Some(PathBuf::from("/a/b.wasm")),
            root_id: "add_header".to_owned(),
            configuration: Some("plain text".to_owned()),
            vm_configuration: Some("start".to_owned()),
            environment: vec![("ROLE".to_owned(), "one".to_owned())],
        };
        let json = plugin.bootstrap(["upstream", "auth"]);
        let place = Place { file: "made".into(), line: 0, column: 0 };
        let file = Bootstrap::from_node(&Node::from_json(&json, &place)).unwrap();
        let names: Vec<&str> = file.clusters.iter().map(|cluster| cluster.name.as_str()).collect();
        assert_eq!(names, ["upstream", "auth"]);
        let FilterKind::Wasm(made) = &file.listeners[0].manager.http_filters[0].kind else {
            panic!("the plugin stands first")
        };
        assert_eq!(made.root_id, "add_header");
        assert_eq!(&*made.configuration, b"plain text");
        assert_eq!(&*made.vm.configuration, b"start");
        assert_eq!(made.vm.environment["ROLE"], "one");
        assert!(
            matches!(&made.vm.code, Code::File(path) if path == std::path::Path::new("/a/b.wasm"))
        );
    }
}
