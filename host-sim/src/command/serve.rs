//! `host-sim serve`: a local gateway from an Envoy file, without an Envoy.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use host_sim::bootstrap::{Bootstrap, Rewrite, load_tree};
use host_sim::parts::{Features, Parts};
use host_sim::serve::{Gateway, GatewayOptions, Notice};
use host_sim::vm::{Engine, EngineOptions};

/// Serves an Envoy configuration file: real HTTP/1.1 and HTTP/2, the filters in the simulated proxy.
#[derive(Debug, Args)]
pub(super) struct ServeCommand {
    /// The Envoy configuration file.
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// Simulated worker threads, 1 to 64.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
}

/// The module that this workspace builds; a file that names another one gets that one.
const OWN_MODULE: &str = "llm_mesh.wasm";

impl ServeCommand {
    /// Serves until Ctrl-C.
    pub(super) fn run(self) -> ExitCode {
        let (bootstrap, engine) = match self.prepare() {
            Ok(prepared) => prepared,
            Err(error) => return super::refuse(&*error),
        };
        let runtime = match tokio::runtime::Runtime::new() {
            Ok(runtime) => runtime,
            Err(error) => return super::refuse(&error),
        };
        runtime.block_on(async {
            let options =
                GatewayOptions { workers: usize::from(self.workers), ..GatewayOptions::default() };
            let gateway = match Gateway::start(bootstrap, options, Arc::new(engine), tell).await {
                Ok(gateway) => gateway,
                Err(error) => return super::refuse(&error),
            };
            for (name, address) in gateway.listeners() {
                eprintln!("host-sim: listener `{name}` on http://{address}, until Ctrl-C");
            }
            super::interrupted().await;
            ExitCode::SUCCESS
        })
    }

    fn prepare(&self) -> Result<(Bootstrap, Engine), Box<dyn std::error::Error>> {
        let tree = load_tree(&self.config)?;
        let (mut rewrite, mut module_cache) = (Rewrite::default(), None);
        // Outside of a workspace every module is where the file says.
        if let Ok(parts) = Parts::here() {
            module_cache = Some(parts.path("compiled"));
            if std::fs::read_to_string(&self.config)?.contains(OWN_MODULE) {
                let module = parts.filters(&Features::Default)?;
                rewrite.modules.insert(OWN_MODULE.to_owned(), module);
            }
        }
        if tree.get("admin").is_some() {
            eprintln!("host-sim: `admin` is left out: the simulator has no admin interface");
        }
        let bootstrap = Bootstrap::from_node(&rewrite.apply(&tree)?)?;
        let engine = Engine::new(EngineOptions { module_cache, ..EngineOptions::default() })?;
        Ok((bootstrap, engine))
    }
}

/// Access logs go to standard output, as Envoy's do; everything else to standard error.
fn tell(notice: Notice) {
    match notice {
        // Requests are served also when nobody reads of them.
        Notice::Access(line) => drop(super::out::line(line.trim_end())),
        Notice::Plugin(line) => eprintln!("{line}"),
        Notice::NotModelled(what) => eprintln!("host-sim: not modelled: {what}"),
    }
}
