//! `host-sim weights` changes a file in place, says who moves, and leaves the file alone where it may not.

#![expect(clippy::expect_used, reason = "a test's own preparation may fail loudly")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

/// Exit code, what was printed, what was said.
fn weights(file: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host-sim"));
    let output = command.arg("weights").arg(file).args(arguments).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

const FILE: &str = "\
kind: WasmPlugin   # ours
spec: {pluginConfig: {canary_split: [{pool: gpu, weights: [{version: v1, weight: 90}, {version: v2, weight: 10}]}]}}
";

#[test]
fn weights_are_changed_in_place_and_who_moves_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("plugin.yaml");
    fs::write(&file, FILE).expect("a file");
    let (code, out, said) = weights(&file, &["v1=60", "v2=40", "--dry-run"]);
    assert_eq!(code, Some(0), "{said}");
    let shown = file.display();
    assert_eq!(
        out,
        format!(
            "{shown}:2:38: pool `gpu`\n  \
             v1      90 -> 60   90.0 % -> 60.0 %\n  \
             v2      10 -> 40   10.0 % -> 40.0 %\n  \
             30.0 % of users move; at least 30.0 % have to, 0.0 % without need\n\
             {shown}: not written (--dry-run)\n"
        )
    );
    assert_eq!(fs::read_to_string(&file).expect("a file"), FILE);
    let (code, out, said) = weights(&file, &["v1=60", "v2=40", "--format", "json"]);
    assert_eq!(code, Some(0), "{said}");
    let mut told: Value = serde_json::from_str(&out).expect("one JSON object");
    let moved = told["splits"][0]["moves"].take();
    assert!((moved["moved"].as_f64().expect("a number") - 0.3).abs() < 1e-9, "{moved}");
    let version = |name, before, after| {
        let share = |weight| f64::from(weight) / 100.0;
        json!({"version": name, "before": before, "after": after,
            "share_before": share(before), "share_after": share(after)})
    };
    let split = json!({"kind": "canary_split", "name": "gpu", "line": 2, "moves": null,
        "path": "spec.pluginConfig.canary_split[0]",
        "versions": [version("v1", 90, 60), version("v2", 10, 40)]});
    assert_eq!(told, json!({"file": file, "written": true, "splits": [split]}));
    let changed = FILE.replace("weight: 90", "weight: 60").replace("weight: 10", "weight: 40");
    assert_eq!(fs::read_to_string(&file).expect("a file"), changed);
}

#[test]
fn what_may_not_be_leaves_the_file_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("plugin.yaml");
    fs::write(&file, FILE).expect("a file");
    for (arguments, expected) in [
        (&["v1=0", "v2=0"][..], "found no weight above 0"),
        (&["v3=1"], "found no `v3`; allowed v1, v2"),
        (&["v2=30"], "name the weights of all versions"),
        (&["v1=-5"], "found `-5`; allowed a whole number from 0 to 2147483647; raise it"),
        (&["v1=1", "--pool", "cpu"], "found no weights of `cpu`; allowed one of `gpu`"),
    ] {
        let (code, _, said) = weights(&file, arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(said.contains(expected), "{said}");
        assert_eq!(fs::read_to_string(&file).expect("a file"), FILE);
    }
    let (code, _, said) = weights(&folder.path().join("none.yaml"), &["v1=1"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("none.yaml: cannot be read"), "{said}");
}
