//! The metrics of one set of labels.
//!
//! A metric is declared when it is first needed and then kept, because most of those that could be
//! never are: audio for a model of text, a histogram for a way of failing that never happens. Which of
//! them a series has is a short list, searched in order.
//!
//! A few counters are declared at once, and so begin at zero: those that rates and shares are made of. A
//! service without errors would otherwise have no error rate instead of one of 0, and the first error
//! would not count, because Prometheus sees growth and not a beginning.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use filter_shell::{Counter, Histogram};
use traffic_policy::stream::{Kind, Outcome, Source};

use crate::table::{REQUESTS, STALLS, TOKENS};

/// The labels that a series has besides its own: their keys come from the table.
type More = [&'static str; 2];

/// Metrics with the same base labels.
pub(crate) struct Series {
    /// The base labels.
    pub(crate) labels: Vec<(&'static str, String)>,
    counters: RefCell<Vec<(&'static str, More, Counter)>>,
    histograms: RefCell<Vec<(&'static str, More, Histogram)>>,
    /// What was left over when the cost was counted.
    pub(crate) cost_rest: Cell<u64>,
}

impl Series {
    fn new(labels: Vec<(&'static str, String)>) -> Self {
        let (counters, histograms) = <_>::default();
        Self { labels, counters, histograms, cost_rest: Cell::new(0) }
    }

    /// Declares what is to begin at zero.
    fn begin(&self) {
        for kind in [Kind::Stream, Kind::Json] {
            for outcome in Outcome::ALL {
                self.counter(REQUESTS, &[("type", kind.as_str()), ("outcome", outcome.as_str())]);
            }
        }
        for kind in ["input", "output"] {
            for source in [Source::Reported, Source::Estimated, Source::Aborted] {
                self.counter(TOKENS, &[("type", kind), ("source", source.as_str())]);
            }
        }
        self.counter(STALLS, &[]);
    }

    /// A counter, with its other labels.
    pub(crate) fn counter(&self, name: &'static str, more: &[(&str, &'static str)]) -> Counter {
        known(&self.counters, name, more, |labels| Counter::declare(name, labels), &self.labels)
    }

    /// A histogram, with its other labels.
    pub(crate) fn histogram(&self, name: &'static str, more: &[(&str, &'static str)]) -> Histogram {
        known(&self.histograms, name, more, |labels| Histogram::declare(name, labels), &self.labels)
    }
}

fn known<M: Copy>(
    all: &RefCell<Vec<(&'static str, More, M)>>,
    name: &'static str,
    more: &[(&str, &'static str)],
    declare: impl Fn(&[(&str, &str)]) -> M,
    base: &[(&'static str, String)],
) -> M {
    let value = |at: usize| more.get(at).map_or("", |(_, value)| *value);
    let values = [value(0), value(1)];
    let find = || {
        let all = all.try_borrow().ok()?;
        let found = all.iter().find(|(n, m, _)| *n == name && *m == values);
        found.map(|(_, _, metric)| *metric)
    };
    find().unwrap_or_else(|| {
        let base = base.iter().map(|(key, value)| (*key, value.as_str()));
        let labels: Vec<(&str, &str)> = base.chain(more.iter().map(|(k, v)| (*k, *v))).collect();
        let metric = declare(&labels);
        if let Ok(mut all) = all.try_borrow_mut() {
            all.push((name, values, metric));
        }
        metric
    })
}

/// All series of a configuration. There are as many as the labels' values allow.
#[derive(Default)]
pub(crate) struct AllSeries {
    series: RefCell<Vec<Rc<Series>>>,
}

impl AllSeries {
    /// The series with these labels.
    pub(crate) fn of(&self, labels: &[(&'static str, Cow<'_, str>)]) -> Rc<Series> {
        let owned =
            || labels.iter().map(|(key, value)| (*key, value.clone().into_owned())).collect();
        let Ok(mut all) = self.series.try_borrow_mut() else {
            return Rc::new(Series::new(owned()));
        };
        let is_it = |series: &&Rc<Series>| {
            let values = series.labels.iter().map(|(_, value)| value.as_str());
            values.eq(labels.iter().map(|(_, value)| value.as_ref()))
        };
        if let Some(series) = all.iter().find(is_it) {
            return series.clone();
        }
        let series = Rc::new(Series::new(owned()));
        series.begin();
        all.push(series.clone());
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_made_once() {
        let all = AllSeries::default();
        let of = |model: &str| all.of(&[("model", model.to_owned().into())]);
        assert!(Rc::ptr_eq(&of("a"), &of("a")));
        assert!(!Rc::ptr_eq(&of("a"), &of("b")));
    }

    #[test]
    fn what_rates_are_made_of_begins_at_zero() {
        let series = AllSeries::default().of(&[("pool", "p".into())]);
        let names: Vec<&str> = series.counters.borrow().iter().map(|(name, ..)| *name).collect();
        let count = |name| names.iter().filter(|found| **found == name).count();
        assert_eq!((count(REQUESTS), count(TOKENS), count(STALLS)), (14, 6, 1));
        assert!(series.histograms.borrow().is_empty());
    }

    #[test]
    fn a_metric_is_declared_once_for_each_of_its_labels() {
        let series = Series::new(vec![]);
        for outcome in ["complete", "aborted", "complete"] {
            series.counter("llm_a_total", &[("outcome", outcome)]);
        }
        series.counter("llm_b_total", &[]);
        assert_eq!(series.counters.borrow().len(), 3);
    }
}
