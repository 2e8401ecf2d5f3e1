//! `host-sim abi`: what a guest may import, and what the simulator makes of it.

use std::process::ExitCode;

use clap::Args;
use host_sim::abi::table::HOSTCALLS;

/// Lists every hostcall of the ABI with what the simulator makes of it.
#[derive(Debug, Args)]
pub(super) struct Abi {}

impl Abi {
    /// Prints the table.
    pub(super) fn run(&self) -> ExitCode {
        let width = HOSTCALLS.iter().map(|hostcall| hostcall.name.len()).max().unwrap_or(0);
        let chapters = HOSTCALLS.iter().map(|hostcall| hostcall.chapter.len()).max().unwrap_or(0);
        for hostcall in HOSTCALLS {
            println!(
                "{:width$}  {:chapters$}  {} to {}  {}",
                hostcall.name, hostcall.chapter, hostcall.since, hostcall.until, hostcall.support
            );
        }
        ExitCode::SUCCESS
    }
}
