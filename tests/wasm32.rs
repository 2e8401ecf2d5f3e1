//! The pure crates as wasm: numbers of 32 bits and simd128 are what ships.
//!
//! Their own tests are built for the filters' target, with the flags that the filters have, and run
//! under Node's WASI: every unit and property test as it stands. The way from a body's bytes to a
//! count is then gone once more without WASI, by `wasm-bindgen-test` (`tests/wasm`), whose runner is
//! installed below `target/parts`.

use std::process::{Command, Output};

use host_sim::parts::{Part, Parts, Without};

const NODE: &str = "node --no-warnings";

#[test]
fn the_pure_crates_hold_on_wasm32_as_well() {
    if !node_is_here() {
        return;
    }
    let runner = format!("{NODE} {}", tests::workspace().join("tests/wasm32.mjs").display());
    let target = "wasm32-wasip1";
    let said = cargo_test(target, &runner, &["--lib", "-p", "llm-wire", "-p", "traffic-policy"]);
    let ran = said.lines().filter(|line| line.starts_with("test result: ok.")).count();
    assert_eq!(ran, 2, "both crates have tests: {said}");
}

#[test]
fn counting_needs_no_operating_system() {
    if !node_is_here() {
        return;
    }
    let runner = wasm_bindgen_test_runner();
    let said = cargo_test("wasm32-unknown-unknown", &runner, &["--lib", "-p", "wasm-tests"]);
    assert!(said.contains("test result: ok. 5 passed"), "all of them ran: {said}");
}

/// Whether the tests are to run; says so if not, and fails if they cannot.
fn node_is_here() -> bool {
    let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
    if without.leaves_out(Part::Node) {
        println!("left out: tests on wasm32, because LLM_MESH_WITHOUT names node");
        return false;
    }
    let cure = "install Node.js 20 or later, or leave these tests out: LLM_MESH_WITHOUT=node";
    let node = Command::new("node").arg("--version").output();
    assert!(node.is_ok_and(|node| node.status.success()), "`node` cannot be started; {cure}");
    true
}

/// Runs tests for a target, and returns what was said.
fn cargo_test(target: &str, runner: &str, arguments: &[&str]) -> String {
    let installed = Command::new("rustup").args(["target", "add", target]).output();
    assert!(installed.is_ok_and(succeeded), "the target is missing: rustup target add {target}");
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--target", target]).args(arguments);
    // Flags of an outer cargo would replace those of the workspace, simd128 among them.
    for name in ["CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"] {
        cargo.env_remove(name);
    }
    let runner_of = format!("CARGO_TARGET_{}_RUNNER", target.to_uppercase().replace('-', "_"));
    let done = cargo.current_dir(tests::workspace()).env(runner_of, runner).output();
    let done = done.expect("cargo");
    let said = String::from_utf8_lossy(&[&*done.stdout, &*done.stderr].concat()).into_owned();
    assert!(done.status.success(), "{said}");
    said
}

/// The runner of the version that the workspace is locked to, installed once.
fn wasm_bindgen_test_runner() -> String {
    let lock = std::fs::read_to_string(tests::workspace().join("Cargo.lock")).expect("Cargo.lock");
    let version = lock
        .split("name = \"wasm-bindgen\"\nversion = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("wasm-bindgen is locked");
    let parts = Parts::here().unwrap_or_else(|error| panic!("{error}"));
    let folder = parts.path(&format!("wasm-bindgen-{version}"));
    let runner = folder.join("bin/wasm-bindgen-test-runner");
    if !runner.exists() {
        eprintln!("installing wasm-bindgen-cli {version} below {}", folder.display());
        let mut cargo = Command::new("cargo");
        cargo.args(["install", "--quiet", "--version", version, "wasm-bindgen-cli", "--root"]);
        let installed = cargo.arg(&folder).env_remove("CARGO_BUILD_TARGET").status();
        assert!(
            installed.is_ok_and(|status| status.success()),
            "wasm-bindgen-cli {version} cannot be installed: it needs the network, or leave these tests out: LLM_MESH_WITHOUT=node"
        );
    }
    runner.display().to_string()
}

fn succeeded(done: Output) -> bool {
    done.status.success()
}
