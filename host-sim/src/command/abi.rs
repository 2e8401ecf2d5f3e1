//! `host-sim abi`: what a guest may import, and what the simulator makes of it.

use std::process::ExitCode;

use clap::Args;
use host_sim::abi::table::{FOREIGN_FUNCTIONS, HOSTCALLS};

/// Lists every hostcall of the ABI, and every function that Envoy offers beside it, with what the simulator makes of it.
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
        println!("\nby name, with proxy_call_foreign_function:");
        for (name, support) in FOREIGN_FUNCTIONS {
            println!("{name:width$}  {support}");
        }
        ExitCode::SUCCESS
    }
}
