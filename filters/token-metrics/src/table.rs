//! The metrics, in one table: what code, manifests and documentation have to agree on.
//!
//! Times are in milliseconds, as Istio has them; those of single tokens in microseconds, because a
//! token takes five to fifty milliseconds and a histogram knows whole numbers only.

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name as Prometheus sees it.
    pub name: &'static str,
    /// Counter or histogram.
    pub kind: Kind,
    /// It has the labels of the setting `labels`.
    pub has_base_labels: bool,
    /// The labels that it has besides.
    pub labels: &'static [&'static str],
    /// What it counts.
    pub help: &'static str,
}

/// What kind of metric it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number that grows.
    Counter,
    /// A distribution; its buckets are settings of the proxy.
    Histogram,
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Counter, has_base_labels: true, labels, help }
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Metric {
    Metric { name, kind: Kind::Histogram, has_base_labels: true, labels, help }
}

/// A counter of the plugin and not of a model.
const fn plain(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, has_base_labels: false, labels, help }
}

pub(crate) const REQUESTS: &str = "llm_usage_requests_total";
pub(crate) const TOKENS: &str = "llm_usage_tokens_total";
pub(crate) const REQUEST_TOKENS: &str = "llm_usage_request_tokens";
pub(crate) const FIRST_TOKEN: &str = "llm_usage_time_to_first_token_milliseconds";
pub(crate) const PER_TOKEN: &str = "llm_usage_time_per_output_token_microseconds";
pub(crate) const GAP: &str = "llm_usage_inter_token_gap_microseconds";
pub(crate) const DURATION: &str = "llm_usage_duration_milliseconds";
pub(crate) const QUEUE: &str = "llm_usage_queue_time_milliseconds";
pub(crate) const STALLS: &str = "llm_usage_stalls_total";
pub(crate) const FINISH: &str = "llm_usage_finish_total";
pub(crate) const COST: &str = "llm_usage_cost_micros_total";
pub(crate) const UNCOUNTED: &str = "llm_usage_uncounted_total";

/// All of them.
pub const METRICS: &[Metric] = &[
    counter(REQUESTS, &["type", "outcome"], "requests, by the kind of answer and how it ended"),
    counter(
        TOKENS,
        &["type", "source"],
        "tokens; all types but `input` and `output` are parts of these two",
    ),
    histogram(REQUEST_TOKENS, &["type"], "tokens of a request, `input` and `output`"),
    histogram(FIRST_TOKEN, &[], "streams: from the complete request to the first generated token"),
    histogram(PER_TOKEN, &[], "streams: mean time for each token after the first"),
    histogram(GAP, &[], "streams: time between one event with generated output and the next"),
    histogram(DURATION, &["outcome"], "from the request's headers to the answer's end"),
    histogram(QUEUE, &[], "time in the server's queue, where the server says it (`x-queue-time`)"),
    counter(STALLS, &[], "times for which a stream was silent longer than `limits.stall_after`"),
    counter(FINISH, &["reason"], "why servers stopped generating"),
    counter(COST, &["source"], "what the tokens cost, in millionths of the prices' currency"),
    counter(
        UNCOUNTED,
        &["reason"],
        "answers without reported usage: `encoded`, `unreadable`, `no_usage`, or `no_input`, where only the output was reported",
    ),
    plain(
        "llm_usage_ask_total",
        &["outcome"],
        "streams `asked` for usage; usage `removed` again or `kept` because its event was too long; requests `refused` for being asked",
    ),
    plain(
        "llm_usage_parser_resyncs_total",
        &[],
        "events and bodies that were no JSON, and were passed over",
    ),
];

/// The table as the documentation has it.
#[cfg(test)]
fn markdown() -> String {
    let head = "| metric | labels | counts |\n|---|---|---|\n".to_owned();
    METRICS.iter().fold(head, |table, metric| {
        let base = metric.has_base_labels.then_some("base");
        let labels: Vec<&str> = base.into_iter().chain(metric.labels.iter().copied()).collect();
        let kind = if metric.kind == Kind::Histogram { "histogram: " } else { "" };
        table + &format!("| `{}` | {} | {kind}{} |\n", metric.name, labels.join(", "), metric.help)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_this_table() {
        assert_eq!(include_str!("metrics.md"), markdown(), "make src/metrics.md:\n{}", markdown());
    }

    #[test]
    fn names_carry_their_unit_as_prometheus_wants_it() {
        for metric in METRICS {
            let is_total = metric.name.ends_with("_total");
            assert_eq!(is_total, metric.kind == Kind::Counter, "{}", metric.name);
            let units = ["_milliseconds", "_microseconds", "_tokens"];
            let has_unit = units.iter().any(|unit| metric.name.ends_with(unit));
            assert_eq!(has_unit, metric.kind == Kind::Histogram, "{}", metric.name);
        }
    }
}
