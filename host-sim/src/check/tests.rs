//! Every rule with a file that breaks it. The files are those that users run, with one piece of text in the
//! place of another.

mod each_rule;
mod leaving_out;

use std::path::Path;

use super::*;
use crate::yaml::parse;

/// A file of the workspace with pieces of text replaced.
fn with(file: &str, edits: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
    let mut text = std::fs::read_to_string(path).unwrap();
    for (from, to) in edits {
        assert!(text.contains(from), "{file} has no `{from}`");
        text = text.replacen(from, to, 1);
    }
    text
}

/// What the reader and the rules find in an Envoy file.
fn found(text: &str) -> Vec<Finding> {
    let tree = parse("f.yaml", text).unwrap().remove(0);
    found_in(tree)
}

fn found_in(tree: Node) -> Vec<Finding> {
    let (mut configurations, mut findings) = (Vec::new(), Vec::new());
    take(Vec::new(), Ok(tree), &mut configurations, &mut findings);
    findings.extend(configurations.iter().flat_map(rules));
    findings
}

/// The only finding, which is this rule's.
fn only(text: &str, rule: &str) -> Finding {
    let findings = found(text);
    let [finding] = findings.as_slice() else { panic!("{findings:#?}") };
    assert_eq!(finding.rule, rule, "{finding}");
    finding.clone()
}

const CHAIN: &str = "manifests/envoy/chain.yaml";
const GATE: &str = "manifests/envoy/token-router-gate.yaml";
const FALLBACK: &str = "manifests/envoy/fallback.yaml";
const CANARY: &str = "manifests/envoy/canary.yaml";

#[test]
fn the_files_themselves_have_no_findings() {
    for file in [CHAIN, GATE, "manifests/envoy/token-router-knob.yaml", FALLBACK, CANARY] {
        assert_eq!(found(&with(file, &[])), [], "{file}");
    }
}

#[test]
fn a_finding_says_where_what_and_what_to_do() {
    let text = with(GATE, &[("failure_policy: FAIL_RELOAD", "failure_policy: FAIL_OPEN")]);
    let finding = only(&text, "fail_reload");
    let line = text.lines().position(|line| line.contains("FAIL_OPEN")).unwrap();
    let place = finding.error.place();
    assert!(place.line.abs_diff(line) <= 3, "{place}");
    let (found, allowed, cure) = finding.parts();
    assert_eq!(found, "`failure_policy: FAIL_OPEN`");
    assert_eq!(allowed, "FAIL_RELOAD for every plugin of the set");
    assert!(cure.starts_with("set it (Istio: `failStrategy`)"), "{cure}");
    assert!(finding.to_string().ends_with(" [fail_reload]"), "{finding}");
}

#[test]
fn istio_resources_are_one_configuration() {
    let files = ["manifests/istio/token-router.yaml", "manifests/istio/mesh.yaml"];
    let text = files.map(|file| with(file, &[])).join("\n---\n");
    let of = |text: &str| found_in(istio::deliver(&parse("f.yaml", text).unwrap()).unwrap());
    assert_eq!(of(&text), []);
    let broken = text.replacen("failStrategy: FAIL_RELOAD", "failStrategy: FAIL_CLOSE", 1);
    assert_eq!(of(&broken).iter().map(|finding| finding.rule).collect::<Vec<_>>(), ["fail_reload"]);
    // What istiod sets where nobody says otherwise.
    let broken = text.replacen("stream_idle_timeout: 120s", "generate_request_id: true", 1);
    assert_eq!(of(&broken)[0].rule, "stream_idle_timeout");
    // Without the mesh's settings labels stay in metrics' names.
    assert_eq!(of(&with(files[0], &[]))[0].rule, "stats_tags");
}

#[test]
fn a_file_that_cannot_be_read_is_a_finding_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let (bad, good) = (folder.path().join("bad.yaml"), folder.path().join("good.yaml"));
    std::fs::write(&bad, "static_resources: [").unwrap();
    std::fs::write(&good, with(CHAIN, &[])).unwrap();
    let (configurations, findings) = read(&[bad, good.clone()]);
    assert_eq!(configurations.len(), 1);
    assert_eq!(configurations[0].files, [good]);
    assert_eq!((findings.len(), findings[0].rule), (1, "reading"));
    assert!(findings[0].parts().0.starts_with("a file that is no YAML"), "{}", findings[0]);
}
