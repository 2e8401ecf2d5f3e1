//! The proxy of the demo: the simulator's gateway or a real Envoy, behind one interface.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    bootstrap::Bootstrap,
    envoy::{EnvoyOptions, RunningEnvoy, StartError},
    serve::{self, GatewayOptions, Notice},
    vm::{Engine, EngineOptions, LoadError},
    yaml::Node,
};

/// A running proxy.
pub(super) enum Gateway {
    Envoy(Box<RunningEnvoy>, SocketAddr),
    Sim { address: SocketAddr, notices: Notices, _running: serve::Gateway },
}

/// What the simulator's gateway has said.
type Notices = Arc<Mutex<Vec<Notice>>>;

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Envoy does not start.
    #[error(transparent)]
    Envoy(#[from] StartError),
    /// wasmtime does not start.
    #[error(transparent)]
    Engine(#[from] LoadError),
    /// The simulator's gateway does not start.
    #[error(transparent)]
    Sim(#[from] serve::GatewayError),
    /// The file is not what it should be.
    #[error(transparent)]
    File(#[from] crate::yaml::Error),
    /// There is nobody to send requests to.
    #[error("the file has no listener; the demo sends its requests to the first one")]
    NoListener,
}

impl Gateway {
    pub(super) async fn envoy(binary: &Path, tree: &Node) -> Result<Self, GatewayError> {
        let bootstrap = tree.to_json()?;
        let envoy = RunningEnvoy::start(binary, &bootstrap, &EnvoyOptions::default()).await?;
        let address = envoy.listeners().values().next().copied();
        Ok(Self::Envoy(Box::new(envoy), address.ok_or(GatewayError::NoListener)?))
    }

    pub(super) async fn sim(tree: &Node, compiled: &Path) -> Result<Self, GatewayError> {
        let bootstrap = Bootstrap::from_node(tree)?;
        let module_cache = Some(compiled.to_path_buf());
        let engine = Engine::new(EngineOptions { module_cache, ..EngineOptions::default() })?;
        let notices = Notices::default();
        let noted = Arc::clone(&notices);
        let note = move |notice: Notice| {
            if let Notice::NotModelled(what) = &notice {
                eprintln!("host-sim: not modelled: {what}");
            }
            noted.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
        };
        let options = GatewayOptions::default();
        let gateway = serve::Gateway::start(bootstrap, options, Arc::new(engine), note).await?;
        let address = gateway.listeners().first().map(|(_, address)| *address);
        let address = address.ok_or(GatewayError::NoListener)?;
        Ok(Self::Sim { address, notices, _running: gateway })
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Envoy(..) => "envoy 1.40.0".to_owned(),
            Self::Sim { .. } => "the simulator".to_owned(),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Envoy(_, address) | Self::Sim { address, .. } => *address,
        }
    }

    /// The access log so far, a line for each request that has ended.
    pub(super) fn access_log(&self) -> Vec<String> {
        match self {
            Self::Envoy(envoy, _) => envoy.output().lines().map(str::to_owned).collect(),
            Self::Sim { notices, .. } => {
                let notices = notices.lock().unwrap_or_else(PoisonError::into_inner);
                let lines = notices.iter().filter_map(|notice| match notice {
                    Notice::Access(line) => Some(line.trim_end().to_owned()),
                    Notice::Plugin(_) | Notice::NotModelled(_) => None,
                });
                lines.collect()
            }
        }
    }
}
