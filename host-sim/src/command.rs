//! What a user can ask for. Each command is a file; what it does is in the library.

mod abi;
mod breaker;
mod canary;
mod check;
mod count;
mod demo;
mod file;
mod fuzz;
mod out;
mod progress;
mod run;
mod schema;
mod serve;
mod upstream;
mod weights;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

/// Runs proxy-wasm filters as Envoy would, without an Envoy.
#[derive(Debug, Parser)]
#[command(name = "host-sim", version, after_help = EXIT_CODES)]
pub(crate) struct Command {
    #[command(subcommand)]
    what: What,
}

const EXIT_CODES: &str = "Exit codes: 0 all is as it must be; 1 something is not; 2 wrong use, or the \
    work could not be done; 130 interrupted; 141 nobody reads the output any more";

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// One JSON object on a line for each result.
    Json,
}

#[derive(Debug, Subcommand)]
enum What {
    Demo(demo::DemoCommand),
    Run(run::Run),
    Fuzz(fuzz::Fuzz),
    Abi(abi::Abi),
    Breaker(breaker::Breaker),
    Canary(canary::CanaryCommand),
    Check(check::Check),
    Count(count::Count),
    Schema(schema::Schema),
    Serve(serve::ServeCommand),
    Upstream(upstream::UpstreamCommand),
    Weights(weights::Weights),
}

impl Command {
    /// Does it. Failure is an exit code; what failed has been said by then.
    pub(crate) fn run(self) -> ExitCode {
        match self.what {
            What::Demo(demo) => demo.run(),
            What::Run(run) => run.run(),
            What::Fuzz(fuzz) => fuzz.run(),
            What::Abi(abi) => abi.run(),
            What::Breaker(breaker) => breaker.run(),
            What::Canary(canary) => canary.run(),
            What::Check(check) => check.run(),
            What::Count(count) => count.run(),
            What::Schema(schema) => schema.run(),
            What::Serve(serve) => serve.run(),
            What::Upstream(upstream) => upstream.run(),
            What::Weights(weights) => weights.run(),
        }
    }
}

/// Says why a command could not do its work.
fn refuse(error: &dyn std::error::Error) -> ExitCode {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    eprintln!("host-sim: {text}");
    ExitCode::from(2)
}

/// Ends on Ctrl-C, or when somebody ends the process politely.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
