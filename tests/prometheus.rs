//! The rules and the configuration for Prometheus: taken by the real `promtool`, which also runs their unit
//! tests, and true to the list of histograms.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use host_sim::parts::{Part, Parts, Without};
use tests::histograms::HISTOGRAMS;
use tests::{canary_rules, dashboard, read, rules, workspace};
use token_metrics::{Kind, METRICS};

const FOLDER: &str = "manifests/prometheus";

/// Runs promtool in the folder of the rules and gives what it says; `None` when it is left out.
fn promtool(arguments: &[&str]) -> Option<Result<String, String>> {
    let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
    if without.leaves_out(Part::Prometheus) {
        eprintln!("left out: promtool {}", arguments.join(" "));
        return None;
    }
    let parts = Parts::here().unwrap_or_else(|error| panic!("{error}"));
    let promtool: PathBuf =
        parts.debian_program("prometheus", "promtool").unwrap_or_else(|error| panic!("{error}"));
    let done = Command::new(promtool)
        .args(arguments)
        .current_dir(workspace().join(FOLDER))
        .output()
        .expect("promtool runs");
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    Some(if done.status.success() { Ok(said) } else { Err(said) })
}

fn passes(arguments: &[&str]) {
    if let Some(Err(said)) = promtool(arguments) {
        panic!("promtool {}: {said}", arguments.join(" "));
    }
}

#[test]
fn the_gen_ai_rules_are_those_of_the_list_of_histograms() {
    let file = read(Path::new(rules::GEN_AI_RULES));
    assert!(file == rules::gen_ai(), "{}: its first lines say how to make it", rules::GEN_AI_RULES);
}

#[test]
fn the_rules_for_rollouts_are_those_of_the_grid() {
    let is_same = read(Path::new(canary_rules::FILE)) == canary_rules::canary(canary_rules::USUAL);
    assert!(is_same, "{}: its first lines say how to make it", canary_rules::FILE);
}

#[test]
fn the_list_of_histograms_is_that_of_token_metrics() {
    let theirs = METRICS.iter().filter(|metric| metric.kind == Kind::Histogram);
    let theirs: BTreeSet<&str> = theirs.map(|metric| metric.name).collect();
    let ours: BTreeSet<&str> = HISTOGRAMS.iter().map(|histogram| histogram.name).collect();
    assert_eq!(ours, theirs);
}

#[test]
fn rules_ask_only_for_what_there_is() {
    for file in ["llm-mesh.yaml", "gen_ai.yaml", "canary.yaml", "own_query.yaml"] {
        let rules = read(&Path::new(FOLDER).join(file));
        rules.lines().filter(|line| !line.trim().starts_with('#')).for_each(dashboard::check);
    }
}

#[test]
fn promtool_takes_the_rules_and_the_configuration() {
    let rules = ["llm-mesh.yaml", "gen_ai.yaml", "canary.yaml", "own_query.yaml"];
    passes(&[&["check", "rules", "--lint=all", "--lint-fatal"][..], &rules].concat());
    passes(&["check", "config", "--lint=all", "--lint-fatal", "prometheus.yaml"]);
}

#[test]
fn the_rules_compute_what_their_unit_tests_say() {
    passes(&["test", "rules", "tests.yaml", "canary_tests.yaml"]);
}

/// Each alert fires in a unit test, and is silent in another.
#[test]
fn every_alert_has_a_unit_test_in_both_directions() {
    let rules = read(&Path::new(FOLDER).join("llm-mesh.yaml"));
    let tests = read(&Path::new(FOLDER).join("tests.yaml"));
    let alerts: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 5, "{alerts:?}");
    for alert in alerts {
        let cases: Vec<&str> = tests.split(&format!("alertname: {alert}\n")).skip(1).collect();
        let fires = |case: &&&str| !case.trim_start().starts_with("exp_alerts: []");
        assert!(cases.iter().filter(fires).count() > 0, "{alert} never fires");
        assert!(cases.iter().filter(|case| !fires(case)).count() > 0, "{alert} always fires");
    }
}
