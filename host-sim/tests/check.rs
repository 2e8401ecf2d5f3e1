//! `host-sim check` passes the project's own manifests, and finds in a broken one what the rules and the plugins find.

#![expect(clippy::expect_used, reason = "a test's own preparation may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Exit code, what was printed, what was said.
fn check(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host-sim"));
    command.current_dir(workspace()).arg("check").args(arguments);
    let output = command.output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of a folder of manifests.
fn manifests(folder: &str) -> Vec<String> {
    let files = fs::read_dir(workspace().join("manifests").join(folder)).expect("a folder");
    let name = |file: fs::DirEntry| file.file_name().to_string_lossy().into_owned();
    let names = files.map(|file| name(file.expect("a file")));
    names.map(|name| format!("manifests/{folder}/{name}")).collect()
}

#[test]
fn our_own_manifests_have_no_findings() {
    let envoy = manifests("envoy");
    assert!(envoy.len() >= 4, "{envoy:?}");
    let (code, out, said) = check(&envoy.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!((code, out.lines().count()), (Some(0), 1), "{out}{said}");
    for sets in ISTIO {
        let (code, out, said) = check(sets);
        assert_eq!((code, out.lines().count()), (Some(0), 1), "{out}{said}");
    }
}

/// What is applied together.
const ISTIO: [&[&str]; 3] = [
    &[
        "manifests/istio/token-router.yaml",
        "manifests/istio/mesh.yaml",
        "manifests/istio/tracing.yaml",
    ],
    &["manifests/istio/canary.yaml", "manifests/istio/mesh.yaml"],
    &["manifests/istio/fallback.yaml", "manifests/istio/mesh.yaml"],
];

#[test]
fn a_finding_is_a_value_with_its_place_and_its_cure() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string(workspace().join("manifests/envoy/chain.yaml")).expect("a file");
    let text = text
        .replace("stream_idle_timeout: 120s", "stream_idle_timeout: 0s")
        .replace(r#""on_unknown_model": "refuse""#, r#""on_unknown_model": "refused""#);
    let file = folder.path().join("broken.yaml");
    fs::write(&file, &text).expect("a file");
    let (code, out, said) = check(&[&file.display().to_string(), "--format", "json"]);
    assert_eq!(code, Some(1), "{said}");
    let json: Value = serde_json::from_str(&out).expect("one JSON object");
    assert_eq!(json["plugins"], 1);
    let findings = json["findings"].as_array().expect("a list");
    let [rule, plugin] = findings.as_slice() else { panic!("{out}") };
    assert_eq!((&rule["rule"], &rule["note"]), (&"stream_idle_timeout".into(), &false.into()));
    let line = text.lines().position(|line| line.contains("stream_idle_timeout")).expect("a line");
    assert_eq!(rule["line"], line + 1);
    assert_eq!(rule["allowed"], "a time, as 120s");
    // The plugin's own words, from the module that users load.
    assert_eq!(plugin["rule"], "plugin");
    let found = plugin["found"].as_str().expect("a text");
    assert!(found.contains("on_unknown_model") && found.contains("`refused`"), "{found}");
}

#[test]
fn a_file_that_is_not_there_is_wrong_use() {
    let (code, out, said) = check(&["no/such/file.yaml"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert_eq!(said, "host-sim: no/such/file.yaml: no such file\n");
}
