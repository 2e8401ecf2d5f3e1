//! `host-sim demo`: real requests through the filters, in a table.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use host_sim::demo::{
    self, Demo, DemoError, DemoHost, DemoLlm, DemoOptions, FILE, Prepared, Report,
};

use super::out;

/// Sends real requests through the filters and shows where each of them went, and why.
#[derive(Debug, Args)]
pub(super) struct DemoCommand {
    /// What stands between client and model servers.
    #[arg(long, value_enum, default_value_t = Host::Sim)]
    host: Host,
    /// What answers: scripted servers, or a small real model (130 MB, fetched once).
    #[arg(long, value_enum, default_value_t = Llm::Scripted)]
    llm: Llm,
    /// Stays up afterwards, and prints a curl line to try.
    #[arg(long)]
    serve: bool,
    /// For people, or one JSON object.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Host {
    Sim,
    Envoy,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Llm {
    Scripted,
    Real,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

impl DemoCommand {
    /// Runs it; failure when a request went where it should not.
    pub(super) fn run(self) -> ExitCode {
        let host = match self.host {
            Host::Sim => DemoHost::Sim,
            Host::Envoy => DemoHost::Envoy,
        };
        let llm = match self.llm {
            Llm::Scripted => DemoLlm::Scripted,
            Llm::Real => DemoLlm::Real,
        };
        let mut options = DemoOptions { host, llm, port: None };
        // Before there is a runtime: until then Ctrl-C ends us and cargo at once.
        let prepared = match Prepared::new(&options) {
            Ok(prepared) => prepared,
            Err(error) => return super::refuse(&error),
        };
        if self.serve {
            options.port = demo::usual_port(&prepared);
        }
        let runtime = match tokio::runtime::Runtime::new() {
            Ok(runtime) => runtime,
            Err(error) => return super::refuse(&error),
        };
        runtime.block_on(async {
            tokio::select! {
                // First, because with `--serve` Ctrl-C is its regular end.
                biased;
                done = self.play(&prepared, &options) => match done {
                    Ok(true) => ExitCode::SUCCESS,
                    Ok(false) => ExitCode::FAILURE,
                    Err(error) => super::refuse(&error),
                },
                // Everything that runs is owned by the other branch, and dropped with it.
                () = super::interrupted() => ExitCode::from(130),
            }
        })
    }

    async fn play(&self, prepared: &Prepared, options: &DemoOptions) -> Result<bool, DemoError> {
        eprintln!("host-sim: starting model servers and the proxy with {FILE}");
        let demo = Demo::start(prepared, options).await?;
        let report = demo.run().await;
        let lines = match self.format {
            Format::Json => format!("{:#}", report.to_json()),
            Format::Table => table(&report),
        };
        // With `--serve` it stays up although nobody reads.
        let _ = out::line(lines);
        if self.serve {
            let address = demo.address();
            let _ = out::line(format_args!(
                "\nListening on {address} until Ctrl-C. Try:\n\n  \
                 curl -s http://{address}/v1/chat/completions -H 'content-type: application/json' \\\n    \
                 -d '{{\"model\":\"gpt-4o\",\"stream\":true,\"messages\":[{{\"role\":\"user\",\"content\":\"Hello\"}}]}}'"
            ));
            super::interrupted().await;
        }
        Ok(report.is_as_expected())
    }
}

fn table(report: &Report) -> String {
    format!(
        "\n{} requests through {} with {FILE}\n\n{}\n\
         The rules that decided, the pools and the routes are in {FILE}: change one and run this again.",
        report.rows.len(),
        report.host,
        demo::render(report)
    )
}
