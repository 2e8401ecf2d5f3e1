//! Plays a scenario in the simulator.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::configure::{self, Modules};
use super::names;
use crate::bootstrap::{Bootstrap, StatsTag, lift_tags};
use crate::host::{Host, HostOptions, StartError};
use crate::model::metric::{MetricValue, PREFIX};
use crate::model::{EnvoyVersion, GuestFactory, World};
use crate::scenario::Scenario;
use crate::scenario::envoy::access_log;
use crate::scenario::observation::{HostName, LogLine, Observation};
use crate::scenario::sim;
use crate::scenario::workbench::{Workbench, rim};
use crate::vm::trap::TOO_LONG;

const LEVELS: [&str; 6] = ["trace", "debug", "info", "warn", "error", "critical"];

/// Why the simulator has no record of a scenario.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The proxy did not start.
    #[error("the proxy did not start")]
    Start(#[from] StartError),
    /// The scenario could not be played to its end.
    #[error("the scenario could not be played")]
    Play(#[from] sim::SimError),
    /// A plugin did not come back from a call: what followed would not have happened on Envoy.
    #[error("a plugin never comes back; {0}")]
    Endless(String),
    /// A plugin asked for what Envoy has and the model has not.
    #[error("the simulator does not model: {}", .0.join("; "))]
    NotModelled(Vec<String>),
}

pub(crate) fn sim(
    scenario: &Scenario,
    modules: &Modules,
    version: EnvoyVersion,
    bench: &Workbench,
) -> Result<Observation, String> {
    let folder = bench.folder().map_err(|error| error.to_string())?;
    let tree = configure::tree(scenario, modules, None, folder.path())?;
    let bootstrap = Bootstrap::from_node(&tree).map_err(|error| error.to_string())?;
    names::check(scenario, &bootstrap)?;
    simulate(scenario, &bootstrap, version, bench.engine()?).map_err(|error| rim(&error))
}

/// Plays the steps of a scenario on the simulated proxy of this file, whatever target it names.
///
/// # Errors
/// When the proxy does not start, the steps cannot be played, or a plugin asks for what the model has
/// not.
pub fn simulate(
    scenario: &Scenario,
    bootstrap: &Bootstrap,
    version: EnvoyVersion,
    factory: Arc<dyn GuestFactory>,
) -> Result<Observation, SimulateError> {
    let scenario = &configure::with_endpoints(scenario, bootstrap);
    let options = HostOptions {
        workers: usize::try_from(scenario.workers).unwrap_or(1),
        seed: scenario.seed,
        trace: true,
        envoy: version,
        ..HostOptions::default()
    };
    let mut marked = bootstrap.clone();
    for listener in &mut marked.listeners {
        for log in &mut listener.manager.access_log {
            log.format = access_log::marked(&log.format);
        }
    }
    let mut host = Host::new(&marked, &options, factory)?;
    let before = metrics(host.world(), &bootstrap.stats_tags);
    let listeners: Vec<String> =
        bootstrap.listeners.iter().map(|listener| listener.name.clone()).collect();
    let mut observation = sim::play(scenario, &mut host, &listeners)?;
    host.lint_what_is_left();
    observation.lints = host.world().lints().to_vec();
    let endless = host.world().traps().iter().find(|trap| trap.message.contains(TOO_LONG));
    if let Some(trap) = endless {
        return Err(SimulateError::Endless(trap.message.clone()));
    }
    let refused = host.take_refusals();
    if !refused.is_empty() {
        return Err(SimulateError::NotModelled(refused));
    }
    let world = host.world();
    let after = metrics(world, &bootstrap.stats_tags);
    observation.metrics = super::change(&before, &after);
    observation.logs = world
        .logs()
        .iter()
        .chain(world.traps())
        .map(|line| LogLine {
            level: LEVELS.get(line.level as usize).unwrap_or(&"?").to_string(),
            text: super::without_backtrace(&line.message),
        })
        .collect();
    if version != EnvoyVersion::default() {
        observation.host = HostName::SimAs(super::name(version).to_owned());
    }
    observation.trace = world.trace().to_vec();
    Ok(observation)
}

/// What plugins and clusters have counted, under the names that Envoy's Prometheus endpoint gives.
fn metrics(world: &World, tags: &[StatsTag]) -> BTreeMap<String, i64> {
    let value = |value: &MetricValue| match value {
        MetricValue::Counter(value) | MetricValue::Gauge(value) => *value,
        MetricValue::Histogram(values) => values.len() as u64,
    };
    let mut named = BTreeMap::new();
    for (cluster, counter, value) in world.cluster_counters() {
        let name = format!("envoy_cluster_{counter}{{envoy_cluster_name=\"{cluster}\"}}");
        named.insert(name, i64::try_from(value).unwrap_or(i64::MAX));
    }
    for (name, kind) in world.metrics().iter() {
        let lifted = lift_tags(tags, name.strip_prefix(PREFIX).unwrap_or(name));
        let is_histogram = matches!(kind, MetricValue::Histogram(_));
        let mut full = prometheus(&lifted.name);
        if is_histogram {
            full.push_str("_count");
        }
        let mut labels: Vec<String> = lifted
            .labels
            .iter()
            .map(|(key, value)| format!("{}=\"{value}\"", prometheus(key)))
            .collect();
        labels.sort_unstable();
        if !labels.is_empty() {
            full.push_str(&format!("{{{}}}", labels.join(",")));
        }
        let count = i64::try_from(value(kind)).unwrap_or(i64::MAX);
        *named.entry(full).or_default() += count;
    }
    named
}

/// Prometheus' names have letters, digits and underscores; Envoy replaces all else.
fn prometheus(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
