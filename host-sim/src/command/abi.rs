//! `host-sim abi`: what a guest may import, and what the simulator makes of it.

use std::process::ExitCode;

use clap::Args;
use host_sim::abi::table::{FOREIGN_FUNCTIONS, HOSTCALLS};
use serde_json::{Value, json};

use super::{Format, out};

/// Lists every hostcall of the ABI, and every function that Envoy offers beside it, with what the simulator makes of it.
#[derive(Debug, Args)]
pub(super) struct Abi {
    /// For people, or one JSON object on a line for each function.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

impl Abi {
    /// Prints the table.
    pub(super) fn run(&self) -> ExitCode {
        match self.format {
            Format::Text => out::all(table(), ExitCode::SUCCESS),
            Format::Json => out::all(objects(), ExitCode::SUCCESS),
        }
    }
}

fn table() -> Vec<String> {
    let width = HOSTCALLS.iter().map(|hostcall| hostcall.name.len()).max().unwrap_or(0);
    let chapters = HOSTCALLS.iter().map(|hostcall| hostcall.chapter.len()).max().unwrap_or(0);
    let mut lines: Vec<String> = HOSTCALLS
        .iter()
        .map(|hostcall| {
            format!(
                "{:width$}  {:chapters$}  {} to {}  {}",
                hostcall.name, hostcall.chapter, hostcall.since, hostcall.until, hostcall.support
            )
        })
        .collect();
    lines.push("\nby name, with proxy_call_foreign_function:".to_owned());
    let foreign = FOREIGN_FUNCTIONS.iter();
    lines.extend(foreign.map(|(name, support)| format!("{name:width$}  {support}")));
    lines
}

fn objects() -> Vec<Value> {
    let hostcalls = HOSTCALLS.iter().map(|hostcall| {
        json!({
            "hostcall": hostcall.name,
            "chapter": hostcall.chapter,
            "since": hostcall.since.to_string(),
            "until": hostcall.until.to_string(),
            "support": hostcall.support.to_string(),
        })
    });
    let foreign = FOREIGN_FUNCTIONS
        .iter()
        .map(|(name, support)| json!({"foreign_function": name, "support": support.to_string()}));
    hostcalls.chain(foreign).collect()
}
