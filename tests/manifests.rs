//! The manifests: read by the model, valid for every Envoy they are for, and true to the rules that
//! `manifests/README.md` gives to those who change them.

use std::path::{Path, PathBuf};
use std::process::Command;

use host_sim::bootstrap::{
    Bootstrap, FailurePolicy, FilterKind, Plugin, Rewrite, buckets_of, load_tree,
    stand_in_for_secrets,
};
use host_sim::istio;
use host_sim::model::EnvoyVersion;
use host_sim::parts::{Features, Part, Parts, Without};
use host_sim::yaml::Node;
use serde_json::Value;
use tests::histograms::HISTOGRAMS;
use tests::workspace;

const ENVOYS: [EnvoyVersion; 4] =
    [EnvoyVersion::V1_36, EnvoyVersion::V1_37, EnvoyVersion::V1_39, EnvoyVersion::V1_40];

/// Every configuration that the manifests make, by the name of its file.
fn trees() -> Vec<(String, Node)> {
    let files = tests::files("manifests/envoy/*.yaml");
    let mut trees: Vec<(String, Node)> = files
        .iter()
        .map(|file| (file.display().to_string(), loaded(load_tree(&workspace().join(file)))))
        .collect();
    let mesh = workspace().join("manifests/istio/mesh.yaml");
    for file in tests::files("manifests/istio/*.yaml") {
        let path = workspace().join(&file);
        if path == mesh {
            continue;
        }
        // What is about spans needs something to be about.
        let mut files = vec![path, mesh.clone()];
        if file.ends_with("tracing.yaml") {
            files.push(workspace().join("manifests/istio/token-router.yaml"));
        }
        trees.push((file.display().to_string(), loaded(istio::load(&files))));
    }
    assert!(trees.len() >= 4, "{} manifests", trees.len());
    trees
}

fn loaded(tree: Result<Node, host_sim::yaml::Error>) -> Node {
    tree.unwrap_or_else(|error| panic!("{error}"))
}

fn plugins(bootstrap: &Bootstrap) -> Vec<&Plugin> {
    let filters = bootstrap.listeners.iter().flat_map(|listener| &listener.manager.http_filters);
    filters
        .filter_map(|filter| match &filter.kind {
            FilterKind::Wasm(plugin) => Some(&**plugin),
            FilterKind::Router(_) => None,
        })
        .collect()
}

fn configuration(plugin: &Plugin) -> Value {
    serde_json::from_slice(&plugin.configuration).expect("a plugin's configuration is JSON")
}

/// For each manifest: its name, its typed form.
fn each(check: impl Fn(&str, &Bootstrap)) {
    for (name, tree) in trees() {
        let bootstrap = Bootstrap::from_node(&tree).unwrap_or_else(|error| panic!("{error}"));
        check(&name, &bootstrap);
    }
}

#[test]
fn every_plugin_is_made_anew_after_a_trap() {
    each(|name, bootstrap| {
        for plugin in plugins(bootstrap) {
            let policy = plugin.failure_policy;
            assert!(matches!(policy, FailurePolicy::FailReload(_)), "{name}: {}", plugin.name);
        }
    });
}

#[test]
fn a_gate_stands_right_behind_the_filters_in_a_vm_of_its_own() {
    each(|name, bootstrap| {
        let plugins = plugins(bootstrap);
        let filters = plugins.iter().position(|plugin| plugin.root_id == "llm-mesh").expect(name);
        let filters_plugin = plugins[filters];
        let access = configuration(filters_plugin)["body"]["access"].clone();
        if access == "knob" {
            assert!(filters_plugin.allow_on_headers_stop_iteration, "{name}");
            return;
        }
        assert_eq!(access, "gate", "{name}");
        let gate = plugins.get(filters + 1).expect(name);
        assert_eq!(gate.root_id, "body-gate", "{name}");
        assert_ne!(gate.vm.environment, filters_plugin.vm.environment, "{name}");
    });
}

#[test]
fn a_hanging_request_ends_some_day_and_inspection_fits_the_buffers() {
    each(|name, bootstrap| {
        for listener in &bootstrap.listeners {
            assert!(listener.manager.stream_idle_timeout.is_some(), "{name}");
        }
        let limit = configuration(plugins(bootstrap)[0])["body"]["inspect_limit"].clone();
        let limit = limit.as_str().and_then(host_sim::yaml::parse_size).expect(name);
        let buffer = bootstrap.listeners[0].buffer_limit;
        assert!(limit < u64::from(buffer), "{name}: {limit} of {buffer} bytes");
    });
}

#[test]
fn every_label_has_a_rule_that_lifts_it() {
    let labels = [
        "model", "pool", "version", "route", "type", "source", "outcome", "reason", "to", "limit",
        "tenant", "stable", "start", "signal", "side", "ratio", "phase", "verdict",
    ];
    each(|name, bootstrap| {
        let tags: Vec<&str> = bootstrap.stats_tags.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(tags, labels, "{name}");
    });
}

#[test]
fn every_histogram_has_the_buckets_of_the_list() {
    each(|name, bootstrap| {
        for histogram in HISTOGRAMS {
            let whole = format!("wasmcustom.{}model=.=m;.;", histogram.name);
            let found = buckets_of(&bootstrap.histogram_buckets, &whole);
            let bounds: Vec<f64> = histogram.bounds.iter().map(|bound| *bound as f64).collect();
            assert_eq!(found, bounds, "{name}: {}", histogram.name);
        }
        assert_eq!(bootstrap.histogram_buckets.len(), HISTOGRAMS.len(), "{name}");
    });
}

/// `envoy --mode validate` also runs each plugin's own check of its configuration.
#[test]
fn every_envoy_takes_the_manifests() {
    let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
    if without.leaves_out(Part::Envoy) {
        eprintln!("left out: manifests on a real Envoy");
        return;
    }
    let parts = Parts::here().unwrap_or_else(|error| panic!("{error}"));
    let module = parts.filters(&Features::Default).unwrap_or_else(|error| panic!("{error}"));
    let rewrite =
        Rewrite { modules: [("llm_mesh.wasm".to_owned(), module)].into(), ..Rewrite::default() };
    let folder = parts.path("manifests");
    std::fs::create_dir_all(&folder).expect("target can be written");
    for (name, tree) in trees() {
        let mut tree = loaded(rewrite.apply(&tree));
        stand_in_for_secrets(&mut tree, &folder).unwrap_or_else(|error| panic!("{error}"));
        let file = folder.join(name.replace('/', "-")).with_extension("json");
        let json = tree.to_json().unwrap_or_else(|error| panic!("{error}"));
        std::fs::write(&file, json.to_string()).expect("target can be written");
        // Tags can be facts of filters, and clusters chains of clusters, since 1.37.
        let is_new = ["tracing", "fallback"].iter().any(|what| name.contains(what));
        let since = if is_new { EnvoyVersion::V1_37 } else { ENVOYS[0] };
        for version in ENVOYS.into_iter().filter(|version| *version >= since) {
            let envoy = parts.envoy(version).unwrap_or_else(|error| panic!("{error}"));
            validate(&envoy, &file, &format!("{name} on {version:?}"));
        }
    }
}

fn validate(envoy: &Path, file: &PathBuf, what: &str) {
    let output = Command::new(envoy)
        .args(["--mode", "validate", "-l", "warning", "-c"])
        .arg(file)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", envoy.display()));
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {log}");
}
