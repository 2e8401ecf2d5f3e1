//! `host-sim canary`: what it prints, that nothing of it is chance, and what it refuses. What rollouts come to is in
//! the workspace's own tests.

#![expect(clippy::expect_used, reason = "a test's own preparation may fail loudly")]

use std::fs;
use std::process::Command;

const MANIFESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/envoy/");

/// Exit code, what was printed, what was said.
fn canary(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host-sim"));
    let output = command.arg("canary").args(arguments).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_users_file_is_played_and_the_same_seed_gives_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("rollout.html").display().to_string();
    let file = format!("{MANIFESTS}canary.yaml");
    let short = ["-c", &file, "--rate", "20", "--duration", "40s", "--report", &report];
    let play = |seed| canary(&[&short[..], &["--seed", seed]].concat());
    let (code, first, err) = play("5");
    assert_eq!(code, Some(0), "{err}");
    assert!(first.contains("v1=9000 v2=1000") && first.contains("inconclusive"), "{first}");
    let page = fs::read_to_string(&report).expect("a page");
    assert!(page.ends_with("</html>\n") && page.matches("<svg").count() == 5);
    for outside in ["http://", "https://", "<script", "<link", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert_eq!(first, play("5").1);
    assert_ne!(first, play("6").1);
}

#[test]
fn what_cannot_be_played_is_refused_with_what_can() {
    let refused = |arguments: &[&str], words: &str| {
        let (code, _, err) = canary(arguments);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains(words), "{err}");
    };
    let breaker = format!("{MANIFESTS}breaker.yaml");
    refused(
        &["-c", &breaker],
        "found no canary_split in the plugins of the first listener; allowed",
    );
    refused(&["--candidate", "bad"], "found `bad`; allowed good, error=0.06");
    refused(&["--prometheus-away", "9s..3s"], "write two times, the earlier one first");
    refused(&["--stable-error", "2"], "write a number from 0 to 1");
    refused(&["--runs", "2", "--fleet", "2"], "cannot be used with");
    refused(&["--weight", "20"], "--runs");
}
