//! Plugins whose configuration changes while a real Envoy runs.
//!
//! Istio delivers a `WasmPlugin` by extension config discovery, which is how a new configuration
//! takes force without a new listener. A static Envoy does the same from a file: the filter is
//! moved out of the bootstrap into a file of its own, in a folder that Envoy watches, and a new
//! file is *moved* over the old one.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use crate::bootstrap::merge_patch;

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const EXTENSION: &str = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig";

/// Filters that Envoy reads from files.
#[derive(Debug, Default)]
pub(super) struct Discovered {
    filters: Vec<Filter>,
}

#[derive(Debug)]
struct Filter {
    /// Of its plugin.
    root_id: String,
    name: String,
    config: Json,
    /// What `config` was before its last change.
    before: Json,
    file: PathBuf,
    version: u32,
}

impl Discovered {
    /// Moves the filters of these plugins out of a bootstrap into files below `folder`.
    pub(super) fn extract(
        bootstrap: &mut Json,
        plugins: BTreeSet<&str>,
        folder: &Path,
    ) -> io::Result<Self> {
        let mut found = Self::default();
        if !plugins.is_empty() {
            introduce(bootstrap);
            found.visit(bootstrap, &plugins, folder);
        }
        found.filters.iter().try_for_each(Filter::write)?;
        Ok(found)
    }

    fn visit(&mut self, value: &mut Json, plugins: &BTreeSet<&str>, folder: &Path) {
        if let Some(root_id) = value.pointer("/typed_config/config/root_id").and_then(Json::as_str)
            && plugins.contains(root_id)
        {
            let root_id = root_id.to_owned();
            let name = value.get("name").and_then(Json::as_str).unwrap_or(&root_id).to_owned();
            let own = folder.join(format!("plugin-{}", self.filters.len()));
            let file = own.join("filter.json");
            let config = value.get("typed_config").cloned().unwrap_or_default();
            *value = json!({"name": name, "config_discovery": {
                "config_source": {"path_config_source": {
                    "path": file, "watched_directory": {"path": own},
                }},
                "type_urls": [WASM],
            }});
            let before = config.clone();
            self.filters.push(Filter { root_id, name, config, before, file, version: 1 });
            return;
        }
        match value {
            Json::Object(object) => {
                object.values_mut().for_each(|value| self.visit(value, plugins, folder));
            }
            Json::Array(items) => {
                items.iter_mut().for_each(|item| self.visit(item, plugins, folder));
            }
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
        }
    }

    /// Changes the configuration of every plugin with this root id, and moves their new files into
    /// place; gives how many there are.
    pub(super) fn update(&mut self, plugin: &str, patch: &Json) -> io::Result<usize> {
        let mut changed = 0;
        for filter in self.filters.iter_mut().filter(|filter| filter.root_id == plugin) {
            filter.change(patch)?;
            changed += 1;
        }
        Ok(changed)
    }

    /// What was given last is refused: the next patch is for what was in force before.
    pub(super) fn take_back(&mut self, plugin: &str) {
        for filter in self.filters.iter_mut().filter(|filter| filter.root_id == plugin) {
            filter.config.clone_from(&filter.before);
        }
    }
}

/// Envoy watches files for no node without a name.
fn introduce(bootstrap: &mut Json) {
    let Some(bootstrap) = bootstrap.as_object_mut() else { return };
    let node = bootstrap.entry("node").or_insert_with(|| json!({}));
    let Some(node) = node.as_object_mut() else { return };
    for field in ["id", "cluster"] {
        node.entry(field).or_insert_with(|| json!("host-sim"));
    }
}

impl Filter {
    fn change(&mut self, patch: &Json) -> io::Result<()> {
        self.before.clone_from(&self.config);
        let text = self.config.pointer_mut("/config/configuration/value");
        let text = text.ok_or_else(|| {
            io::Error::other(format!("plugin `{}` has no configuration", self.root_id))
        })?;
        let mut configuration: Json = serde_json::from_str(text.as_str().unwrap_or_default())?;
        merge_patch(&mut configuration, patch);
        *text = Json::String(configuration.to_string());
        self.version += 1;
        self.write()
    }

    fn write(&self) -> io::Result<()> {
        let mut extension = json!({
            "@type": EXTENSION, "name": self.name, "typed_config": self.config,
        });
        if let Some(object) = extension.as_object_mut() {
            object.retain(|_, value| !value.is_null());
        }
        let response = json!({"version_info": self.version.to_string(), "resources": [extension]});
        if let Some(folder) = self.file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let new = self.file.with_extension("new");
        std::fs::write(&new, response.to_string())?;
        std::fs::rename(&new, &self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_moves_into_a_file_that_changes_by_being_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let filter = |root_id: &str| {
            json!({"name": "chain", "typed_config": {"@type": WASM, "config": {
                "root_id": root_id, "configuration": {"value": r#"{"a":1,"b":2}"#},
            }}})
        };
        let mut bootstrap = json!({"filters": [filter("one"), filter("two")]});
        let mut found =
            Discovered::extract(&mut bootstrap, BTreeSet::from(["two"]), folder.path()).unwrap();
        assert_eq!(bootstrap["filters"][0], filter("one"));
        let source = &bootstrap["filters"][1]["config_discovery"]["config_source"];
        let file = source["path_config_source"]["path"].as_str().unwrap().to_owned();
        found.update("two", &json!({"a": null, "c": 3})).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let response: Json = serde_json::from_str(&text).unwrap();
        assert_eq!(response["version_info"], "2");
        let config = &response["resources"][0]["typed_config"]["config"];
        assert_eq!(config["configuration"]["value"], r#"{"b":2,"c":3}"#);
        found.take_back("two");
        found.update("two", &json!({"d": 4})).unwrap();
        assert!(std::fs::read_to_string(&file).unwrap().contains(r#"{\"a\":1,\"b\":2,\"d\":4}"#));
        assert_eq!(found.update("three", &json!({})).unwrap(), 0);
    }
}
