//! The report as a page: one file, without scripts and without anything from elsewhere.

use std::fmt::Write as _;

use super::plot::{self, Axis, Line, escaped};
use super::record::{Record, WINDOW};
use super::seconds::Second;
use super::table::{means, sentence, summary};

/// What retries may add at most to the load of the others.
const MOST_LOAD: f64 = 1.2;
/// Classes of lines: one for each run, and one for each server.
const RUNS: [&str; 2] = ["c0", "c1"];
const SERVERS: usize = 8;

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1c2733;--soft:#667586;--line:#dfe5eb;--page:#fff;--band:#f3d9d3;
--c0:#0b6bcb;--c1:#d1570c;--c2:#1a8a5f;--c3:#8d4bbb;--c4:#a98600;--c5:#c2306d;--c6:#3d7d8f;--c7:#6b6b6b;
--healthy:#8fcbb0;--ejected:#cf4d3f;--probing:#e5b94a;--restoring:#7fb0e6}
@media(prefers-color-scheme:dark){:root{--ink:#e4eaf0;--soft:#93a1b0;--line:#2c3742;--page:#12181f;--band:#4a2620;
--c0:#5aa9f5;--c1:#f2914d;--c2:#4fc796;--c3:#c08ae6;--c4:#dcb93e;--c5:#f07bad;--c6:#7cc3d6;--c7:#a5a5a5;
--healthy:#2f6b51;--ejected:#d9584a;--probing:#c79a2c;--restoring:#3f77b5}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:940px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.2rem}h2{font-size:1.05rem;margin:2rem 0 .2rem}p{margin:.2rem 0 .6rem;color:var(--soft)}
table{border-collapse:collapse;margin:1rem 0}th,td{padding:.3rem 1.2rem .3rem 0;text-align:left;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
svg{width:100%;height:auto;display:block}.tick{font-size:10px;fill:var(--soft)}.grid{stroke:var(--line)}
.outage{fill:var(--band)}.mark{stroke:var(--ejected);stroke-dasharray:5 4}.line{fill:none;stroke-width:1.6;stroke-linejoin:round}
.legend span{margin-right:1.2rem;font-size:.85rem}.legend i{display:inline-block;width:1em;height:.25em;margin:0 .4em .2em 0}
.healthy{fill:var(--healthy)}.ejected{fill:var(--ejected)}.probing{fill:var(--probing)}.restoring{fill:var(--restoring)}
.key{width:.9em!important;height:.9em!important;margin-bottom:-.1em!important}
";

/// The page for one or two runs of the same outage.
#[must_use]
pub fn html(runs: &[&Record]) -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>An outage</title><style>",
    );
    page.push_str(STYLE);
    for number in 0..SERVERS {
        let _ = write!(page, ".line.c{number}{{stroke:var(--c{number})}}");
        let _ = write!(page, "i.c{number}{{background:var(--c{number})}}");
    }
    for state in ["healthy", "ejected", "probing", "restoring"] {
        let _ = write!(page, "i.{state}{{background:var(--{state})}}");
    }
    page.push_str("</style></head><body>\n");
    let Some(first) = runs.first() else { return page + "</body></html>\n" };
    let about = sentence(first);
    let about = about.rsplit_once("; ").map_or(about.as_str(), |(about, _)| about);
    let _ = write!(page, "<h1>An outage</h1><p>{}</p>", escaped(about));
    page.push_str(&totals(runs));
    let axis = axis(runs);
    let mut section = |title: &str, words: &str, plot: String| {
        let _ = writeln!(page, "<h2>{}</h2><p>{words}</p>{plot}", escaped(title));
    };
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
    page + "</body></html>\n"
}

const STATES: &str = "<span class=\"legend\"><span><i class=\"key healthy\"></i>healthy</span>\
     <span><i class=\"key ejected\"></i>ejected</span><span><i class=\"key probing\"></i>probing</span>\
     <span><i class=\"key restoring\"></i>restoring</span></span>";

fn axis(runs: &[&Record]) -> Axis {
    let outage = runs.first().map(|run| &run.outage);
    Axis {
        seconds: runs.iter().map(|run| run.seconds.len()).max().unwrap_or(0),
        outage: outage.map_or((0.0, 0.0), |outage| {
            (outage.bad.start.as_secs_f64(), outage.bad.end.as_secs_f64())
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
        let class = format!("c{}", number % SERVERS);
        Some(Line { name: format!("{}{bad}", member.endpoint), class, values })
    });
    lines.collect()
}

fn states(run: &Record) -> Vec<(String, Vec<super::State>)> {
    let strips = run.involved().into_iter().filter_map(|place| {
        let port = format!(":{}", run.members.get(place)?.endpoint.port());
        let seconds = 0..run.seconds.len();
        Some((port, seconds.map(|second| run.member_state(place, second)).collect()))
    });
    strips.collect()
}
