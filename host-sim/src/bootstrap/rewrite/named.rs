//! Addresses of endpoints that plugins' configurations name.
//!
//! A plugin that is told its cluster's endpoints has to be told the new ones when a run moves them to ports
//! of its own. A text that is exactly an address of the file's endpoints is one; whose it is, where
//! several clusters have the same, says the `name` of the object around it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value as Json;

use crate::yaml::Node;

/// Old addresses of clusters, and the new ones in their places.
#[derive(Debug, Default)]
pub(super) struct Moved(Vec<(String, String, SocketAddr)>);

impl Moved {
    /// What moves when the clusters of this tree get these endpoints.
    pub(super) fn of(clusters: &[Node], endpoints: &BTreeMap<String, Vec<SocketAddr>>) -> Self {
        let mut moved = Vec::new();
        for cluster in clusters {
            let name = super::text(cluster, "name");
            let Some(new) = endpoints.get(&name) else { continue };
            let old = addresses(cluster);
            moved.extend(old.into_iter().zip(new).map(|(old, new)| (name.clone(), old, *new)));
        }
        Self(moved)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Puts new addresses in the place of old ones. Whether there were any.
    pub(super) fn rename(&self, json: &mut Json, within: &str) -> bool {
        match json {
            Json::String(text) => match self.find(text, within) {
                Some(new) => {
                    *text = new.to_string();
                    true
                }
                None => false,
            },
            Json::Array(items) => {
                items.iter_mut().fold(false, |any, item| self.rename(item, within) | any)
            }
            Json::Object(object) => {
                let name = object.get("name").and_then(Json::as_str).unwrap_or(within).to_owned();
                object.values_mut().fold(false, |any, value| self.rename(value, &name) | any)
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => false,
        }
    }

    fn find(&self, text: &str, within: &str) -> Option<SocketAddr> {
        let mut all = self.0.iter().filter(|(_, old, _)| old == text);
        let first = all.clone().next()?;
        Some(all.find(|(cluster, _, _)| cluster == within).unwrap_or(first).2)
    }
}

/// The addresses in a cluster's `load_assignment`, in order.
fn addresses(cluster: &Node) -> Vec<String> {
    let Some(json) = cluster.get("load_assignment").and_then(|node| node.to_json().ok()) else {
        return Vec::new();
    };
    let localities = json.get("endpoints").and_then(Json::as_array).into_iter().flatten();
    let endpoints = localities.filter_map(|l| l.get("lb_endpoints")?.as_array()).flatten();
    endpoints.filter_map(address).collect()
}

fn address(endpoint: &Json) -> Option<String> {
    let socket = endpoint.pointer("/endpoint/address/socket_address")?;
    let ip = socket.get("address")?.as_str()?;
    Some(SocketAddr::new(ip.parse().ok()?, port(socket.get("port_value")?)?).to_string())
}

fn port(value: &Json) -> Option<u16> {
    value.as_u64().and_then(|port| u16::try_from(port).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_becomes_that_of_the_cluster_that_is_named_around_it() {
        let new = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let old = |cluster: &str, new| (cluster.to_owned(), "127.0.0.1:8001".to_owned(), new);
        let moved = Moved(vec![old("a", new(1)), old("b", new(2))]);
        let mut json = json!({
            "pools": [{"name": "b", "endpoints": ["127.0.0.1:8001", "127.0.0.1:9"]}],
            "other": "127.0.0.1:8001",
            "text": "at 127.0.0.1:8001",
        });
        assert!(moved.rename(&mut json, ""));
        let wanted = json!({
            "pools": [{"name": "b", "endpoints": ["127.0.0.1:2", "127.0.0.1:9"]}],
            "other": "127.0.0.1:1",
            "text": "at 127.0.0.1:8001",
        });
        assert_eq!(json, wanted);
        assert!(!moved.rename(&mut json!({"name": "x"}), ""));
    }
}
