//! The record for people: a line for each second, and what it comes to.

use std::time::Duration;

use super::client::Failure;
use super::record::{Record, WINDOW};
use super::state::State;
use super::{Member, Protection};
use crate::scenario::quantity;

const HEAD: [&str; 8] = [
    "second",
    "requests",
    "diverted",
    "retried",
    "wasted tokens",
    "failures",
    "others' load",
    "first token",
];
/// A number of requests and the longest state.
const NARROWEST: usize = 13;

/// A line for each second. Behind the bar stands for each server how many requests reached it, and its state
/// at the end of the second when that is not `healthy`; the bad one has an asterisk.
#[must_use]
pub fn timeline(record: &Record) -> Vec<String> {
    let involved = record.involved();
    let names = involved.iter().filter_map(|place| {
        let mark = if record.survives(*place) { "" } else { "*" };
        Some(format!("{}{mark}", record.members.get(*place)?.endpoint))
    });
    let names: Vec<String> = names.collect();
    let width = names.iter().map(String::len).max().unwrap_or(0).max(NARROWEST);
    let row = |cells: &[String], members: &[String]| {
        let cells = cells.iter().zip(HEAD).map(|(cell, head)| format!("{cell:>0$}", head.len()));
        let members = members.iter().map(|cell| format!("{cell:<width$}"));
        let (cells, members): (Vec<_>, Vec<_>) = (cells.collect(), members.collect());
        format!("{} | {}", cells.join("  "), members.join("  ")).trim_end().to_owned()
    };
    let mut lines = vec![row(&HEAD.map(str::to_owned), &names)];
    for (place, second) in record.seconds.iter().enumerate() {
        let members = involved.iter().map(|member| {
            let requests = second.members.get(*member).map_or(0, |member| member.requests);
            match record.member_state(*member, place) {
                State::Healthy => requests.to_string(),
                state => format!("{requests} {}", state.name()),
            }
        });
        let members: Vec<String> = members.collect();
        let first_token = second.first_token_ms(50).map(|ms| format!("{ms} ms"));
        let cells = [
            format!("{place}s"),
            second.requests.to_string(),
            second.diverted.to_string(),
            second.retried.to_string(),
            second.wasted_tokens.to_string(),
            second.client_failures().to_string(),
            format!("{:.2}", record.survivor_load(place, 1)),
            first_token.unwrap_or_else(|| "-".to_owned()),
        ];
        lines.push(row(&cells, &members));
    }
    lines
}

/// Name and value of what it comes to.
#[must_use]
pub fn summary(record: &Record) -> Vec<(&'static str, String)> {
    let noticed = |after: Option<Duration>| match after {
        Some(after) => format!("after {}", quantity::display(after)),
        None => "not noticed".to_owned(),
    };
    let delay = |percent| record.retry_delay_ms(percent).unwrap_or(0);
    let delays = format!("{} ms; half of them at most {} ms", delay(100), delay(50));
    let loads = |all: f64, one: f64| format!("at most {all:.2}; on one of them {one:.2}");
    let window = loads(record.max_survivor_load(WINDOW), record.max_member_load(WINDOW));
    vec![
        ("requests", record.requests().to_string()),
        ("clients' failures", failures(record)),
        ("diverted", record.diverted().to_string()),
        ("retried", record.retried().to_string()),
        ("retries' delay", format!("at most {delays}")),
        ("wasted tokens", record.wasted_tokens().to_string()),
        ("others' load", format!("{window} (over {WINDOW}s)")),
        ("left out", noticed(record.noticed_after)),
        ("recovery", noticed(record.recovery_noticed_after)),
    ]
}

/// Who is bad, how and when, and who copes with it.
pub(super) fn sentence(record: &Record) -> String {
    let bad = record.bad.iter().filter_map(|bad| record.members.get(*bad));
    let bad: Vec<String> =
        bad.map(|Member { cluster, endpoint }| format!("{endpoint} of {cluster}")).collect();
    let outage = &record.outage;
    format!(
        "{} requests a second for {}; {} bad ({}) from {} to {}; {}",
        outage.rate,
        quantity::display(outage.duration),
        bad.join(", "),
        outage.fault.name(),
        quantity::display(outage.bad.start),
        quantity::display(outage.bad.end),
        means(record.protection),
    )
}

/// Who copes with it.
pub(super) const fn means(protection: Protection) -> &'static str {
    match protection {
        Protection::Filters => "with the filters",
        Protection::Envoy => "with Envoy's own means",
    }
}

fn failures(record: &Record) -> String {
    let count = record.client_failures();
    #[expect(clippy::cast_precision_loss, reason = "numbers of requests")]
    let percent = 100.0 * count as f64 / record.requests().max(1) as f64;
    let kinds = Failure::ALL.into_iter().filter(|kind| record.failures(*kind) > 0);
    let kinds: Vec<String> =
        kinds.map(|kind| format!("{} {}", record.failures(kind), kind.name())).collect();
    if kinds.is_empty() {
        return count.to_string();
    }
    format!("{count} ({percent:.2}%): {}", kinds.join(", "))
}

/// The sentence and the summary, as lines.
pub fn told(record: &Record) -> Vec<String> {
    let lines = summary(record).into_iter().map(|(name, value)| format!("{name:<18} {value}"));
    let mut all = vec![sentence(record)];
    all.extend(lines);
    if record.traps > 0 {
        all.push(format!("{:<18} {}", "traps", record.traps));
    }
    all
}
