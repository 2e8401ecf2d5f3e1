//! A real Prometheus with the rules for rollouts, and with the example of a question of one's own, in a hurry: it
//! scrapes and evaluates every second, and its targets come and go.

use std::net::SocketAddr;
use std::path::Path;

use host_sim::parts::{Part, Parts, Without};
use host_sim::prometheus::RunningPrometheus;
use serde_json::{Value, json};

use crate::canary_rules::{Rhythm, canary};

const TARGETS: &str = "targets.json";
const RULES: [&str; 2] = ["canary.yaml", "own_query.yaml"];
const RHYTHM: Rhythm = Rhythm { interval: 1, late: 1 };

/// A Prometheus without targets; none when it is left out by name.
pub async fn start(metrics_path: &str) -> Option<RunningPrometheus> {
    let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
    if without.leaves_out(Part::Prometheus) {
        eprintln!("left out: rollouts and Prometheus, because LLM_MESH_WITHOUT names prometheus");
        return None;
    }
    let parts = Parts::here().unwrap_or_else(|error| panic!("{error}"));
    let binary = parts.debian_program("prometheus", "prometheus");
    let binary = binary.unwrap_or_else(|error| panic!("{error}"));
    let targets = json!([{"files": [TARGETS], "refresh_interval": "1s"}]);
    let configuration = json!({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": RULES,
        "scrape_configs": [{"job_name": "envoy", "metrics_path": metrics_path, "file_sd_configs": targets}],
    });
    let [canary_yaml, own_query] = RULES;
    let own_rules = crate::read(&Path::new("manifests/prometheus").join(own_query));
    let own_rules = own_rules.replace("interval: 15s", "interval: 1s");
    let files = [(canary_yaml, &canary(RHYTHM)[..]), (own_query, &own_rules), (TARGETS, "[]")];
    let started = RunningPrometheus::start_with(&binary, &configuration.to_string(), &files).await;
    Some(started.unwrap_or_else(|error| panic!("{error}")))
}

/// From now on these are scraped.
pub fn scrape(prometheus: &RunningPrometheus, targets: &[SocketAddr]) {
    let targets: Vec<Value> = targets.iter().map(|target| json!(target.to_string())).collect();
    let written = prometheus.write(TARGETS, &json!([{"targets": targets}]).to_string());
    written.unwrap_or_else(|error| panic!("{error}"));
}
