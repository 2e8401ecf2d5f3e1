//! Metrics of plugins on Envoy's admin interface, and the few of its own that the model counts too.

use std::collections::BTreeMap;

use crate::model::CLUSTER_COUNTERS;

/// What plugins have counted, from all samples of Envoy's admin interface.
///
/// Envoy gives every metric of its own the prefix `envoy_`; what lacks it comes from a plugin. Of its
/// own, those of clusters are taken that the simulator counts as well.
/// Of a histogram the count is taken: its buckets depend on elapsed time. What Envoy 1.37 counts for each cluster
/// that a plugin stands before is one metric here, as it is later.
pub(crate) fn plugin_metrics(samples: &BTreeMap<String, f64>) -> BTreeMap<String, i64> {
    let mut metrics = BTreeMap::new();
    for (name, value) in samples {
        if let Some(name) = of_plugin(name) {
            *metrics.entry(name).or_insert(0) += whole(*value);
        }
    }
    metrics
}

/// What stands before the names of a plugin that stands before servers, up to Envoy 1.37.
const OF_CLUSTER: &str = "envoy_cluster_wasmcustom_";

fn of_plugin(name: &str) -> Option<String> {
    if let Some(own) = name.strip_prefix(OF_CLUSTER) {
        return of_plugin(&without_label(own, "envoy_cluster_name"));
    }
    let bare = name.split('{').next()?;
    if let Some(counter) = bare.strip_prefix("envoy_cluster_") {
        return CLUSTER_COUNTERS.contains(&counter).then(|| canonical(name));
    }
    let others = bare.starts_with("envoy_") || bare.ends_with("_bucket") || bare.ends_with("_sum");
    (!others).then(|| canonical(name))
}

#[expect(clippy::cast_possible_truncation, reason = "counts are far below 2^53")]
fn whole(value: f64) -> i64 {
    value as i64
}

/// The name with its labels in order, as `name{a="1",b="2"}`; without labels, the bare name.
pub(crate) fn canonical(name: &str) -> String {
    let Some((bare, labels)) = name.strip_suffix('}').and_then(|name| name.split_once('{')) else {
        return name.to_owned();
    };
    let mut labels: Vec<&str> = split_labels(labels);
    labels.sort_unstable();
    if labels.is_empty() { bare.to_owned() } else { format!("{bare}{{{}}}", labels.join(",")) }
}

/// The name without one of its labels.
fn without_label(name: &str, label: &str) -> String {
    let Some((bare, labels)) = name.strip_suffix('}').and_then(|name| name.split_once('{')) else {
        return name.to_owned();
    };
    let mut labels = split_labels(labels);
    labels.retain(|own| own.split_once('=').is_none_or(|(key, _)| key != label));
    format!("{bare}{{{}}}", labels.join(","))
}

/// Splits at commas that are not inside of quotes.
fn split_labels(labels: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut quoted = false;
    for (at, byte) in labels.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => {
                parts.extend(labels.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(labels.get(start..));
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_metrics_of_plugins_are_taken() {
        let samples = [
            ("envoy_cluster_upstream_rq{envoy_cluster_name=\"a\"}", 3.0),
            ("llm_router_decisions_total{reason=\"a,b\",pool=\"gpu\"}", 2.0),
            (r#"envoy_cluster_wasmcustom_llm_x{outcome="b",envoy_cluster_name="a"}"#, 1.0),
            (r#"envoy_cluster_wasmcustom_llm_x{outcome="b",envoy_cluster_name="c"}"#, 2.0),
            ("llm_ttft_milliseconds_bucket{le=\"5\"}", 1.0),
            ("llm_ttft_milliseconds_sum{}", 4.05),
            ("llm_ttft_milliseconds_count{}", 1.0),
        ];
        let samples = samples.map(|(name, value)| (name.to_owned(), value)).into();
        let metrics = plugin_metrics(&samples);
        let found: Vec<(&str, i64)> = metrics.iter().map(|(name, v)| (name.as_str(), *v)).collect();
        assert_eq!(
            found,
            [
                (r#"llm_router_decisions_total{pool="gpu",reason="a,b"}"#, 2),
                ("llm_ttft_milliseconds_count", 1),
                (r#"llm_x{outcome="b"}"#, 3),
            ]
        );
    }
}
