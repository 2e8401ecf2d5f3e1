//! `host-sim schema`: what a scenario file may say, for editors.

use std::process::ExitCode;

use clap::Args;
use host_sim::scenario::format::SCHEMA;

/// Prints the JSON schema of scenario files; `tests/scenarios/schema.json` is the same.
#[derive(Debug, Args)]
pub(super) struct Schema {}

impl Schema {
    pub(super) fn run(self) -> ExitCode {
        super::out::all([SCHEMA.trim_end()], ExitCode::SUCCESS)
    }
}
