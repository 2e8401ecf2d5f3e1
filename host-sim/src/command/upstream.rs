//! `host-sim upstream`: the scripted model server by itself.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use host_sim::upstream::{Script, UpstreamServer};
use host_sim::yaml;

/// Answers like a model server: OpenAI and Anthropic shapes, streams, and failures on request.
#[derive(Debug, Args)]
pub(super) struct UpstreamCommand {
    /// The port, on the loopback interface; 0 for a free one.
    #[arg(long, default_value_t = 8001)]
    port: u16,
    /// A YAML file with the list of replies, as under `upstreams` in a scenario.
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
}

impl UpstreamCommand {
    /// Serves until Ctrl-C.
    pub(super) fn run(self) -> ExitCode {
        let script = match self.script() {
            Ok(script) => script,
            Err(error) => return super::refuse(&*error),
        };
        let runtime = match tokio::runtime::Runtime::new() {
            Ok(runtime) => runtime,
            Err(error) => return super::refuse(&error),
        };
        runtime.block_on(async {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
            let server = match UpstreamServer::start_on(address, script).await {
                Ok(server) => server,
                Err(error) => {
                    eprintln!(
                        "host-sim: {address}: {error}; choose another --port, or 0 for a free one"
                    );
                    return ExitCode::from(2);
                }
            };
            eprintln!("host-sim: a model server on http://{}, until Ctrl-C", server.address());
            super::interrupted().await;
            eprintln!("host-sim: {} requests received", server.received().len());
            ExitCode::SUCCESS
        })
    }

    fn script(&self) -> Result<Script, Box<dyn std::error::Error>> {
        let Some(path) = &self.script else { return Ok(Script::default()) };
        let documents = yaml::read_file(path)?;
        let Some(document) = documents.first() else { return Ok(Script::default()) };
        let script = Script::from_json(document.to_json()?);
        Ok(script.map_err(|error| format!("{}: {error}", path.display()))?)
    }
}
