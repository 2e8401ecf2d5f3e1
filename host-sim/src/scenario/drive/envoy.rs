//! Plays a scenario on a real Envoy.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::change;
use super::configure::{self, Modules, Sockets};
use super::discovery::Discovered;
use super::names;
use crate::bootstrap::Bootstrap;
use crate::envoy::{AdminError, EnvoyOptions, RunningEnvoy};
use crate::model::EnvoyVersion;
use crate::scenario::Scenario;
use crate::scenario::envoy::access_log::Whose;
use crate::scenario::envoy::{Proxy, Servers, access_log, play, plugin_metrics};
use crate::scenario::observation::{Exchange, HostName, LogLine, Observation};
use crate::scenario::step::{Act, Step, Update};
use crate::scenario::workbench::{Workbench, rim};

/// How long streams may take to end after the last response, before they count as open.
const LAG: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(10);
/// How long a new configuration may take to be in force.
const UPDATE_WITHIN: Duration = Duration::from_secs(5);

pub(crate) fn envoy(
    scenario: &Scenario,
    modules: &Modules,
    version: EnvoyVersion,
    bench: &Workbench,
) -> Result<Observation, String> {
    let binary = bench.envoy(version)?;
    let folder = bench.folder().map_err(|error| error.to_string())?;
    // One thread: with two, a request's headers may leave before the body that is sent with them, and
    // Envoy may have a connection to the server by the time that the body comes.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(on_sockets(scenario, modules, version, &binary, folder.path()))
}

async fn on_sockets(
    scenario: &Scenario,
    modules: &Modules,
    version: EnvoyVersion,
    binary: &Path,
    folder: &Path,
) -> Result<Observation, String> {
    let source = configure::source(scenario)?;
    let typed = Bootstrap::from_node(&source).map_err(|error| error.to_string())?;
    names::check(scenario, &typed)?;
    let mut servers = Servers::default();
    let mut endpoints: BTreeMap<String, Vec<SocketAddr>> = BTreeMap::new();
    for cluster in &typed.clusters {
        for place in 0..cluster.endpoints.len() {
            let address = servers.start(scenario, &cluster.name, place).await;
            let address = address.map_err(|error| error.to_string())?;
            endpoints.entry(cluster.name.clone()).or_default().push(address);
        }
    }
    let tree = configure::tree(scenario, modules, Some(Sockets { endpoints }), folder)?;
    let started = Bootstrap::from_node(&tree).map_err(|error| error.to_string())?;
    let scenario = &configure::with_endpoints(scenario, &started);
    let mut config = tree.to_json().map_err(|error| error.to_string())?;
    let access_file = folder.join("access.log");
    let copies_file = folder.join("access-copies.log");
    configure::add_access_logs(&mut config, &access_file, &copies_file);
    let updated = scenario.steps.iter().filter_map(|step| match &step.act {
        Act::Update(update) => Some(update.plugin.as_str()),
        Act::Request(_) | Act::Drain => None,
    });
    let discovered = Discovered::extract(&mut config, updated.collect(), folder);
    let discovered = discovered.map_err(|error| error.to_string())?;
    let drains = scenario.steps.iter().any(|step| matches!(step.act, Act::Drain));
    let options = EnvoyOptions {
        concurrency: usize::try_from(scenario.workers).unwrap_or(1),
        drain_at_once: drains,
        ..EnvoyOptions::default()
    };
    let envoy = RunningEnvoy::start(binary, &config, &options).await.map_err(|e| rim(&e))?;
    let listeners = typed.listeners.iter().map(|listener| listener.name.clone()).collect();
    let discovered = Mutex::new(discovered);
    let proxy = Live { envoy, listeners, discovered, refused_updates: Mutex::default() };
    let Played { before, mut exchanges, open_streams, after } = proxy.play(scenario).await?;

    let mut observation = Observation::new(HostName::Envoy(super::name(version).to_owned()));
    observation.open_streams = open_streams;
    observation.refused_updates = proxy.refused().clone();
    observation.callouts = servers.attribute(scenario, &mut exchanges);
    observation.metrics = change(&plugin_metrics(&before), &plugin_metrics(&after));
    observation.logs = plugin_lines(&proxy.envoy);
    observation.trace = proxy
        .envoy
        .log()
        .into_iter()
        .map(|line| format!("[{}][{}] {}", line.level, line.logger, line.message))
        .collect();
    proxy.envoy.stop().await;
    // The access log is complete only after the process has ended.
    let text = |file: &Path| std::fs::read_to_string(file).unwrap_or_default();
    let mut entries = access_log::read(&text(&access_file));
    let mut lines = access_log::read_numbered(&text(&copies_file));
    for exchange in &mut exchanges {
        let number = scenario.exchange_number(exchange.step, exchange.round);
        let own = [Some(Whose::Number(number)), exchange.port.map(Whose::Port)];
        let whose = own.into_iter().flatten().find(|whose| entries.contains_key(whose));
        exchange.access = whose.and_then(|whose| {
            let mut access = entries.remove(&whose)?;
            access.lines = lines.remove(&whose).unwrap_or_default();
            Some(access)
        });
    }
    observation.exchanges = exchanges;
    Ok(observation)
}

/// What plugins wrote, and what Envoy wrote about those that trapped.
fn plugin_lines(envoy: &RunningEnvoy) -> Vec<LogLine> {
    let own = envoy.plugin_log().into_iter().map(|line| (line.level, line.text));
    let traps = envoy
        .log()
        .into_iter()
        .filter(|line| line.logger == "wasm" && line.message.starts_with("Function: "))
        .map(|line| (line.level, super::without_backtrace(&line.message)));
    own.chain(traps).map(|(word, text)| LogLine { level: level(&word), text }).collect()
}

/// A running Envoy with the names of its listeners in the order of the file.
struct Live {
    envoy: RunningEnvoy,
    listeners: Vec<String>,
    discovered: Mutex<Discovered>,
    /// Steps whose new configuration was refused.
    refused_updates: Mutex<Vec<usize>>,
}

/// What came of the requests, and the metrics around them.
struct Played {
    before: BTreeMap<String, f64>,
    exchanges: Vec<Exchange>,
    open_streams: u64,
    after: BTreeMap<String, f64>,
}

impl Live {
    async fn play(&self, scenario: &Scenario) -> Result<Played, String> {
        // Without a process the rest would only be refused, one request after the other.
        let played = tokio::select! {
            biased;
            ended = self.envoy.ended() => Err(rim(&ended)),
            played = self.play_all(scenario) => played,
        };
        let Err(error) = played else { return played };
        // A process that ends says so a little after its last connection.
        let ended = tokio::time::timeout(LAG, self.envoy.ended()).await;
        Err(ended.map_or(error, |ended| rim(&ended)))
    }

    async fn play_all(&self, scenario: &Scenario) -> Result<Played, String> {
        let before = self.envoy.metrics().await.map_err(|error| rim(&error))?;
        let exchanges = play(scenario, self).await?;
        let open_streams = self.come_to_rest().await.map_err(|error| rim(&error))?;
        let after = self.envoy.metrics().await.map_err(|error| rim(&error))?;
        Ok(Played { before, exchanges, open_streams, after })
    }

    /// Waits until no stream is open, for a while; gives how many still are.
    async fn come_to_rest(&self) -> Result<u64, AdminError> {
        let begun = Instant::now();
        loop {
            let metrics = self.envoy.metrics().await?;
            let open = open_streams(&metrics);
            if open == 0 || begun.elapsed() > LAG {
                return Ok(open);
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Live {
    fn discovered(&self) -> MutexGuard<'_, Discovered> {
        self.discovered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused(&self) -> MutexGuard<'_, Vec<usize>> {
        self.refused_updates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often Envoy has taken a new configuration of a filter, and how often it has refused one.
    async fn reloads(&self) -> Result<(f64, f64), String> {
        let metrics = self.envoy.metrics().await.map_err(|error| rim(&error))?;
        let sum = |what: &str| {
            let of_kind = metrics.iter().filter(|(name, _)| {
                name.starts_with("envoy_extension_config_discovery_") && name.contains(what)
            });
            of_kind.map(|(_, value)| value).sum()
        };
        Ok((sum("_config_reload{"), sum("_config_fail{")))
    }

    /// Gives a plugin its new configuration and waits until it is in force, or refused; says which.
    async fn update(&self, update: &Update) -> Result<bool, String> {
        let before = self.reloads().await?;
        let filters = self.discovered().update(&update.plugin, &update.patch);
        let filters = filters.map_err(|error| error.to_string())?;
        if filters == 0 {
            return Err(update.unknown_plugin());
        }
        let begun = Instant::now();
        loop {
            let (taken, refused) = self.reloads().await?;
            if refused > before.1 {
                self.discovered().take_back(&update.plugin);
                return Ok(false);
            }
            #[expect(clippy::cast_precision_loss, reason = "a number of filters")]
            if taken >= before.0 + filters as f64 {
                return Ok(true);
            }
            if begun.elapsed() > UPDATE_WITHIN {
                let plugin = &update.plugin;
                return Err(format!("Envoy did not take the new configuration of `{plugin}`"));
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

impl Proxy for Live {
    fn address(&self, listener: Option<&str>) -> Option<SocketAddr> {
        let name = listener.or(self.listeners.first().map(String::as_str))?;
        self.envoy.listeners().get(name).copied()
    }

    async fn act(&self, index: usize, step: &Step) -> Result<(), String> {
        match &step.act {
            Act::Request(_) => Ok(()),
            Act::Drain => {
                let drained = self.envoy.post("/drain_listeners?graceful").await;
                drained.map(drop).map_err(|error| rim(&error))
            }
            Act::Update(update) => {
                if !self.update(update).await? {
                    self.refused().push(index);
                }
                Ok(())
            }
        }
    }
}

/// Streams that are open at the listeners; the admin interface's own request is not one of them.
fn open_streams(metrics: &BTreeMap<String, f64>) -> u64 {
    let open = metrics.iter().filter(|(name, _)| {
        name.starts_with("envoy_http_downstream_rq_active{")
            && !name.contains("envoy_http_conn_manager_prefix=\"admin\"")
    });
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number of streams"
    )]
    open.map(|(_, value)| *value as u64).sum()
}

/// The word that plugins know the level by.
fn level(envoy: &str) -> String {
    if envoy == "warning" { "warn".to_owned() } else { envoy.to_owned() }
}
