//! What the documents name exists, and what they promise of the code is so.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use tests::{files, read, rust_files, workspace};

/// The documents whose names are checked.
fn documents() -> Vec<PathBuf> {
    files("*.md").into_iter().filter(|file| file != Path::new("CHANGELOG.md")).collect()
}

/// What stands in single back-ticks outside of code blocks.
fn in_backticks(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// Whether a text in back-ticks claims to be a file or folder of the project.
fn is_path(text: &str) -> bool {
    let top = [
        "filters/",
        "host-sim/",
        "manifests/",
        "tests/",
        "benches/",
        ".ci/",
        ".github/",
        ".cargo/",
    ];
    let plain = !text.contains([' ', '*', '{', '<', '$', '…']);
    plain && top.iter().any(|folder| text.starts_with(folder))
}

#[test]
fn every_path_that_a_document_names_exists() {
    let mut missing = Vec::new();
    for document in documents() {
        for name in in_backticks(&read(&document)) {
            let path = name.split(':').next().unwrap_or_default();
            if is_path(&name) && !workspace().join(path).exists() {
                missing.push(format!("{}: {name}", document.display()));
            }
        }
    }
    assert!(missing.is_empty(), "named but not there:\n  {}", missing.join("\n  "));
}

#[test]
fn every_crate_is_on_the_map() {
    let map = read(Path::new("ARCHITECTURE.md"));
    for manifest in files("*Cargo.toml") {
        let Some(folder) = manifest.parent().filter(|f| !f.as_os_str().is_empty()) else {
            continue;
        };
        let name = folder.file_name().expect("a folder").to_string_lossy();
        if !folder.starts_with("benches/") {
            assert!(map.contains(name.as_ref()), "ARCHITECTURE.md does not name {name}");
        }
    }
}

/// The words of a text that look like our metrics.
fn metrics(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let units = ["_total", "_tokens", "_milliseconds", "_microseconds"];
    let is_metric = |w: &&str| w.starts_with("llm_") && units.iter().any(|unit| w.ends_with(unit));
    words.filter(is_metric).map(str::to_owned).collect()
}

#[test]
fn the_documented_metrics_are_those_of_the_code() {
    let mut code = BTreeSet::new();
    for file in rust_files().into_iter().filter(|f| f.starts_with("filters")) {
        let source = read(&file);
        let body = source.split("#[cfg(test)]").next().unwrap_or_default();
        let strings = body.lines().filter(|line| !line.trim_start().starts_with("//"));
        code.extend(strings.flat_map(metrics));
    }
    assert!(!code.is_empty());
    assert_eq!(metrics(&read(Path::new("filters/README.md"))), code);
}

#[test]
fn every_difference_is_held_by_a_test() {
    let text = read(Path::new("host-sim/DIFFERENCES.md"));
    let sources: String = rust_files().iter().map(|file| read(file)).collect();
    let rows = text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what"));
    let mut entries = 0;
    for row in rows {
        let last = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or_default();
        let tests = in_backticks(last);
        assert!(!tests.is_empty(), "no test holds: {row}");
        for test in tests {
            let scenario = workspace().join(format!("tests/scenarios/{test}.yaml"));
            let known = sources.contains(&format!("fn {test}()")) || scenario.is_file();
            assert!(known, "no such test or scenario: {test}");
        }
        entries += 1;
    }
    assert!(entries > 0, "the file has entries");
}
