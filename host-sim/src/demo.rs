//! The main job in one command: real requests through real filters, and where each of them went.
//!
//! It runs the file that a user would run, with free ports and scripted model servers in the place of
//! theirs. What the table shows was seen from outside the proxy: by the client, by the model servers
//! (the `x-llm-*` headers they received) and in the proxy's access log. Nothing is asked of the filters
//! themselves, so the same table comes from the simulator's gateway and from a real Envoy.

mod cases;
mod gateway;
mod report;
mod servers;
mod table;

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    time::Duration,
};

use crate::{
    bootstrap::{Bootstrap, Rewrite, load_tree},
    client::exchange,
    parts::{EnvoyError, Features, FiltersError, Parts, PlaceError},
};

pub use cases::{Case, cases};
pub use gateway::GatewayError;
pub use report::{Report, Row};
pub use table::render;

use gateway::Gateway;
use servers::Servers;

/// The file that the demo runs, from the workspace's root.
pub const FILE: &str = "manifests/envoy/chain.yaml";

/// What stands between client and model servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DemoHost {
    /// The simulator's gateway.
    Sim,
    /// A real Envoy.
    Envoy,
}

/// How the demo runs.
#[derive(Debug, Clone, Copy)]
pub struct DemoOptions {
    /// Which proxy.
    pub host: DemoHost,
    /// The proxy's port; a free one when there is none.
    pub port: Option<u16>,
}

/// Why there was no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// There is no workspace around.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The filters cannot be built.
    #[error(transparent)]
    Filters(#[from] FiltersError),
    /// There is no Envoy.
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    /// The file is not what it should be.
    #[error(transparent)]
    File(#[from] crate::yaml::Error),
    /// A model server cannot be started.
    #[error("a model server cannot be started")]
    Servers(#[source] std::io::Error),
    /// The proxy cannot be started.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
}

/// What has to be there before the first request; made once, because building takes longest.
pub struct Prepared {
    module: PathBuf,
    file: PathBuf,
    envoy: Option<PathBuf>,
    compiled: PathBuf,
}

impl Prepared {
    /// Builds the filters and finds an Envoy where one is wanted. Blocks; says on standard error what it
    /// is doing.
    ///
    /// # Errors
    /// When something is missing that cannot be fetched.
    pub fn new(options: &DemoOptions) -> Result<Self, DemoError> {
        let parts = Parts::here()?;
        let module = parts.filters(&Features::Default)?;
        let envoy = match options.host {
            DemoHost::Sim => None,
            DemoHost::Envoy => Some(parts.envoy(crate::model::EnvoyVersion::default())?),
        };
        let file = parts.workspace().join(FILE);
        Ok(Self { module, file, envoy, compiled: parts.path("compiled") })
    }
}

/// A running proxy with its model servers. Dropping it stops everything.
pub struct Demo {
    gateway: Gateway,
    servers: Servers,
}

impl Demo {
    /// Starts model servers and the proxy.
    ///
    /// # Errors
    /// When the file does not fit, or something cannot be started.
    pub async fn start(prepared: &Prepared, options: &DemoOptions) -> Result<Self, DemoError> {
        let tree = load_tree(&prepared.file)?;
        let clusters = Bootstrap::from_node(&tree)?.clusters;
        let names = clusters.iter().map(|cluster| cluster.name.as_str());
        let servers = Servers::start(names).await.map_err(DemoError::Servers)?;
        let port = options.port.unwrap_or(0);
        let rewrite = Rewrite {
            listeners: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))],
            endpoints: servers.endpoints(),
            modules: [("llm_mesh.wasm".to_owned(), prepared.module.clone())].into(),
            ..Rewrite::default()
        };
        let tree = rewrite.apply(&tree)?;
        let gateway = match &prepared.envoy {
            Some(binary) => Gateway::envoy(binary, &tree).await?,
            None => Gateway::sim(&tree, &prepared.compiled).await?,
        };
        Ok(Self { gateway, servers })
    }

    /// Where the proxy listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    /// Sends the requests of every case, one after another, and gives one row for each.
    pub async fn run(&self) -> Report {
        let mut rows = Vec::new();
        for case in cases() {
            let logged = self.gateway.access_log().len();
            let outcome = exchange(self.address(), case.request.clone()).await;
            let line = self.access_line(logged).await;
            let received = self.servers.take_received();
            rows.push(Row::new(&case, &outcome, &received, line.as_deref()));
        }
        Report { host: self.gateway.name(), rows }
    }

    /// The line that the proxy writes for the request that has just ended. It comes a moment after it.
    async fn access_line(&self, already: usize) -> Option<String> {
        for _ in 0..100 {
            if let Some(line) = self.gateway.access_log().get(already) {
                return Some(line.clone());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        None
    }
}

/// The port of the file's first listener, if nobody has it; `--serve` uses it, so that the same `curl`
/// works every time.
#[must_use]
pub fn usual_port(prepared: &Prepared) -> Option<u16> {
    let bootstrap = Bootstrap::load(&prepared.file).ok()?;
    let address = bootstrap.listeners.first()?.address;
    TcpListener::bind(address).is_ok().then_some(address.port())
}
