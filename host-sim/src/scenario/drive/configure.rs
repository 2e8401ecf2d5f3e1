//! The configuration of a run: the user's file with what the run and the scenario change.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value as Json, json};

use crate::bootstrap::{self, Bootstrap, Rewrite};
use crate::host::HostOptions;
use crate::scenario::envoy::access_log as log_format;
use crate::scenario::step::Act;
use crate::scenario::{Scenario, Target};
use crate::yaml::{Error, Node, Place};

/// Modules by the name of the file that a configuration loads; a run puts these in their place.
pub(crate) type Modules = BTreeMap<String, PathBuf>;

/// What a run on sockets changes and the simulator does not need.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// Addresses of the servers, by cluster.
    pub(super) endpoints: BTreeMap<String, Vec<SocketAddr>>,
}

/// The file as the user has it, or the one that is made around a plugin.
pub(in crate::scenario) fn source(scenario: &Scenario) -> Result<Node, String> {
    match &scenario.target {
        Target::Plugin(plugin) => {
            let clusters = scenario.upstreams.iter().map(|(name, _)| name.as_str());
            let place = Place { file: "the file made for the plugin".into(), line: 0, column: 0 };
            Ok(Node::from_json(&plugin.bootstrap(clusters), &place))
        }
        Target::Envoy(path) => bootstrap::load_tree(path).map_err(|error| error.to_string()),
        Target::Istio(files) => crate::istio::load(files).map_err(|error| error.to_string()),
    }
}

/// The configuration with the changes of the run; what it needs of files is written to `folder`.
pub(super) fn tree(
    scenario: &Scenario,
    modules: &Modules,
    sockets: Option<Sockets>,
    folder: &Path,
) -> Result<Node, String> {
    let source = source(scenario)?;
    let wall = match sockets {
        Some(_) => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default(),
        None => Duration::from_nanos(HostOptions::default().start_wall_nanos),
    };
    let mut rewrite = Rewrite {
        modules: modules.clone(),
        patches: super::moments::fixed(&scenario.patches, wall),
        ..Rewrite::default()
    };
    if let Some(sockets) = sockets {
        let typed = Bootstrap::from_node(&source).map_err(|error| error.to_string())?;
        let any_free_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        rewrite.listeners = vec![any_free_port; typed.listeners.len()];
        rewrite.endpoints = sockets.endpoints;
    }
    let mut tree = rewrite.apply(&source).map_err(|error| error.to_string())?;
    bootstrap::stand_in_for_secrets(&mut tree, folder).map_err(|error| error.to_string())?;
    super::sabotage::sabotage(&mut tree, &scenario.guest_faults, folder)?;
    show_filter_state(&mut tree, scenario)?;
    Ok(tree)
}

/// An access log is the one place where a host shows filter state, so each key that the scenario
/// asks for gets one.
fn show_filter_state(tree: &mut Node, scenario: &Scenario) -> Result<(), String> {
    let keys = scenario.filter_state_keys();
    if keys.is_empty() {
        return Ok(());
    }
    let added: Result<(), Error> = tree.visit_mut(&mut |node| {
        let kind = node.get("@type").and_then(|kind| kind.reader().text().ok());
        if !kind.is_some_and(|kind| kind.ends_with(".HttpConnectionManager")) {
            return Ok(());
        }
        let mut logs = match node.get("access_log").map(Node::to_json).transpose()? {
            Some(Json::Array(logs)) => logs,
            _ => Vec::new(),
        };
        let formats = keys.iter().map(|key| log_format::filter_state(key));
        logs.extend(formats.map(|format| access_log(Path::new("/dev/null"), &format)));
        let logs = Node::from_json(&Json::Array(logs), &node.place);
        node.set("access_log", logs);
        Ok(())
    });
    added.map_err(|error| error.to_string())
}

/// The scenario with addresses in the place of `endpoint(CLUSTER,PLACE)` in its requests' headers: which
/// they are is known only when the servers run.
pub(super) fn with_endpoints(scenario: &Scenario, bootstrap: &Bootstrap) -> Scenario {
    let mut scenario = scenario.clone();
    for cluster in &bootstrap.clusters {
        for (place, endpoint) in cluster.endpoints.iter().enumerate() {
            let name = format!("endpoint({},{place})", cluster.name);
            let address = endpoint.address.to_string();
            for step in &mut scenario.steps {
                let Act::Request(request) = &mut step.act else { continue };
                for (_, value) in &mut request.request.headers {
                    *value = value.replace(&name, &address);
                }
            }
        }
    }
    scenario
}

/// Adds an access log to every connection manager, and one for each text format that it has, with
/// the number of the exchange before the line.
pub(super) fn add_access_logs(config: &mut Json, own: &Path, copies: &Path) {
    match config {
        Json::Object(object) => {
            let is_manager = object
                .get("@type")
                .and_then(Json::as_str)
                .is_some_and(|kind| kind.ends_with(".HttpConnectionManager"));
            if is_manager {
                let logs = object.entry("access_log").or_insert_with(|| json!([]));
                if let Json::Array(logs) = logs {
                    let numbered: Vec<Json> = logs
                        .iter()
                        .filter_map(text_format)
                        .map(|format| access_log(copies, &log_format::numbered(format)))
                        .collect();
                    logs.extend(numbered);
                    logs.push(access_log(own, &log_format::format()));
                }
            }
            object.values_mut().for_each(|value| add_access_logs(value, own, copies));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| add_access_logs(item, own, copies)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn text_format(log: &Json) -> Option<&str> {
    log.pointer("/typed_config/log_format/text_format_source/inline_string")?.as_str()
}

fn access_log(file: &Path, format: &str) -> Json {
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": file,
            "log_format": {"text_format_source": {"inline_string": format}},
        },
    })
}
