//! The report as a page.

use std::fmt::Write as _;

use super::record::{Counted, Record};
use super::table::{sentence, summary};
use crate::plot::{self, Axis, Band, COLOURS, Line, Page, escaped};

/// Rates and quantiles are those of so many seconds before.
const WINDOW: usize = 30;
/// The candidate and the stable version, in all plots.
const VERSIONS: [&str; 2] = ["c1", "c0"];

/// The page of a run.
#[must_use]
pub fn html(record: &Record) -> String {
    let mut page = Page::new("A rollout");
    page.paragraph(&sentence(record));
    page.push(&totals(record));
    let lead = record.lead.as_secs_f64();
    let away = &record.canary.away;
    let axis = Axis {
        seconds: record.seconds.len(),
        band: (!away.is_empty()).then_some(Band {
            from: lead + away.start.as_secs_f64(),
            to: lead + away.end.as_secs_f64(),
            name: "Prometheus is away",
        }),
    };
    let versions = record.schedule.versions.iter().enumerate();
    let weights = versions.map(|(place, version)| Line {
        name: version.clone(),
        class: class(record, version, place),
        values: record.seconds.iter().map(|second| second.published.share(version)).collect(),
    });
    let weights: Vec<Line> = weights.collect();
    page.section(
        "Weights, of a hundred",
        &format!("The rollout begins at {lead}s."),
        &plot::lines(axis, &weights, None),
    );
    let phases = record.seconds.iter().map(|second| second.published.phase.name()).collect();
    page.section("", PHASES, &plot::strips(axis, &[("phase".to_owned(), phases)]));
    page.section(
        "Requests that failed, of a hundred",
        &format!("Of those that ended in {WINDOW} seconds."),
        &plot::lines(axis, &versions_of(record, failed), None),
    );
    page.section(
        "Evidence that the candidate is worse",
        "For each gate, as a share of what makes it fail: at 1 it does. Where no bound is published, its logarithm.",
        &plot::lines(axis, &evidence(record), Some(1.0)),
    );
    page.section(
        "Time to the first token, milliseconds",
        &format!("Three quarters of the clients had waited no longer, over {WINDOW} seconds."),
        &plot::lines(axis, &versions_of(record, first_token), None),
    );
    page.done()
}

const PHASES: &str = "<span class=\"legend\"><span><i class=\"key waiting\"></i>waiting</span>\
     <span><i class=\"key running\"></i>running</span><span><i class=\"key done\"></i>done</span>\
     <span><i class=\"key rolled_back\"></i>rolled back</span><span><i class=\"key held\"></i>held</span></span>";

fn class(record: &Record, version: &str, place: usize) -> String {
    let [candidate, stable] = VERSIONS;
    match version {
        version if version == record.schedule.candidate => candidate.to_owned(),
        version if version == record.schedule.stable => stable.to_owned(),
        _ => format!("c{}", (place + 2) % COLOURS),
    }
}

fn totals(record: &Record) -> String {
    let mut table = String::from("<table>");
    for (name, value) in summary(record) {
        let _ = write!(table, "<tr><td>{name}</td><td>{}</td></tr>", escaped(&value));
    }
    table + "</table>\n"
}

/// A line for each of the two versions that are compared.
fn versions_of(record: &Record, value: fn(&[&Counted]) -> f64) -> Vec<Line> {
    let seconds = || record.seconds.iter();
    let candidate: Vec<&Counted> = seconds().map(|second| &second.candidate).collect();
    let stable: Vec<&Counted> = seconds().map(|second| &second.stable).collect();
    let of = [(&record.schedule.candidate, candidate), (&record.schedule.stable, stable)];
    let lines = of.into_iter().zip(VERSIONS).map(|((name, counted), class)| {
        let windows = (1..=counted.len())
            .map(|end| value(counted.get(end.saturating_sub(WINDOW)..end).unwrap_or_default()));
        Line { name: name.to_owned(), class: class.to_owned(), values: windows.collect() }
    });
    lines.collect()
}

fn failed(window: &[&Counted]) -> f64 {
    let sum = |of: fn(&Counted) -> u64| window.iter().map(|one| of(one)).sum::<u64>();
    let (requests, failures) = (sum(|one| one.requests), sum(|one| one.failures));
    #[expect(clippy::cast_precision_loss, reason = "numbers of requests")]
    let percent = 100.0 * failures as f64 / requests.max(1) as f64;
    percent
}

fn first_token(window: &[&Counted]) -> f64 {
    let mut times: Vec<u64> =
        window.iter().flat_map(|one| one.first_tokens.iter().copied()).collect();
    times.sort_unstable();
    let place = times.len().saturating_sub(1) * 3 / 4;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
    let time = times.get(place).copied().unwrap_or(0) as f64;
    time
}

/// A line for each gate.
fn evidence(record: &Record) -> Vec<Line> {
    let gates = record.seconds.iter().flat_map(|second| second.published.evidence.keys());
    let mut gates: Vec<&String> = gates.collect();
    gates.sort_unstable();
    gates.dedup();
    let lines = gates.into_iter().enumerate().map(|(place, gate)| Line {
        name: gate.clone(),
        class: format!("c{}", place % COLOURS),
        values: record
            .seconds
            .iter()
            .map(|second| {
                let evidence = second.published.evidence.get(gate).copied().unwrap_or_default();
                let bound = evidence.bound.filter(|bound| *bound > 0.0).unwrap_or(1.0);
                (evidence.log / bound).max(0.0)
            })
            .collect(),
    });
    lines.collect()
}
