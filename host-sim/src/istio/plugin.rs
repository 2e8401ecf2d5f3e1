//! `WasmPlugin` and its successor `TrafficExtension`: wasm filters and their order.

use serde_json::{Map, Value as Json, json};

use super::{
    put,
    resource::{CURE, Resource},
};
use crate::yaml::{Error, Node, Object, Place, Reader};

/// A filter that Istio puts into the chain.
pub(super) struct Plugin {
    name: String,
    phase: Phase,
    priority: i32,
    config: Json,
    place: Place,
}

/// Where in the chain; in the order of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Authn,
    Authz,
    Stats,
    /// Right before the router.
    Unspecified,
}

const PHASES: [(&str, Phase); 5] = [
    ("UNSPECIFIED_PHASE", Phase::Unspecified),
    ("UNSPECIFIED", Phase::Unspecified),
    ("AUTHN", Phase::Authn),
    ("AUTHZ", Phase::Authz),
    ("STATS", Phase::Stats),
];

/// The filters of the chain in Istio's order: by phase, in it the higher priority first, and where
/// that is equal by name.
pub(super) fn chain(mut plugins: Vec<Plugin>) -> Vec<Node> {
    plugins.sort_by(|left, right| {
        let key = |plugin: &Plugin| (plugin.phase, std::cmp::Reverse(plugin.priority));
        key(left).cmp(&key(right)).then_with(|| left.name.cmp(&right.name))
    });
    plugins.iter().map(Plugin::filter).collect()
}

impl Plugin {
    fn filter(&self) -> Node {
        let filter = json!({
            "name": self.name,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                "config": self.config,
            },
        });
        Node::from_json(&filter, &self.place)
    }
}

pub(super) fn wasm_plugin(resource: &Resource<'_>) -> Result<Plugin, Error> {
    let mut spec = resource.spec.object()?;
    let plugin = plugin(resource, &mut spec, None)?;
    spec.finish()?;
    Ok(plugin)
}

pub(super) fn traffic_extension(resource: &Resource<'_>) -> Result<Plugin, Error> {
    let mut spec = resource.spec.object()?;
    spec.not_modelled(&["lua"], "`wasm`", CURE)?;
    let wasm = spec.required("wasm")?;
    let mut wasm = wasm.object()?;
    let plugin = plugin(resource, &mut spec, Some(&mut wasm))?;
    wasm.finish()?;
    spec.finish()?;
    Ok(plugin)
}

/// Reads what both kinds share. The fields about the module stand in `wasm`, if there is one.
fn plugin<'a>(
    resource: &Resource<'_>,
    spec: &mut Object<'a>,
    wasm: Option<&mut Object<'a>>,
) -> Result<Plugin, Error> {
    // One gateway is played, and every plugin is for it.
    for selection in ["selector", "targetRef", "targetRefs"] {
        spec.optional(selection);
    }
    spec.not_modelled(&["match"], "plugins for all of the gateway's traffic", CURE)?;
    let phase = spec.optional("phase").map_or(Ok(Phase::Unspecified), |p| p.choice(&PHASES))?;
    let priority = spec.optional("priority").map_or(Ok(0), |priority| priority.integer())?;
    let config = config(resource, wasm.unwrap_or(spec))?;
    let (name, place) = (resource.full_name(), resource.place.clone());
    Ok(Plugin { name, phase, priority, config, place })
}

/// Istio's `PluginConfig` for the module.
fn config(resource: &Resource<'_>, wasm: &mut Object<'_>) -> Result<Json, Error> {
    for download in ["sha256", "imagePullPolicy", "imagePullSecret", "verificationKey"] {
        wasm.optional(download);
    }
    if let Some(kind) = wasm.optional("type") {
        kind.choice(&[("UNSPECIFIED_PLUGIN_TYPE", ()), ("HTTP", ())])?;
    }
    let mut vm = Map::new();
    vm.insert("runtime".to_owned(), json!("envoy.wasm.runtime.v8"));
    let module = module(wasm.required("url")?.string()?);
    vm.insert("code".to_owned(), json!({"local": {"filename": module}}));
    let environment = wasm.optional("vmConfig").map_or(Ok(Map::new()), |vm| environment(&vm))?;
    if !environment.is_empty() {
        vm.insert("environment_variables".to_owned(), json!({"key_values": environment}));
    }
    let root_id = wasm.optional("pluginName").map_or(Ok(""), |name| name.string())?;
    let mut config = json!({"name": resource.full_name(), "root_id": root_id, "vm_config": vm});
    if let Some(plugin_config) = wasm.optional("pluginConfig")
        && !plugin_config.entries()?.is_empty()
    {
        // Istio hands the object on as text, so that a guest reads JSON and not protobuf.
        let text = plugin_config.node().to_json()?.to_string();
        put(
            &mut config,
            "configuration",
            json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": text}),
        );
    }
    let policies =
        [("FAIL_CLOSE", "FAIL_CLOSED"), ("FAIL_OPEN", "FAIL_OPEN"), ("FAIL_RELOAD", "FAIL_RELOAD")];
    let policy =
        wasm.optional("failStrategy").map_or(Ok("FAIL_CLOSED"), |p| p.choice(&policies))?;
    put(&mut config, "failure_policy", json!(policy));
    Ok(config)
}

fn environment(vm: &Reader<'_>) -> Result<Map<String, Json>, Error> {
    let mut vm = vm.object()?;
    let mut variables = Map::new();
    for variable in vm.items("env")? {
        let mut variable = variable.object()?;
        let name = variable.required("name")?.string()?.to_owned();
        if let Some(from) = variable.optional("valueFrom")
            && from.string()? != "INLINE"
        {
            let found = format!("`{}`", from.string()?);
            return Err(from.not_modelled(&found, "INLINE", "write the value itself"));
        }
        let value = variable.optional("value").map_or(Ok(""), |value| value.string())?.to_owned();
        variable.finish()?;
        variables.insert(name, json!(value));
    }
    vm.finish()?;
    Ok(variables)
}

/// The file of a module. What Istio's agent calls it after a download is its own business; here it
/// has the name that a build gives to it.
fn module(url: &str) -> String {
    if let Some(path) = url.strip_prefix("file://") {
        return path.to_owned();
    }
    let image = url.rsplit('/').next().unwrap_or(url);
    let image = image.split(['@', ':']).next().unwrap_or(image);
    let image = image.strip_suffix(".wasm").unwrap_or(image).replace('-', "_");
    format!("target/wasm32-wasip1/filter/{image}.wasm")
}
