//! The rules of the house that no compiler checks: sizes, module docs, who may know whom.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::{read, rust_files, workspace};

/// Longer than this, a file holds two ideas.
const MOST_LINES: usize = 500;

/// A callback reads facts, asks the core, accounts, obeys; more than this is logic in the shell.
const MOST_CALLBACK_LINES: usize = 25;

#[track_caller]
fn none(what: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn no_file_is_longer_than_an_idea() {
    let long = rust_files().into_iter().filter_map(|file| {
        let lines = read(&file).lines().count();
        (lines > MOST_LINES).then(|| format!("{}: {lines} lines; split it", file.display()))
    });
    none("files above 500 lines", long.collect());
}

#[test]
fn every_module_says_what_it_is() {
    let silent = rust_files().into_iter().filter(|file| {
        let is_test_module = file.file_name().is_some_and(|name| name == "tests.rs");
        !is_test_module && !read(file).starts_with("//!")
    });
    none("files without a `//!` first line", silent.map(|f| f.display().to_string()).collect());
}

#[test]
fn modules_are_files_beside_their_folder() {
    let wrong = rust_files().into_iter().filter(|file| file.ends_with("mod.rs"));
    none("mod.rs files", wrong.map(|f| f.display().to_string()).collect());
}

#[test]
fn callbacks_of_filters_are_short() {
    let mut long = Vec::new();
    for file in rust_files().into_iter().filter(|file| file.starts_with("filters")) {
        for (name, lines) in callbacks(&read(&file)) {
            if lines > MOST_CALLBACK_LINES {
                long.push(format!("{}: {name}: {lines} lines", file.display()));
            }
        }
    }
    none("callbacks above 25 lines", long);
}

/// Functions named `on_*`, and how many lines each has.
fn callbacks(source: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let lines: Vec<&str> = source.lines().collect();
    for (start, line) in lines.iter().enumerate() {
        let Some(name) = line.trim_start().strip_prefix("fn on_") else { continue };
        let indent = line.len() - line.trim_start().len();
        let closes = |l: &&&str| **l == format!("{}}}", " ".repeat(indent));
        let length = lines[start..].iter().position(|l| closes(&l)).unwrap_or(0);
        let name = name.split('(').next().unwrap_or_default();
        found.push((format!("on_{name}"), length + 1));
    }
    found
}

#[test]
fn nothing_is_left_to_be_done_in_a_comment() {
    let marks = ["TODO", "FIXME", "XXX", "HACK"];
    let here = Path::new("tests/tidy.rs");
    let mut found = Vec::new();
    for file in rust_files().into_iter().filter(|file| file != here) {
        for (number, line) in read(&file).lines().enumerate() {
            let comment = line.split_once("//").map_or("", |(_, comment)| comment);
            let mut words = comment.split(|c: char| !c.is_ascii_alphanumeric());
            if words.any(|word| marks.contains(&word)) || line.contains("#[ignore") {
                found.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    none("left in the tree", found);
}

/// Direct dependencies of every crate of the workspace, development ones left out.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(workspace())
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    let names = |package: &serde_json::Value| {
        let all = package["dependencies"].as_array().expect("a list").iter();
        let normal = all.filter(|d| d["kind"].is_null());
        normal.map(|d| d["name"].as_str().expect("a name").to_owned()).collect()
    };
    packages.iter().map(|p| (p["name"].as_str().expect("a name").to_owned(), names(p))).collect()
}

#[test]
fn the_pure_crates_know_no_proxy_clock_randomness_or_log() {
    let graph = dependencies();
    for pure in ["llm-wire", "traffic-policy"] {
        for banned in ["proxy-wasm", "log", "getrandom", "tokio", "wasmtime", "filter-shell"] {
            assert!(!graph[pure].iter().any(|d| d == banned), "{pure} depends on {banned}");
        }
    }
}

#[test]
fn only_the_shell_and_the_module_name_the_sdk() {
    let users: Vec<String> = dependencies()
        .into_iter()
        .filter(|(_, dependencies)| dependencies.iter().any(|d| d == "proxy-wasm"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(users, ["filter-shell", "llm-mesh"]);
}

#[test]
fn a_filter_knows_no_other_filter() {
    let graph = dependencies();
    let filters = ["token-router", "canary-split", "retry-breaker", "token-metrics"];
    for (name, dependencies) in &graph {
        if filters.contains(&name.as_str()) {
            let known = dependencies.iter().find(|d| filters.contains(&d.as_str()));
            assert_eq!(known, None, "{name} depends on another filter");
        }
    }
}

#[track_caller]
fn names_nothing_of(folder: &str, except: &[&str], banned: &[&str]) {
    let mut found = Vec::new();
    for file in rust_files().into_iter().filter(|file| file.starts_with(folder)) {
        if except.iter().any(|e| file.starts_with(e)) {
            continue;
        }
        for (number, line) in read(&file).lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(word) = banned.iter().find(|word| code.contains(**word)) {
                found.push(format!("{}:{}: names {word}", file.display(), number + 1));
            }
        }
    }
    none("names what it must not know", found);
}

#[test]
fn the_simulators_library_knows_none_of_our_crates() {
    let commands = ["host-sim/src/main.rs", "host-sim/src/command", "host-sim/src/command.rs"];
    names_nothing_of(
        "host-sim/src",
        &commands,
        &["proxy_wasm", "llm_wire", "traffic_policy", "filter_shell", "token_router"],
    );
}

#[test]
fn the_simulators_model_knows_neither_the_engine_nor_guest_pointers() {
    names_nothing_of("host-sim/src/model", &[], &["wasmtime", "GuestMemory"]);
}

#[test]
fn unsafe_code_stands_in_the_files_that_are_named_here() {
    // The imports of the ABI, and guests that only benchmarks and tests run.
    let allowed = [
        "filters/filter-shell/src/host/ffi.rs",
        "benches/guests/scan/lib.rs",
        "benches/guests/tiktoken/lib.rs",
        "benches/guests/tokens/lib.rs",
        "tests/guests/tracing/host.rs",
        "tests/guests/tracing/exports.rs",
    ]
    .map(PathBuf::from);
    let mut found: Vec<PathBuf> = rust_files()
        .into_iter()
        .filter(|file| file != Path::new("tests/tidy.rs"))
        .filter(|file| read(file).contains("unsafe_code"))
        .collect();
    found.retain(|file| !allowed.contains(file) && !file.starts_with("host-sim/src/vm"));
    assert!(found.is_empty(), "{found:?}");
}
