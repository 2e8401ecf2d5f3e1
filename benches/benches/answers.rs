//! How fast answers are read as wasm in V8, without a proxy around it.
//!
//! `cargo bench -p benches --bench answers` builds the program and runs it under Node with the flag
//! that Envoy gives its engine. The times are nanoseconds of the fastest of many turns, for an event
//! and for a JSON body. `streams` measures the same inside a real Envoy, with all that is around it.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to report")]

use std::process::{Command, Stdio};

const TREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

fn main() {
    let program = build();
    println!("| answer | bytes | ns, event by event | ns, 40 events at a time |");
    println!("|---|---|---|---|");
    let status = Command::new("node")
        .args(["--no-liftoff", "--no-warnings", "tests/wasm32.mjs", &program])
        .current_dir(TREE)
        .status()
        .expect("`node` can be started: install Node 20 or later and put it on PATH");
    assert!(status.success(), "the program fails: {status}");
}

/// Builds the program as the filters are built, and returns where cargo put it.
fn build() -> String {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["build", "-p", "answers-guest", "--profile", "filter"])
        .args(["--target", "wasm32-wasip1", "--message-format", "json-render-diagnostics"])
        .current_dir(TREE)
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "the program does not build");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| Some(message.get("executable")?.as_str()?.to_owned()))
        .next_back()
        .expect("cargo says where it put what it built")
}
