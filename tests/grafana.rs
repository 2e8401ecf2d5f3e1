//! The dashboard is one that Grafana takes: its JSON has the types that Grafana publishes
//! (`@grafana/schema`), held by the TypeScript compiler. No Grafana server can be had here.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use host_sim::parts::{Part, Parts, Without};
use serde_json::{Value, json};
use tests::dashboard::{self, panels, text};
use token_metrics::METRICS;

const PACKAGES: [&str; 2] = ["@grafana/schema@13.2.3", "typescript@7.0.2"];

/// A compiler with Grafana's types.
struct Types {
    folder: PathBuf,
}

impl Types {
    /// None when Node is left out by name.
    fn here() -> Option<Self> {
        let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
        if without.leaves_out(Part::Node) {
            eprintln!("left out: Grafana's types, because LLM_MESH_WITHOUT names node");
            return None;
        }
        let parts = Parts::here().unwrap_or_else(|error| panic!("{error}"));
        let folder = parts.npm("grafana", &PACKAGES).unwrap_or_else(|error| panic!("{error}"));
        Some(Self { folder })
    }

    /// What the compiler says against these dashboards, each line with the name of one; nothing if all are
    /// well.
    fn complaints(&self, dashboards: &[(String, Value)]) -> String {
        let types = tests::read(Path::new("tests/dashboard.ts"));
        let mut compiler = Command::new(self.folder.join("node_modules/.bin/tsc"));
        compiler.args(["--noEmit", "--strict", "--types", "", "--target", "esnext"]);
        compiler.args([
            "--module",
            "nodenext",
            "--moduleResolution",
            "nodenext",
            "--pretty",
            "false",
        ]);
        for (name, dashboard) in dashboards {
            let file = self.folder.join(format!("{name}.ts"));
            let text = format!("{types}\nexport const dashboard: Checkable = {dashboard:#};\n");
            std::fs::write(&file, text).expect("target can be written");
            compiler.arg(file);
        }
        let done = compiler.current_dir(&self.folder).output().expect("the compiler runs");
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert_eq!(done.status.success(), said.is_empty(), "{said}");
        said
    }
}

#[test]
fn the_dashboard_has_grafanas_types() {
    let Some(types) = Types::here() else { return };
    let complaints = types.complaints(&[("dashboard".to_owned(), dashboard::json())]);
    assert!(complaints.is_empty(), "{complaints}");
}

/// What the check above is worth: each of these is refused.
#[test]
fn a_dashboard_with_one_mistake_is_refused() {
    let Some(types) = Types::here() else { return };
    let good = dashboard::json();
    let kind = |kind: &str| panels(&good).iter().position(|p| p["type"] == kind).expect("one");
    let (stat, series) = (kind("stat"), kind("timeseries"));
    let mistakes = [
        ("/schemaVersion".to_owned(), json!("41")),
        (format!("/panels/{stat}/type"), json!("stats")),
        (format!("/panels/{stat}/type"), Value::Null),
        (format!("/panels/{stat}/options/colorMode"), json!("valu")),
        (format!("/panels/{stat}/gridPos/w"), json!("6")),
        (format!("/panels/{stat}/targets/0/datasource/uid"), json!("mine")),
        (format!("/panels/{stat}/targets/0"), json!({"refId": "A", "query": "up"})),
        (format!("/panels/{series}/options"), json!({})),
        (format!("/panels/{series}/fieldConfig/defaults/custom"), json!({"linewidth": 2})),
    ];
    let mut dashboards = Vec::new();
    for (number, (place, value)) in mistakes.iter().enumerate() {
        let mut bad = good.clone();
        *bad.pointer_mut(place).expect("the place is there") = value.clone();
        dashboards.push((format!("mistake-{number}"), bad));
    }
    let complaints = types.complaints(&dashboards);
    for ((name, _), (place, value)) in dashboards.iter().zip(&mistakes) {
        let refused = complaints.lines().any(|line| line.starts_with(&format!("{name}.ts(")));
        assert!(refused, "{place} = {value} is taken; {complaints}");
    }
}

#[test]
fn rows_and_variables_are_those_that_the_documents_name() {
    let dashboard = dashboard::json();
    let rows = panels(&dashboard).iter().filter(|panel| panel["type"] == "row");
    let rows: Vec<&str> = rows.map(|row| text(row, "title")).collect();
    assert_eq!(rows, ["Traffic", "Tokens", "Latency", "Streams", "Cost", "Rollouts"]);
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let variables: Vec<&str> = variables.iter().map(|variable| text(variable, "name")).collect();
    assert_eq!(variables, ["datasource", "model", "pool"]);
    for query in dashboard::queries(&dashboard, ".*", "5m") {
        assert!(!query.expression.contains('$'), "an unknown variable: {query:?}");
        assert!(!query.expression.contains("vector("), "it would never be empty: {query:?}");
    }
}

#[test]
fn no_panel_lies_on_another() {
    let dashboard = dashboard::json();
    let (mut cells, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels(&dashboard) {
        assert!(ids.insert(panel["id"].as_u64()), "id {} twice", panel["id"]);
        let side = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
        let (x, y, width, height) = (side("x"), side("y"), side("w"), side("h"));
        assert!(x + width <= 24, "{} is too wide", panel["title"]);
        for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
            assert!(cells.insert(cell), "{} lies on another panel", panel["title"]);
        }
    }
}

#[test]
fn every_metric_is_on_the_dashboard_and_nothing_else_is_asked_for() {
    let queries = dashboard::queries(&dashboard::json(), ".*", "5m");
    let mut shown = BTreeSet::new();
    for query in &queries {
        dashboard::check(&query.expression);
        shown.extend(dashboard::selected(&query.expression).into_iter().map(|(name, _)| name));
    }
    let missing = METRICS.iter().find(|metric| !shown.contains(metric.name));
    assert_eq!(missing, None, "on no panel");
}

/// The two questions that every team starts with.
#[test]
fn the_dashboard_asks_as_the_documents_do() {
    let queries = dashboard::queries(&dashboard::json(), ".*", "5m");
    let asked = |title| queries.iter().find(|query| query.panel == title).expect("a panel");
    let shown = dashboard::shown_in(Path::new("manifests/README.md"));
    let titles = ["p95 latency, 5 minutes", "Error rate, 5 minutes"];
    assert_eq!(shown.len(), titles.len(), "{shown:?}");
    for (shown, title) in shown.iter().zip(titles) {
        dashboard::check(shown);
        let of_all = shown.replace(r#"pool="gpu-large""#, r#"model=~".*", pool=~".*""#);
        let words: Vec<&str> = of_all.split_whitespace().collect();
        assert_eq!(words.join(" "), asked(title).expression, "{title}");
    }
}

#[test]
fn a_query_with_a_label_that_the_metric_has_not_is_found() {
    let found =
        dashboard::selected(r#"rate(llm_a_count{x="1, 2", y!~"z"}[5m]) / pool:llm_b:c + llm_d"#);
    assert_eq!(found, [("llm_a", vec!["x", "y"]), ("llm_d", vec![])]);
    dashboard::check(r#"llm_usage_tokens_total{model="m", source!="reported"}"#);
    let wrong = || dashboard::check(r#"llm_usage_stalls_total{outcome!="refused"}"#);
    assert!(std::panic::catch_unwind(wrong).is_err());
}
