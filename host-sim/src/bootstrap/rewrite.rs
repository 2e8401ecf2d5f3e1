//! Makes the bootstrap of a run out of the file that a user runs.
//!
//! A run needs free ports, servers of its own, a module that was just built, and the changes that
//! a scenario makes. Everything else is the user's file: what passes in a run passes with that file.
//! The tree is changed and not the typed form, so that Envoy also gets what the model cannot read.

mod named;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use serde_json::{Value as Json, json};

use super::merge_patch;
use crate::yaml::{Error, Node, Place, Problem};
use named::Moved;

/// What a run changes; what is empty stays.
#[derive(Debug, Clone, Default)]
pub struct Rewrite {
    /// Addresses of the listeners in order; further listeners keep theirs.
    pub listeners: Vec<SocketAddr>,
    /// The admin interface's address; it is added where there is none.
    pub admin: Option<SocketAddr>,
    /// Endpoints by cluster. An empty list makes a cluster without endpoints. Plugins' configurations that
    /// name the old ones get the new ones.
    pub endpoints: BTreeMap<String, Vec<SocketAddr>>,
    /// Modules by the name of their file: every plugin that loads `llm_mesh.wasm`, from whatever
    /// folder, loads this one.
    pub modules: BTreeMap<String, PathBuf>,
    /// JSON merge patches on the configuration of all plugins with this root id, in order.
    pub patches: Vec<(String, Json)>,
    /// Environment variables (name, value) for the VMs of all plugins with this root id.
    pub environment: Vec<(String, (String, String))>,
}

impl Rewrite {
    /// The tree with the changes.
    ///
    /// # Errors
    /// A change that has nothing to change: no such cluster, no plugin with that root id, or a
    /// configuration to be patched that is not JSON.
    pub fn apply(&self, root: &Node) -> Result<Node, Error> {
        let mut root = root.clone();
        if let Some(address) = self.admin {
            let address = Node::from_json(&socket_address(address), &root.place);
            if root.get("admin").is_none() {
                root.set("admin", Node::from_json(&json!({}), &root.place));
            }
            if let Some(admin) = root.get_mut("admin") {
                admin.set("address", address);
            }
        }
        let mut moved = Moved::default();
        if let Some(resources) = root.get_mut("static_resources") {
            let clusters = resources.get_mut("clusters").map(Node::items_mut).unwrap_or_default();
            moved = Moved::of(clusters, &self.endpoints);
            if let Some(listeners) = resources.get_mut("listeners") {
                for (listener, address) in listeners.items_mut().iter_mut().zip(&self.listeners) {
                    let address = Node::from_json(&socket_address(*address), &listener.place);
                    listener.set("address", address);
                }
            }
            self.set_endpoints(resources)?;
        }
        self.change_plugins(&mut root, &moved)?;
        Ok(root)
    }

    fn set_endpoints(&self, resources: &mut Node) -> Result<(), Error> {
        let place = resources.place.clone();
        let clusters = resources.get_mut("clusters").map(Node::items_mut).unwrap_or_default();
        let names: Vec<String> = clusters.iter().map(|cluster| text(cluster, "name")).collect();
        for (name, endpoints) in &self.endpoints {
            let Some(at) = names.iter().position(|own| own == name) else {
                return Err(nothing(&place, "static_resources.clusters", name, &names));
            };
            if let Some(cluster) = clusters.get_mut(at) {
                let assignment = load_assignment(name, endpoints);
                let assignment = Node::from_json(&assignment, &cluster.place);
                cluster.set("load_assignment", assignment);
            }
        }
        Ok(())
    }

    fn change_plugins(&self, root: &mut Node, moved: &Moved) -> Result<(), Error> {
        let mut seen = Vec::new();
        root.visit_mut(&mut |node| {
            if node.get("vm_config").is_none() {
                return Ok(());
            }
            let root_id = text(node, "root_id");
            self.set_module(node);
            for (_, patch) in self.patches.iter().filter(|(id, _)| *id == root_id) {
                patch_configuration(node, patch)?;
            }
            if !moved.is_empty() {
                move_endpoints(node, moved)?;
            }
            for (_, (name, value)) in self.environment.iter().filter(|(id, _)| *id == root_id) {
                set_variable(node, name, value);
            }
            seen.push(root_id);
            Ok(())
        })?;
        let patched = self.patches.iter().map(|(id, _)| id);
        let varied = self.environment.iter().map(|(id, _)| id);
        for id in patched.chain(varied) {
            if !seen.contains(id) {
                return Err(nothing(&root.place, "a plugin's root_id", id, &seen));
            }
        }
        Ok(())
    }

    fn set_module(&self, plugin: &mut Node) {
        let filename = ["vm_config", "code", "local", "filename"]
            .iter()
            .try_fold(plugin, |node, key| node.get_mut(key));
        let Some(filename) = filename else { return };
        let path = PathBuf::from(filename.reader().text().unwrap_or_default());
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        if let Some(module) = name.and_then(|name| self.modules.get(&name)) {
            *filename = Node::string(module.to_string_lossy(), &filename.place);
        }
    }
}

const STRING_VALUE: &str = "type.googleapis.com/google.protobuf.StringValue";

fn patch_configuration(plugin: &mut Node, patch: &Json) -> Result<(), Error> {
    let place = plugin.place.clone();
    if plugin.get("configuration").is_none() {
        let empty = json!({"@type": STRING_VALUE, "value": "{}"});
        plugin.set("configuration", Node::from_json(&empty, &place));
    }
    let Some(configuration) = plugin.get_mut("configuration") else { return Ok(()) };
    let is_text = text(configuration, "@type") == STRING_VALUE;
    let Some(value) = configuration.get_mut("value") else { return Ok(()) };
    let mut json = if is_text { parsed(value)? } else { value.to_json()? };
    merge_patch(&mut json, patch);
    *value = if is_text {
        Node::string(json.to_string(), &value.place)
    } else {
        Node::from_json(&json, &value.place)
    };
    Ok(())
}

/// A configuration that is no JSON text names nothing.
fn move_endpoints(plugin: &mut Node, moved: &Moved) -> Result<(), Error> {
    let Some(configuration) = plugin.get_mut("configuration") else { return Ok(()) };
    if text(configuration, "@type") != STRING_VALUE {
        return Ok(());
    }
    let Some(value) = configuration.get_mut("value") else { return Ok(()) };
    let Ok(mut json) = serde_json::from_str::<Json>(value.reader().string()?) else {
        return Ok(());
    };
    if moved.rename(&mut json, "") {
        *value = Node::string(json.to_string(), &value.place);
    }
    Ok(())
}

/// The JSON in a `StringValue`.
fn parsed(value: &Node) -> Result<Json, Error> {
    let reader = value.reader();
    serde_json::from_str(reader.string()?).map_err(|error| {
        let found = format!("a plugin's configuration that is not JSON ({error})");
        reader.invalid(&found, "a JSON object, as a patch needs", "correct it")
    })
}

fn set_variable(plugin: &mut Node, name: &str, value: &str) {
    let place = plugin.place.clone();
    let mut node = plugin.get_mut("vm_config");
    for key in ["environment_variables", "key_values"] {
        if let Some(parent) = node {
            if parent.get(key).is_none() {
                parent.set(key, Node::from_json(&json!({}), &place));
            }
            node = parent.get_mut(key);
        }
    }
    if let Some(variables) = node {
        variables.set(name, Node::string(value, &place));
    }
}

/// The text of a field; empty where there is none.
fn text(node: &Node, field: &str) -> String {
    let text = node.get(field).and_then(|field| field.reader().text().ok());
    text.unwrap_or_default().to_owned()
}

fn nothing(place: &Place, path: &str, name: &str, have: &[String]) -> Error {
    let problem = Problem::Invalid {
        found: format!("a change for `{name}`"),
        allowed: have.join(", "),
        cure: "name one that the file has".to_owned(),
    };
    Error::new(place.clone(), path, problem)
}

pub(super) fn socket_address(address: SocketAddr) -> Json {
    json!({"socket_address": {"address": address.ip().to_string(), "port_value": address.port()}})
}

pub(super) fn load_assignment(cluster: &str, endpoints: &[SocketAddr]) -> Json {
    let endpoints: Vec<Json> = endpoints
        .iter()
        .map(|address| json!({"endpoint": {"address": socket_address(*address)}}))
        .collect();
    json!({"cluster_name": cluster, "endpoints": [{"lb_endpoints": endpoints}]})
}
