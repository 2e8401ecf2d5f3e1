//! The dashboard's panels and queries, read from the file that users import.

use std::path::Path;

use serde_json::Value;
use token_metrics::METRICS;

/// The file, from the workspace's root.
pub const FILE: &str = "manifests/grafana/llm-mesh.json";

/// A query of a panel, as Grafana would send it.
#[derive(Debug, Clone)]
pub struct Query {
    /// The row that the panel is in.
    pub row: String,
    /// The panel's title.
    pub panel: String,
    /// PromQL without variables.
    pub expression: String,
}

/// The dashboard as it stands.
pub fn json() -> Value {
    serde_json::from_str(&crate::read(Path::new(FILE))).expect("the dashboard is JSON")
}

/// A text field that has to be there.
pub fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no `{field}` in {value}"))
}

/// All panels, rows too, in the order of the file.
pub fn panels(dashboard: &Value) -> &[Value] {
    dashboard["panels"].as_array().expect("there are panels")
}

/// All queries, with variables replaced: this model, a regular expression, all pools, and this much of the
/// past.
pub fn queries(dashboard: &Value, model: &str, past: &str) -> Vec<Query> {
    let mut row = String::new();
    let mut queries = Vec::new();
    for panel in panels(dashboard) {
        let title = text(panel, "title").to_owned();
        if panel["type"] == "row" {
            row = title;
            continue;
        }
        for target in panel["targets"].as_array().expect("a panel has queries") {
            let expression = text(target, "expr")
                .replace("$__rate_interval", past)
                .replace("$__range", past)
                .replace("$model", model)
                .replace("$pool", ".*");
            queries.push(Query { row: row.clone(), panel: title.clone(), expression });
        }
    }
    queries
}

/// The queries that a document shows: indented lines up to an empty one, comments left out.
pub fn shown_in(document: &Path) -> Vec<String> {
    let text = crate::read(document);
    let blocks = text.split("\n\n").map(|block| {
        let lines = block.lines().filter_map(|line| line.strip_prefix("    "));
        lines.filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join(" ")
    });
    blocks.filter(|block| block.contains("rate(")).collect()
}

/// The filters' metrics that a PromQL expression asks for, each with the labels that it is selected by. A
/// histogram is named without what its series append.
pub fn selected(expression: &str) -> Vec<(&str, Vec<&str>)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    for (at, _) in expression.match_indices("llm_") {
        if expression[..at].ends_with(is_part) {
            continue; // a rule's name, which has colons in it
        }
        let name = expression[at..].split(|c| !is_part(c)).next().unwrap_or_default();
        let matchers = expression[at + name.len()..].strip_prefix('{').unwrap_or_default();
        let matchers = matchers.split('}').next().unwrap_or_default();
        // Every second piece between quotes is a label's name with its operator.
        let labels = matchers
            .split('"')
            .step_by(2)
            .map(|piece| piece.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
        let series = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let labels = labels.filter(|label| !label.is_empty()).collect();
        found.push((series.unwrap_or(name), labels));
    }
    found
}

/// Holds an expression against the table of metrics: a selector for a label that a metric has not, as in
/// `outcome!="refused"`, would pass everything.
pub fn check(expression: &str) {
    let base = ["model", "pool", "version", "route", "tenant", "le"];
    let others: [(&str, &[&str]); 21] = [
        ("llm_router_decisions_total", &["pool", "reason"]),
        ("llm_limit_hits_total", &["limit"]),
        ("llm_breaker_ejected", &["pool"]),
        ("llm_breaker_refused_total", &["pool"]),
        ("llm_retry_attempts_total", &["pool", "reason"]),
        ("llm_retry_denied_total", &["pool", "reason"]),
        ("llm_split_requests_total", &["pool", "version", "reason"]),
        ("llm_split_weight", &["pool", "version"]),
        ("llm_split_rollout", &["pool", "version", "stable", "start"]),
        ("llm_split_step", &["pool"]),
        ("llm_split_percent", &["pool"]),
        ("llm_split_phase", &["pool", "phase"]),
        ("llm_split_verdicts_total", &["pool", "verdict"]),
        ("llm_split_evidence_micros", &["pool", "signal"]),
        ("llm_split_vetoes_total", &["pool"]),
        ("llm_split_asks_total", &["pool", "outcome"]),
        ("llm_split_events_total", &["pool", "version", "stable", "start", "signal", "side"]),
        (
            "llm_split_against_micros_total",
            &["pool", "version", "stable", "start", "signal", "side", "ratio"],
        ),
        ("llm_split_samples_total", &["pool", "version", "stable", "start", "signal"]),
        ("llm_split_bound_micros", &["pool", "version", "stable", "start", "signal"]),
        ("llm_split_matters", &["pool", "version", "stable", "start", "signal"]),
    ];
    for (name, labels) in selected(expression) {
        let metric = METRICS.iter().find(|metric| metric.name == name);
        let other = others.iter().find(|(other, _)| *other == name).map(|(_, labels)| *labels);
        let own = metric.map(|metric| metric.labels).or(other);
        let own = own.unwrap_or_else(|| panic!("no metric {name}: {expression}"));
        let has_base = metric.is_some_and(|metric| metric.has_base_labels);
        for label in labels {
            let known = own.contains(&label) || (has_base && base.contains(&label));
            assert!(known, "{name} has no label {label}: {expression}");
        }
    }
}
