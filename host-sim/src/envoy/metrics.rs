//! Envoy's metrics in Prometheus' text form, as a map.

use std::collections::BTreeMap;

/// Every sample by its name with labels, labels as Envoy orders them.
///
/// Lines that are no sample are skipped: comments, and whatever a later Envoy may add.
#[must_use]
pub fn read_metrics(text: &str) -> BTreeMap<String, f64> {
    let samples = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        Some((series.trim().to_owned(), value.parse().ok()?))
    });
    samples.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_keep_their_labels_and_comments_are_skipped() {
        let text = "# TYPE llm_router_requests_total counter\n\
            llm_router_requests_total{model=\"a b\",pool=\"x\"} 3\n\
            llm_gate_wait_milliseconds_bucket{le=\"+Inf\"} 2\n\
            envoy_server_live{} 1\n\
            not a sample\n";
        let metrics = read_metrics(text);
        assert_eq!(metrics.len(), 3);
        assert_eq!(metrics.get("llm_router_requests_total{model=\"a b\",pool=\"x\"}"), Some(&3.0));
        assert_eq!(metrics.get("envoy_server_live{}"), Some(&1.0));
    }
}
