//! The configuration as the model uses it: the bootstrap file with its modules loaded.
//!
//! What the file says stays in the file's own types; here is what the file only points at: the bytes of
//! modules, and which plugins are equal enough to share a VM or a root context.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use super::{
    credential::{self, Credential, ReadSecretError},
    guest::VmSpec,
    version::EnvoyVersion,
};
use crate::bootstrap::{
    self, Bootstrap, Cluster, Code, ConnectionManager, FailurePolicy, FilterKind, NodeInfo,
};

/// A proxy: listeners, clusters and plugins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Config {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    /// What each attempt passes on its way to a cluster.
    pub(crate) upstream_filters: BTreeMap<String, Vec<UpstreamFilter>>,
    /// Who the proxy says it is.
    pub(crate) node: NodeInfo,
    /// Every plugin of every chain, in the order of the file; behind them what new configurations have
    /// made of them. A root context keeps pointing at what it was configured with.
    pub(crate) plugins: Vec<Plugin>,
}

/// A listener.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pub(crate) buffer_limit: usize,
    pub(crate) manager: Arc<Manager>,
}

/// An HTTP connection manager and its chain.
#[derive(Debug)]
pub(crate) struct Manager {
    pub(crate) settings: ConnectionManager,
    /// The plugins in front of the router, by place in [`Config::plugins`].
    pub(crate) plugins: Vec<usize>,
    pub(crate) suppress_envoy_headers: bool,
}

/// A plugin in a chain.
#[derive(Clone, Debug)]
pub(crate) struct Plugin {
    pub(crate) name: String,
    pub(crate) root_id: String,
    pub(crate) configuration: Arc<[u8]>,
    pub(crate) stop_iteration_on_headers: bool,
    pub(crate) failure: FailurePolicy,
    /// The VM it runs in; equal for plugins that share one.
    pub(crate) vm: Arc<VmSpec>,
    /// The number of its VM among all: what Envoy calls the VM key.
    pub(crate) vm_key: usize,
    /// The first plugin that is equal to this one: they share a root context.
    pub(crate) key: usize,
}

/// A filter that stands before the servers of a cluster.
#[derive(Clone, Debug)]
pub(crate) enum UpstreamFilter {
    /// By place in [`Config::plugins`].
    Plugin(usize),
    Credential(Arc<Credential>),
}

/// Something that the file points at could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A module.
    #[error("plugin `{plugin}`: cannot read module `{path}`")]
    Module {
        /// The plugin's name.
        plugin: String,
        /// Where the module should be.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A secret.
    #[error(transparent)]
    Secret(#[from] ReadSecretError),
}

impl Config {
    pub(crate) fn new(file: &Bootstrap, envoy: EnvoyVersion) -> Result<Self, ReadError> {
        let mut config = Self {
            clusters: file.clusters.iter().map(|c| (c.name.clone(), c.clone())).collect(),
            node: file.node.clone(),
            ..Self::default()
        };
        for listener in &file.listeners {
            let mut plugins = Vec::new();
            let mut suppress_envoy_headers = false;
            for filter in &listener.manager.http_filters {
                match &filter.kind {
                    FilterKind::Wasm(plugin) => plugins.push(config.add_plugin(plugin, envoy)?),
                    FilterKind::Router(router) => {
                        suppress_envoy_headers = router.suppress_envoy_headers;
                    }
                }
            }
            let settings = listener.manager.clone();
            config.listeners.push(Listener {
                address: listener.address,
                buffer_limit: listener.buffer_limit as usize,
                manager: Arc::new(Manager { settings, plugins, suppress_envoy_headers }),
            });
        }
        for cluster in &file.clusters {
            let mut filters = Vec::new();
            for filter in &cluster.http_filters {
                filters.push(match filter {
                    bootstrap::UpstreamFilter::Wasm(plugin) => {
                        UpstreamFilter::Plugin(config.add_plugin(plugin, envoy)?)
                    }
                    bootstrap::UpstreamFilter::Credential(injector) => {
                        let credential = credential::read(injector, &file.secrets)?;
                        UpstreamFilter::Credential(Arc::new(credential))
                    }
                });
            }
            config.upstream_filters.insert(cluster.name.clone(), filters);
        }
        Ok(config)
    }

    fn add_plugin(
        &mut self,
        plugin: &bootstrap::Plugin,
        envoy: EnvoyVersion,
    ) -> Result<usize, ReadError> {
        let spec = VmSpec {
            code: self.read_module(plugin)?,
            vm_id: plugin.vm.id.clone(),
            configuration: Arc::clone(&plugin.vm.configuration),
            environment: plugin.vm.environment.clone(),
            capabilities: Arc::new(plugin.vm.capabilities.clone()),
            envoy,
        };
        let known = self.plugins.iter().find(|known| known.vm.is_shared_with(&spec));
        let (vm, vm_key) = match known {
            Some(known) => (Arc::clone(&known.vm), known.vm_key),
            None => (Arc::new(spec), self.vm_keys()),
        };
        Ok(self.append(Plugin {
            name: plugin.name.clone(),
            root_id: plugin.root_id.clone(),
            configuration: Arc::clone(&plugin.configuration),
            stop_iteration_on_headers: plugin.allow_on_headers_stop_iteration,
            failure: plugin.failure_policy,
            vm,
            vm_key,
            key: 0,
        }))
    }

    /// Adds a plugin, and finds out which earlier one it is equal to.
    pub(crate) fn append(&mut self, mut plugin: Plugin) -> usize {
        let place = self.plugins.len();
        plugin.key =
            self.plugins.iter().find(|known| plugin.same_as(known)).map_or(place, |k| k.key);
        self.plugins.push(plugin);
        place
    }

    /// How many different VMs there are.
    pub(crate) fn vm_keys(&self) -> usize {
        self.plugins.iter().map(|plugin| plugin.vm_key + 1).max().unwrap_or(0)
    }

    /// A file that several plugins name is read once.
    fn read_module(&self, plugin: &bootstrap::Plugin) -> Result<Arc<[u8]>, ReadError> {
        let bytes: Arc<[u8]> = match &plugin.vm.code {
            Code::Inline(bytes) => Arc::clone(bytes),
            Code::File(path) => std::fs::read(path).map(Arc::from).map_err(|source| {
                let path = path.display().to_string();
                ReadError::Module { plugin: plugin.name.clone(), path, source }
            })?,
        };
        let known = self.plugins.iter().find(|known| known.vm.code == bytes);
        Ok(known.map_or(bytes, |known| Arc::clone(&known.vm.code)))
    }
}

impl Plugin {
    /// Whether they share a root context in each VM.
    fn same_as(&self, other: &Self) -> bool {
        self.vm_key == other.vm_key
            && self.name == other.name
            && self.root_id == other.root_id
            && self.configuration == other.configuration
            && (!self.vm.envoy.compares_whole_plugins()
                || (self.stop_iteration_on_headers == other.stop_iteration_on_headers
                    && self.failure == other.failure))
    }
}
