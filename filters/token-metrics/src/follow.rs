//! Follows one exchange, and counts it when it has ended.

use std::rc::Rc;
use std::time::Duration;

use filter_shell::{Follower, Histogram};
use traffic_policy::price::Price;
use traffic_policy::stream::{Kind, Outcome, Source, StreamOutcome, Tokens};

use crate::line::Line;
use crate::series::Series;
use crate::table;

/// One exchange.
pub(crate) struct Following {
    pub(crate) series: Rc<Series>,
    pub(crate) price: Option<Price>,
    /// Where the gaps go; known once there was one.
    pub(crate) gaps: Option<Histogram>,
    /// What is to be logged of it.
    pub(crate) line: Option<Line>,
}

impl Follower for Following {
    fn gap(&mut self, gap: Duration) {
        let gaps = self.gaps.get_or_insert_with(|| self.series.histogram(table::GAP, &[]));
        gaps.record(microseconds(gap));
    }

    fn finish(&mut self, outcome: &StreamOutcome) {
        self.count(outcome);
        self.time(outcome);
        if let Some(tokens) = &outcome.tokens {
            self.count_tokens(tokens);
        }
        if let Some(line) = &self.line {
            line.write(outcome);
        }
    }
}

impl Following {
    fn count(&self, outcome: &StreamOutcome) {
        let (kind, end) = (outcome.kind.as_str(), outcome.outcome.as_str());
        self.series.counter(table::REQUESTS, &[("type", kind), ("outcome", end)]).increment();
        if outcome.stalls > 0 {
            self.series.counter(table::STALLS, &[]).add(u64::from(outcome.stalls));
        }
        if let Some(reason) = outcome.answer.finish {
            self.series.counter(table::FINISH, &[("reason", reason.as_str())]).increment();
        }
        if let Some(reason) = uncounted(outcome) {
            self.series.counter(table::UNCOUNTED, &[("reason", reason)]).increment();
        }
    }

    fn time(&self, outcome: &StreamOutcome) {
        let times = &outcome.times;
        let end = outcome.outcome.as_str();
        let duration = self.series.histogram(table::DURATION, &[("outcome", end)]);
        duration.record(milliseconds(times.end));
        if let Some(span) = times.to_first_token() {
            self.series.histogram(table::FIRST_TOKEN, &[]).record(milliseconds(span));
        }
        if let Some(span) = outcome.per_token() {
            self.series.histogram(table::PER_TOKEN, &[]).record(microseconds(span));
        }
        if let Some(span) = times.queued {
            self.series.histogram(table::QUEUE, &[]).record(milliseconds(span));
        }
    }

    fn count_tokens(&self, tokens: &Tokens) {
        let source = tokens.source.as_str();
        for (kind, count) in tokens.counts.by_type() {
            self.series.counter(table::TOKENS, &[("type", kind), ("source", source)]).add(count);
        }
        for (kind, count) in [("input", tokens.counts.input), ("output", tokens.counts.output)] {
            if let Some(count) = count {
                self.series.histogram(table::REQUEST_TOKENS, &[("type", kind)]).record(count);
            }
        }
        if let Some(price) = &self.price {
            let (cost, rest) = price.charge(&tokens.counts, self.series.cost_rest.get());
            self.series.cost_rest.set(rest);
            self.series.counter(table::COST, &[("source", source)]).add(cost);
        }
    }
}

/// Why an answer that should have said what it cost did not.
fn uncounted(outcome: &StreamOutcome) -> Option<&'static str> {
    if outcome.outcome != Outcome::Complete {
        return None;
    }
    match outcome.kind {
        Kind::Encoded => Some("encoded"),
        Kind::Other => Some("unreadable"),
        Kind::Stream | Kind::Json => {
            match outcome.tokens {
                Some(Tokens { source: Source::Reported, counts }) => {
                    // Some servers leave out the half of their usage that comes first.
                    counts.input.is_none().then_some("no_input")
                }
                _ => Some("no_usage"),
            }
        }
    }
}

fn milliseconds(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

fn microseconds(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
