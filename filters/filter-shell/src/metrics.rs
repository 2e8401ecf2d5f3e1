//! Counters and histograms with labels.
//!
//! A proxy's own metrics have names and nothing else. Labels are written into the name in the
//! notation that Istio's metrics use, and regular expressions of the proxy's configuration
//! (`stats_tags`; in a mesh Istio makes them from `extraStatTags`) lift them out again:
//!
//! ```text
//! llm_router_decisions_totalpool=.=gpu-large;.;reason=.=long-prompt;.;
//! llm_router_decisions_total{pool="gpu-large",reason="long-prompt"}
//! ```
//!
//! A proxy never frees a metric, and each definition uses up an id. So combinations of labels are
//! declared when a configuration is read, from names that the configuration has, or, where there
//! may be more of them than ever occur, once when they first do; nothing that a client sends can
//! become a label.

use crate::host;

/// A counter that was declared with its labels.
#[derive(Debug, Clone, Copy)]
pub struct Counter {
    /// None: the proxy refused the definition; counting is then left out, requests are not.
    id: Option<u32>,
}

impl Counter {
    /// Declares a counter.
    pub fn declare(name: &str, labels: &[(&str, &str)]) -> Self {
        let name = labelled(name, labels);
        match host::metrics::define_counter(&name) {
            Ok(id) => Self { id: Some(id) },
            Err(status) => {
                log::warn!("counter {name}: the proxy refused it ({status:?})");
                Self { id: None }
            }
        }
    }

    /// Counts one more.
    pub fn increment(self) {
        self.add(1);
    }

    /// Counts so many more.
    pub fn add(self, by: u64) {
        let by = i64::try_from(by).unwrap_or(i64::MAX);
        if let Some(id) = self.id.filter(|_| by > 0) {
            // A counter that cannot be incremented is no reason to disturb a request.
            let _ = host::metrics::increment(id, by);
        }
    }
}

/// A value that goes up and down.
#[derive(Debug, Clone, Copy)]
pub struct Gauge {
    id: Option<u32>,
}

impl Gauge {
    /// Declares a gauge.
    pub fn declare(name: &str, labels: &[(&str, &str)]) -> Self {
        let name = labelled(name, labels);
        let id = host::metrics::define_gauge(&name);
        if let Err(status) = id {
            log::warn!("gauge {name}: the proxy refused it ({status:?})");
        }
        Self { id: id.ok() }
    }

    /// Says what it is now.
    pub fn set(self, value: u64) {
        if let Some(id) = self.id {
            let _ = host::metrics::record(id, value);
        }
    }
}

/// A histogram that was declared with its labels. Its buckets are the proxy's to choose.
#[derive(Debug, Clone, Copy)]
pub struct Histogram {
    id: Option<u32>,
}

impl Histogram {
    /// Declares a histogram.
    pub fn declare(name: &str, labels: &[(&str, &str)]) -> Self {
        let name = labelled(name, labels);
        let id = host::metrics::define_histogram(&name);
        if let Err(status) = id {
            log::warn!("histogram {name}: the proxy refused it ({status:?})");
        }
        Self { id: id.ok() }
    }

    /// Puts a value in.
    pub fn record(self, value: u64) {
        if let Some(id) = self.id {
            let _ = host::metrics::record(id, value);
        }
    }
}

/// Counts what was tried, by whether it was done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcomes {
    done: Counter,
    failed: Counter,
}

impl Outcomes {
    pub(crate) fn declare(name: &str) -> Self {
        let outcome = |outcome| Counter::declare(name, &[("outcome", outcome)]);
        Self { done: outcome("done"), failed: outcome("failed") }
    }

    pub(crate) fn count(self, done: bool) {
        if done { self.done.increment() } else { self.failed.increment() }
    }
}

/// Labels stand behind the name, with nothing in between: a proxy chooses a histogram's buckets, and
/// which metrics it shows, by the beginning of the whole name. The expressions take away a label and what
/// closes it, so that a separator would be left over at the name's end.
fn labelled(name: &str, labels: &[(&str, &str)]) -> String {
    let labels = labels.iter().map(|(key, value)| format!("{key}=.={value};.;"));
    std::iter::once(name.to_owned()).chain(labels).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_written_as_istio_writes_them() {
        assert_eq!(labelled("llm_a_total", &[]), "llm_a_total");
        assert_eq!(
            labelled("llm_tokens_total", &[("model", "gpt-4.1"), ("type", "input")]),
            "llm_tokens_totalmodel=.=gpt-4.1;.;type=.=input;.;"
        );
    }
}
