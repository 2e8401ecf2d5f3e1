//! What a real Prometheus is asked, and waited for.

use std::time::Duration;

use host_sim::prometheus::{RunningPrometheus, Sample};

/// How long Prometheus may take for what it does every second, and for its first scrape, which comes after
/// five at the earliest.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a query has as its answer now.
pub async fn ask(prometheus: &RunningPrometheus, expression: &str) -> Vec<Sample> {
    let answer = prometheus.query(expression).await;
    answer.unwrap_or_else(|error| panic!("{expression}: {error}"))
}

/// Waits until a query comes to this number: Envoy merges histograms, Prometheus scrapes and rules are
/// evaluated each in a rhythm of its own.
pub async fn comes_to(prometheus: &RunningPrometheus, expression: &str, expected: f64) {
    let near = |found: f64| (found - expected).abs() <= 1e-9 * expected.abs();
    let found = async {
        while !matches!(&ask(prometheus, expression).await[..], [one] if near(one.value)) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, found).await.is_err() {
        let answer = ask(prometheus, expression).await;
        let requests = ask(prometheus, "llm_usage_requests_total").await;
        panic!("{expression}: {answer:?} and not {expected}; {requests:#?}\n{}", prometheus.log());
    }
}

/// Waits until each of these has a finite number, and says which have none.
pub async fn have_numbers(prometheus: &RunningPrometheus, mut waiting: Vec<(String, String)>) {
    let all = async {
        while !waiting.is_empty() {
            let mut empty = Vec::new();
            for (name, expression) in waiting.drain(..) {
                let answer = ask(prometheus, &expression).await;
                if !answer.iter().any(|sample| sample.value.is_finite()) {
                    empty.push((name, expression));
                }
            }
            waiting = empty;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, all).await.is_ok();
    let empty: Vec<String> =
        waiting.iter().map(|(name, query)| format!("{name}: {query}")).collect();
    assert!(in_time, "empty:\n  {}", empty.join("\n  "));
}
