//! Programs of this tree as wasm in V8, run to their end.

use std::error::Error;
use std::process::{Command, Stdio};

use serde_json::Value;

const TREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Builds a program as the filters are built, and runs it under Node with the flag that Envoy gives its
/// engine. What it prints goes to standard output.
///
/// # Errors
/// When it cannot be built or run.
pub fn run(package: &str) -> Result<(), Box<dyn Error>> {
    let status = Command::new("node")
        .args(["--no-liftoff", "--no-warnings", "tests/wasm32.mjs", &build(package)?])
        .current_dir(TREE)
        .status()
        .map_err(|why| {
            format!("`node` cannot be started ({why}); install Node 20 or later and put it on PATH")
        })?;
    if status.success() { Ok(()) } else { Err(format!("{package} fails: {status}").into()) }
}

/// Where cargo put what it built.
fn build(package: &str) -> Result<String, Box<dyn Error>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["build", "-p", package, "--profile", "filter"])
        .args(["--target", "wasm32-wasip1", "--message-format", "json-render-diagnostics"])
        .current_dir(TREE)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{package} does not build: {}", output.status).into());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let messages = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut built = messages.filter_map(|m| Some(m.get("executable")?.as_str()?.to_owned()));
    Ok(built.next_back().ok_or("cargo does not say where it put what it built")?)
}
