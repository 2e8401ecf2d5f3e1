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

use serde_json::json;

use crate::{
    bootstrap::{Bootstrap, Rewrite, load_tree},
    client::exchange,
    llama::{LlamaError, RunningLlama},
    parts::{EnvoyError, Features, FiltersError, Parts, PlaceError},
};

pub use cases::{Case, cases, cases_for};
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

/// What answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DemoLlm {
    /// Scripted servers, which answer at once and say what they received.
    #[default]
    Scripted,
    /// A small real model, one for all pools. It is slow, so it gets the short requests only.
    Real,
}

/// How the demo runs.
#[derive(Debug, Clone, Copy)]
pub struct DemoOptions {
    /// Which proxy.
    pub host: DemoHost,
    /// Which servers.
    pub llm: DemoLlm,
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
    /// The real model cannot be had, or does not start.
    #[error(transparent)]
    Llama(#[from] LlamaError),
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
    parts: Parts,
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
        if options.llm == DemoLlm::Real {
            RunningLlama::fetch(&parts)?;
        }
        let file = parts.workspace().join(FILE);
        let compiled = parts.path("compiled");
        Ok(Self { module, file, envoy, compiled, parts })
    }
}

/// A running proxy with its model servers. Dropping it stops everything.
pub struct Demo {
    gateway: Gateway,
    servers: Servers,
    llm: DemoLlm,
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
        let servers = match options.llm {
            DemoLlm::Scripted => Servers::start(names).await.map_err(DemoError::Servers)?,
            DemoLlm::Real => Servers::real(names, &prepared.parts).await?,
        };
        // A real model does not say which headers it received; the answer's say the same.
        let patches = match options.llm {
            DemoLlm::Scripted => Vec::new(),
            DemoLlm::Real => vec![("llm-mesh".to_owned(), json!({"debug_headers": true}))],
        };
        let port = options.port.unwrap_or(0);
        let rewrite = Rewrite {
            listeners: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))],
            endpoints: servers.endpoints(),
            modules: [("llm_mesh.wasm".to_owned(), prepared.module.clone())].into(),
            patches,
            ..Rewrite::default()
        };
        let tree = rewrite.apply(&tree)?;
        let gateway = match &prepared.envoy {
            Some(binary) => Gateway::envoy(binary, &tree).await?,
            None => Gateway::sim(&tree, &prepared.compiled).await?,
        };
        Ok(Self { gateway, servers, llm: options.llm })
    }

    /// Where the proxy listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.gateway.address()
    }

    /// Sends the requests of every case, one after another, and gives one row for each.
    pub async fn run(&self) -> Report {
        let mut rows = Vec::new();
        for case in cases_for(self.llm) {
            let logged = self.gateway.access_log().len();
            let outcome = exchange(self.address(), case.request.clone()).await;
            let line = self.access_line(logged).await;
            let received = self.servers.take_received();
            rows.push(Row::new(&case, &outcome, received.as_deref(), line.as_deref()));
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
