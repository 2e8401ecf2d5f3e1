//! The report as a page.

use std::fmt::Write as _;

use super::record::{Record, WINDOW};
use super::seconds::Second;
use super::table::{means, sentence, summary};
use crate::plot::{self, Axis, Band, Line, Page, escaped};

/// What retries may add at most to the load of the others.
const MOST_LOAD: f64 = 1.2;
/// Classes of lines: one for each run.
const RUNS: [&str; 2] = ["c0", "c1"];

/// The page for one or two runs of the same outage.
#[must_use]
pub fn html(runs: &[&Record]) -> String {
    let mut page = Page::new("An outage");
    let Some(first) = runs.first() else { return page.done() };
    let about = sentence(first);
    let about = about.rsplit_once("; ").map_or(about.as_str(), |(about, _)| about);
    page.paragraph(about);
    page.push(&totals(runs));
    let axis = axis(runs);
    let mut section = |title: &str, words: &str, plot: String| page.section(title, words, &plot);
    let of_runs = |value: fn(&Second) -> u64| -> Vec<Line> {
        each(runs, |run, second| {
            #[expect(clippy::cast_precision_loss, reason = "counts of a second")]
            let value = run.seconds.get(second).map(value).unwrap_or(0) as f64;
            value
        })
    };
    section(
        "Failures that clients saw, a second",
        "A status of 500 or more or 429, an error inside a 200, an answer cut short, no first token in time.",
        plot::lines(axis, &of_runs(Second::client_failures), None),
    );
    for run in runs {
        let title =
            format!("Requests that reached each server, a second, {}", means(run.protection));
        section(&title, "Retries included.", plot::lines(axis, &servers(run), None));
        section("", STATES, plot::strips(axis, &states(run)));
    }
    section(
        "Load on the others",
        &format!(
            "Requests and retries that they carry for each request of a client, over {WINDOW} seconds; \
                  1 is everything once, and what is above comes from retries."
        ),
        plot::lines(
            axis,
            &each(runs, |run, second| run.survivor_load(second, WINDOW)),
            Some(MOST_LOAD),
        ),
    );
    section("Retries, a second", "", plot::lines(axis, &of_runs(|second| second.retried), None));
    section(
        "Prompt tokens wasted, a second",
        "Read by a server for an attempt that gave its client nothing.",
        plot::lines(axis, &of_runs(|second| second.wasted_tokens), None),
    );
    section(
        "Time to the first token, milliseconds",
        "99 of 100 clients had waited no longer.",
        plot::lines(axis, &of_runs(|second| second.first_token_ms(99).unwrap_or(0)), None),
    );
    page.done()
}

const STATES: &str = "<span class=\"legend\"><span><i class=\"key healthy\"></i>healthy</span>\
     <span><i class=\"key ejected\"></i>ejected</span><span><i class=\"key probing\"></i>probing</span>\
     <span><i class=\"key restoring\"></i>restoring</span></span>";

fn axis(runs: &[&Record]) -> Axis {
    let outage = runs.first().map(|run| &run.outage);
    Axis {
        seconds: runs.iter().map(|run| run.seconds.len()).max().unwrap_or(0),
        band: outage.map(|outage| Band {
            from: outage.bad.start.as_secs_f64(),
            to: outage.bad.end.as_secs_f64(),
            name: "the outage",
        }),
    }
}

fn totals(runs: &[&Record]) -> String {
    let heads = runs.iter().map(|run| format!("<th>{}</th>", means(run.protection)));
    let mut table = format!("<table><tr><th></th>{}</tr>", heads.collect::<String>());
    let columns: Vec<Vec<(&str, String)>> = runs.iter().map(|run| summary(run)).collect();
    for (row, (name, _)) in columns.first().into_iter().flatten().enumerate() {
        let cells = columns.iter().filter_map(|column| column.get(row));
        let cells = cells.map(|(_, value)| format!("<td>{}</td>", escaped(value)));
        let _ = write!(table, "<tr><td>{}</td>{}</tr>", escaped(name), cells.collect::<String>());
    }
    table + "</table>\n"
}

/// A line for each run.
fn each(runs: &[&Record], value: impl Fn(&Record, usize) -> f64) -> Vec<Line> {
    let lines = runs.iter().zip(RUNS).map(|(run, class)| Line {
        name: means(run.protection).to_owned(),
        class: class.to_owned(),
        values: (0..run.seconds.len()).map(|second| value(run, second)).collect(),
    });
    lines.collect()
}

/// A line for each server of a run.
fn servers(run: &Record) -> Vec<Line> {
    let lines = run.involved().into_iter().enumerate().filter_map(|(number, place)| {
        let member = run.members.get(place)?;
        let bad = if run.survives(place) { "" } else { " (bad)" };
        let requests = run.seconds.iter().map(|second| second.members.get(place));
        #[expect(clippy::cast_precision_loss, reason = "requests of a second")]
        let values = requests.map(|one| one.map_or(0.0, |member| member.requests as f64)).collect();
        let class = format!("c{}", number % plot::COLOURS);
        Some(Line { name: format!("{}{bad}", member.endpoint), class, values })
    });
    lines.collect()
}

fn states(run: &Record) -> Vec<(String, Vec<&'static str>)> {
    let strips = run.involved().into_iter().filter_map(|place| {
        let port = format!(":{}", run.members.get(place)?.endpoint.port());
        let seconds = 0..run.seconds.len();
        Some((port, seconds.map(|second| run.member_state(place, second).name()).collect()))
    });
    strips.collect()
}
