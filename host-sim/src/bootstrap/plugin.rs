//! The wasm filter: `PluginConfig` and its `VmConfig`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use super::{
    any,
    message::{CURE, Message},
};
use crate::yaml::{Error, Reader};

/// A wasm plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Plugin {
    /// `name`, the plugin's own; the filter that carries it has another.
    pub name: String,
    /// `root_id`: which root context of the module.
    pub root_id: String,
    /// The VM it runs in.
    pub vm: Vm,
    /// What the plugin reads in `on_configure`.
    pub configuration: Arc<[u8]>,
    /// What happens after a trap.
    pub failure_policy: FailurePolicy,
    /// `allow_on_headers_stop_iteration`: whether a pause in headers lets the body pass.
    pub allow_on_headers_stop_iteration: bool,
}

/// A VM; plugins with equal VMs share one on each thread.
#[derive(Debug, Clone, PartialEq)]
pub struct Vm {
    /// `vm_id`
    pub id: String,
    /// Where the module is.
    pub code: Code,
    /// What the VM reads in `on_vm_start`.
    pub configuration: Arc<[u8]>,
    /// `environment_variables.key_values`
    pub environment: BTreeMap<String, String>,
    /// `capability_restriction_config.allowed_capabilities`: the hostcalls, functions of WASI and
    /// callbacks that there are; empty for all.
    pub capabilities: BTreeSet<String>,
    /// `allow_precompiled`; without meaning for the model, part of Envoy's VM key.
    pub allow_precompiled: bool,
}

/// A module.
#[derive(Debug, Clone, PartialEq)]
pub enum Code {
    /// In a file; relative to the working directory.
    File(PathBuf),
    /// In the configuration itself.
    Inline(Arc<[u8]>),
}

/// What happens to requests after the VM trapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailurePolicy {
    /// 503 until the configuration changes. Also what `UNSPECIFIED` means.
    FailClosed,
    /// The filter is left out.
    FailOpen,
    /// 503 until the back-off has passed; the next stream makes a new VM.
    FailReload(Backoff),
}

/// How long a plugin waits before its VM is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait; up to half of it is added by chance.
    pub base_interval: Duration,
    /// The longest wait.
    pub max_interval: Duration,
}

/// Reads the wasm filter's message, which holds nothing but a `PluginConfig`.
pub(super) fn read(mut wasm: Message<'_>) -> Result<Plugin, Error> {
    let reader = wasm.required("config")?;
    wasm.finish()?;
    let mut message = Message::read(&reader, "envoy.extensions.wasm.v3.PluginConfig")?;
    let backoff = message.or("reload_config", DEFAULT_BACKOFF, reload)?;
    // Up to 1.39 it was the plugin's; since then it is the VM's, and the plugin's fills it.
    let old_capabilities = message.or(CAPABILITIES, BTreeSet::new(), capabilities)?;
    let plugin = Plugin {
        name: text(&mut message, "name")?,
        root_id: text(&mut message, "root_id")?,
        vm: vm(&message.required("vm_config")?, old_capabilities)?,
        configuration: message.or("configuration", Vec::new(), any::bytes)?.into(),
        failure_policy: failure_policy(&mut message, backoff)?,
        allow_on_headers_stop_iteration: message.or(
            "allow_on_headers_stop_iteration",
            false,
            Reader::boolean,
        )?,
    };
    message.finish()?;
    Ok(plugin)
}

const DEFAULT_BACKOFF: Backoff =
    Backoff { base_interval: Duration::from_secs(1), max_interval: Duration::from_secs(10) };

fn text(message: &mut Message<'_>, field: &'static str) -> Result<String, Error> {
    message.or(field, String::new(), |reader| Ok(reader.string()?.to_owned()))
}

fn failure_policy(message: &mut Message<'_>, backoff: Backoff) -> Result<FailurePolicy, Error> {
    let policies = [
        ("UNSPECIFIED", FailurePolicy::FailClosed),
        ("FAIL_RELOAD", FailurePolicy::FailReload(backoff)),
        ("FAIL_CLOSED", FailurePolicy::FailClosed),
        ("FAIL_OPEN", FailurePolicy::FailOpen),
    ];
    let old = message.optional("fail_open");
    match (message.optional("failure_policy"), old) {
        (Some(policy), None) => policy.choice(&policies),
        (None, None) => Ok(FailurePolicy::FailClosed),
        (None, Some(old)) if old.boolean()? => Ok(FailurePolicy::FailOpen),
        (None, Some(_)) => Ok(FailurePolicy::FailClosed),
        (Some(_), Some(old)) => Err(old.invalid(
            "`fail_open` beside `failure_policy`",
            "one of them",
            "remove `fail_open`",
        )),
    }
}

/// Half of it is what chance adds at most.
const SHORTEST_WAIT: Duration = Duration::from_millis(2);

fn reload(reader: &Reader<'_>) -> Result<Backoff, Error> {
    let mut message = Message::read(reader, "envoy.extensions.wasm.v3.ReloadConfig")?;
    let backoff = message.or("backoff", DEFAULT_BACKOFF, |reader| {
        let mut message = Message::read(reader, "envoy.config.core.v3.BackoffStrategy")?;
        let wait = message.required("base_interval")?;
        let base_interval = wait.seconds()?;
        if base_interval < SHORTEST_WAIT {
            let found =
                "less than 2ms, with which Envoy divides by zero and ends when a VM is made again";
            return Err(wait.not_modelled(found, "2ms or longer", CURE));
        }
        let longest = base_interval.saturating_mul(10);
        let max_interval = message.or("max_interval", longest, Reader::seconds)?;
        message.finish()?;
        Ok(Backoff { base_interval, max_interval })
    })?;
    message.finish()?;
    Ok(backoff)
}

fn vm(reader: &Reader<'_>, old_capabilities: BTreeSet<String>) -> Result<Vm, Error> {
    let mut message = Message::read(reader, "envoy.extensions.wasm.v3.VmConfig")?;
    let runtime = message.required("runtime")?;
    if runtime.string()? != V8 {
        let found = format!("`{}`", runtime.string()?);
        return Err(runtime.not_modelled(&found, V8, "write this one, which release builds carry"));
    }
    let vm = Vm {
        id: text(&mut message, "vm_id")?,
        code: code(&message.required("code")?)?,
        configuration: message.or("configuration", Vec::new(), any::bytes)?.into(),
        environment: message.or("environment_variables", BTreeMap::new(), environment)?,
        capabilities: message.or(CAPABILITIES, old_capabilities, capabilities)?,
        allow_precompiled: message.or("allow_precompiled", false, Reader::boolean)?,
    };
    message.finish()?;
    Ok(vm)
}

const V8: &str = "envoy.wasm.runtime.v8";

const CAPABILITIES: &str = "capability_restriction_config";

fn capabilities(reader: &Reader<'_>) -> Result<BTreeSet<String>, Error> {
    let name = "envoy.extensions.wasm.v3.CapabilityRestrictionConfig";
    let mut message = Message::read(reader, name)?;
    let allowed = message.or("allowed_capabilities", BTreeSet::new(), |reader| {
        Ok(reader.entries()?.into_iter().map(|(name, _)| name.to_owned()).collect())
    })?;
    message.finish()?;
    Ok(allowed)
}

fn code(reader: &Reader<'_>) -> Result<Code, Error> {
    let mut message = Message::read(reader, "envoy.config.core.v3.AsyncDataSource")?;
    message.not_modelled(&["remote"], "`local`", CURE)?;
    let local = message.required("local")?;
    message.finish()?;
    let mut local = Message::read(&local, "envoy.config.core.v3.DataSource")?;
    let (field, reader) = local.exactly_one_of(&["filename", "inline_bytes"])?;
    let code = match field {
        "filename" => Code::File(reader.string()?.into()),
        _ => Code::Inline(any::base64_text(&reader)?.into()),
    };
    local.finish()?;
    Ok(code)
}

fn environment(reader: &Reader<'_>) -> Result<BTreeMap<String, String>, Error> {
    let mut message = Message::read(reader, "envoy.extensions.wasm.v3.EnvironmentVariables")?;
    let variables = message.or("key_values", BTreeMap::new(), |reader| {
        let pair =
            |(key, value): (&str, Reader<'_>)| Ok((key.to_owned(), value.string()?.to_owned()));
        reader.entries()?.into_iter().map(pair).collect()
    })?;
    message.finish()?;
    Ok(variables)
}
