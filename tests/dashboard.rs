//! The dashboard's panels and queries, read from the file that users import.

use std::path::Path;

use serde_json::Value;

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
