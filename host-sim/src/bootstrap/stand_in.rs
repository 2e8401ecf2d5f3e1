//! Secrets of a run, in the place of those that are kept outside of the file.
//!
//! A key is in the environment of whoever runs the file, or in a file on his machine. A run has neither, and
//! should need neither: each such secret becomes `the secret NAME`.

use std::path::Path;

use serde_json::json;

use crate::yaml::{Error, Node, Problem};

/// Puts a stand-in into the place of every secret that comes from elsewhere; a secret that comes from a file of
/// resources gets one in `folder`.
///
/// # Errors
/// The folder cannot be written.
pub fn stand_in_for_secrets(root: &mut Node, folder: &Path) -> Result<(), Error> {
    let secrets = root.get_mut("static_resources").and_then(|own| own.get_mut("secrets"));
    for secret in secrets.map(Node::items_mut).unwrap_or_default() {
        let name = name_of(secret);
        let Some(generic) = secret.get_mut("generic_secret") else { continue };
        if generic.get("secret").is_some_and(|source| source.get("inline_string").is_none()) {
            let place = generic.place.clone();
            generic.set("secret", Node::from_json(&inline(&name), &place));
        }
    }
    root.visit_mut(&mut |node| {
        let name = name_of(node);
        let source = node.get_mut("sds_config").and_then(|own| own.get_mut("path_config_source"));
        let Some(source) = source else { return Ok(()) };
        let watched = source.get_mut("watched_directory").and_then(|own| own.get_mut("path"));
        if let Some(watched) = watched {
            *watched = Node::string(folder.to_string_lossy(), &watched.place);
        }
        let Some(path) = source.get_mut("path") else { return Ok(()) };
        let file = folder.join(format!("secret-{name}.json"));
        let resource = json!({
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            "name": name,
            "generic_secret": {"secret": inline(&name)},
        });
        std::fs::write(&file, json!({"resources": [resource]}).to_string()).map_err(|error| {
            let problem = Problem::Unreadable(format!("{}: {error}", file.display()));
            Error::new(path.place.clone(), "", problem)
        })?;
        *path = Node::string(file.to_string_lossy(), &path.place);
        Ok(())
    })
}

fn inline(name: &str) -> serde_json::Value {
    json!({"inline_string": format!("the secret {name}")})
}

fn name_of(node: &Node) -> String {
    let name = node.get("name").and_then(|name| name.reader().text().ok());
    name.unwrap_or_default().to_owned()
}
