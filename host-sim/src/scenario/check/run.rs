//! Conditions on the whole run.

use super::Findings;
use crate::scenario::expect::{Finally, Range, TextMatch};
use crate::scenario::observation::{HostName, Observation};

/// So many log lines are shown when none fits.
const SHOWN: usize = 3;

pub(super) fn check(findings: &mut Findings<'_>, expect: &Finally, seen: &Observation) {
    for (name, range) in &expect.metrics {
        let value = seen.metrics.get(name).copied().unwrap_or(0);
        if !range.accepts(value) {
            findings.add(format!("metrics.{name}"), range, metric(name, value, seen));
        }
    }
    for wanted in &expect.logs_contain {
        if count(wanted, seen) == 0 {
            findings.add("logs.contains", wanted, lines(seen));
        }
    }
    for wanted in &expect.logs_once {
        let times = count(wanted, seen);
        if times != 1 {
            findings.add("logs.once", format!("{wanted} once"), format!("{times} times"));
        }
    }
    for unwanted in &expect.logs_absent {
        if let Some(line) = seen.logs.iter().find(|line| unwanted.accepts(&line.text)) {
            findings.add("logs.absent", format!("no {unwanted}"), format!("`{}`", line.text));
        }
    }
    trace(findings, expect, seen);
    let open = i64::try_from(seen.open_streams).unwrap_or(i64::MAX);
    let allowed = expect.open_streams.unwrap_or(Range::exactly(0));
    if !allowed.accepts(open) {
        findings.add("open_streams", allowed, open);
    }
    for (cluster, range) in &expect.callouts {
        let received = seen.callouts.iter().filter(|seen| seen.cluster == *cluster).count();
        if !range.accepts(i64::try_from(received).unwrap_or(i64::MAX)) {
            findings.add(format!("callouts.{cluster}"), range, received);
        }
    }
}

/// Only the simulator's record is a trace; an Envoy's is the log of its process.
fn trace(findings: &mut Findings<'_>, expect: &Finally, seen: &Observation) {
    if matches!(seen.host, HostName::Envoy(_)) {
        return;
    }
    for wanted in &expect.trace_contains {
        if !seen.trace.iter().any(|line| wanted.accepts(line)) {
            findings.add(
                "trace.contains",
                wanted,
                format!("{} lines without it", seen.trace.len()),
            );
        }
    }
    for unwanted in &expect.trace_absent {
        if let Some(line) = seen.trace.iter().find(|line| unwanted.accepts(line)) {
            findings.add("trace.absent", format!("no {unwanted}"), format!("`{line}`"));
        }
    }
}

fn count(wanted: &TextMatch, seen: &Observation) -> usize {
    seen.logs.iter().filter(|line| wanted.accepts(&line.text)).count()
}

/// A metric that did not move often has a sibling that did: another label, another outcome.
fn metric(name: &str, value: i64, seen: &Observation) -> String {
    let family = name.split('{').next().unwrap_or(name);
    let siblings: Vec<String> = seen
        .metrics
        .iter()
        .filter(|(other, value)| {
            other.as_str() != name && **value != 0 && other.split('{').next() == Some(family)
        })
        .map(|(other, value)| format!("{other} {value}"))
        .collect();
    if siblings.is_empty() {
        value.to_string()
    } else {
        format!("{value} (but {})", siblings.join(", "))
    }
}

fn lines(seen: &Observation) -> String {
    match seen.logs.as_slice() {
        [] => "no line at all".to_owned(),
        lines => {
            let last = lines.len().saturating_sub(SHOWN);
            let shown: Vec<String> =
                lines.iter().skip(last).map(|line| format!("`{}`", line.text)).collect();
            format!("{} lines, the last: {}", lines.len(), shown.join(", "))
        }
    }
}
