//! The pure crates' own tests, once more as wasm: numbers of 32 bits and simd128 are what ships.
//!
//! The tests are built for the filters' target, with the flags that the filters have, and run under
//! Node's WASI: every unit and property test as it stands. `wasm-bindgen-test` would want a copy of
//! each under another attribute, another target (`wasm32-unknown-unknown`, with flags of its own),
//! and a runner that takes longer to install than these take to build and run.

use std::process::Command;

use host_sim::parts::{Part, Without};

const NODE: &str = "node --no-warnings";

#[test]
fn the_pure_crates_hold_on_wasm32_as_well() {
    let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
    if without.leaves_out(Part::Node) {
        println!("left out: tests on wasm32, because LLM_MESH_WITHOUT names node");
        return;
    }
    let cure = "install Node.js 20 or later, or leave these tests out: LLM_MESH_WITHOUT=node";
    let node = Command::new("node").arg("--version").output();
    assert!(node.is_ok_and(|node| node.status.success()), "`node` cannot be started; {cure}");

    let root = tests::workspace();
    let runner = format!("{NODE} {}", root.join("tests/wasm32.mjs").display());
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet", "--target", "wasm32-wasip1", "--lib"]);
    cargo.args(["-p", "llm-wire", "-p", "traffic-policy"]).current_dir(root);
    // Flags of an outer cargo would replace those of the workspace, simd128 among them.
    for name in ["CARGO_BUILD_TARGET", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"] {
        cargo.env_remove(name);
    }
    let done = cargo.env("CARGO_TARGET_WASM32_WASIP1_RUNNER", runner).output().expect("cargo");
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        done.status.success(),
        "{said}\nif the target is missing: rustup target add wasm32-wasip1"
    );
    let ran = said.lines().filter(|line| line.starts_with("test result: ok.")).count();
    assert_eq!(ran, 2, "both crates have tests: {said}");
}
