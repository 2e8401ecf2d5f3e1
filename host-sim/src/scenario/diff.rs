//! Compares the records of two hosts: what one did and the other did not.
//!
//! Equal means equal in everything a client, a model server or an operator could notice: status,
//! headers, bodies, trailers, resets, what each upstream received, plugin metrics, plugin log
//! lines, access-log flags, details and lines.
//!
//! # What is normalised, and nothing else
//! - values that are new in every run: `x-request-id`, `date`, `x-envoy-upstream-service-time`,
//!   and the remaining time in `x-envoy-expected-rq-timeout-ms`; the time of the service also where a plugin logs it;
//! - the last address in `x-forwarded-for`: for a client on the loopback interface Envoy writes its
//!   machine's own;
//! - the number of the exchange, in its header and in the ids of the scripted servers' answers:
//!   requests that are sent at once come through in any order, and are compared as a set;
//! - ports: the hosts of a comparison run on free ports (`127.0.0.1:PORT` in any value);
//! - the order of log lines, which is that of the worker threads; lines of tracing guests compare in
//!   their order, stream by stream ([`callbacks`]);
//! - how a stream was cut into reads by the socket: bodies compare as bytes;
//! - elapsed times: expectations check them, by window.

mod callbacks;
mod calls;
mod normal;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::scenario::Scenario;
use crate::scenario::envoy::access_log;
use crate::scenario::observation::{Exchange, Fields, HostName, Observation, Received};
use crate::scenario::step::Repetition;

use calls::Places;
use normal::{body, fields, log_line, text};

/// Something that is different on two hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The place of the step in the file; `None` for the whole run.
    pub step: Option<usize>,
    /// `step 2, request 1`; `None` for the whole run.
    pub place: Option<String>,
    /// `response_header.x-llm-pool`, `upstream[0].body`, `metrics.llm_...`.
    pub what: String,
    /// What the first host did.
    pub left: (HostName, String),
    /// What the second host did.
    pub right: (HostName, String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hosts differ: ")?;
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        let ((left, a), (right, b)) = (&self.left, &self.right);
        write!(f, "{}: {left} has {a}, {right} has {b}", self.what)
    }
}

/// Everything in which two records of one scenario differ.
#[must_use]
pub fn diff(scenario: &Scenario, left: &Observation, right: &Observation) -> Vec<Difference> {
    let mut found = Found { left, right, step: None, place: None, differences: Vec::new() };
    let by_place = |observation: &Observation| -> BTreeMap<(usize, usize), Exchange> {
        observation.exchanges.iter().map(|e| ((e.step, e.round), e.clone())).collect()
    };
    let (ours, theirs) = (by_place(left), by_place(right));
    let both: BTreeSet<_> = ours.keys().chain(theirs.keys()).copied().collect();
    let partners = at_once(&found, scenario);
    for (step, round) in both {
        found.step = Some(step);
        found.place = Some(place(scenario, step, round));
        let partner = partners.get(&(step, round)).copied().unwrap_or(round);
        match (ours.get(&(step, round)), theirs.get(&(step, partner))) {
            (Some(a), Some(b)) => exchange(&mut found, a, b),
            (a, b) => found.compare("sent", &a.is_some(), &b.is_some()),
        }
    }
    (found.step, found.place) = (None, None);
    run(&mut found);
    let places = places(&found, scenario);
    traced(&mut found, scenario, &places);
    calls::compare(&mut found, &places);
    found.differences
}

/// Step and name of each stream, by the number that its client gave it.
fn places(found: &Found<'_>, scenario: &Scenario) -> Places {
    let mut places = Places::new();
    for exchange in found.left.exchanges.iter().chain(&found.right.exchanges) {
        let number = scenario.exchange_number(exchange.step, exchange.round);
        let name = place(scenario, exchange.step, exchange.round);
        places.insert(number.to_string(), (exchange.step, name));
    }
    places
}

fn place(scenario: &Scenario, step: usize, round: usize) -> String {
    match scenario.steps.get(step).and_then(|s| s.request()).map_or(1, |r| r.times()) {
        1 => format!("step {}", step + 1),
        _ => format!("step {}, request {}", step + 1, round + 1),
    }
}

/// The first callback of each stream in which the hosts differ.
fn traced(found: &mut Found<'_>, scenario: &Scenario, places: &Places) {
    /// What is larger is cut by the buffers between the two sockets.
    const CUT_AT: usize = 16_384;
    let mut large: BTreeSet<String> = BTreeSet::new();
    for exchange in found.left.exchanges.iter().chain(&found.right.exchanges) {
        if exchange.response.body.len() > CUT_AT {
            large.insert(scenario.exchange_number(exchange.step, exchange.round).to_string());
        }
    }
    let is_cut_alike = |stream: &str| {
        if large.contains(stream) {
            return false;
        }
        let step = places.get(stream).and_then(|(step, _)| scenario.steps.get(*step));
        step.and_then(|step| step.request()).is_some_and(|step| step.request.is_cut_by_the_client())
    };
    for deviation in callbacks::deviations(found.left, found.right, is_cut_alike) {
        let place = places.get(&deviation.stream);
        found.step = place.map(|(step, _)| *step);
        found.place = place.map(|(_, name)| name.clone());
        let before = match deviation.before.as_slice() {
            [] => "first callback".to_owned(),
            before => format!("callback after {}", before.join("; ")),
        };
        found.compare(&before, &deviation.left, &deviation.right);
    }
}

/// Of requests that were sent at once: for each of the left host an equal one of the right host, as
/// long as there is one, then any.
fn at_once(found: &Found<'_>, scenario: &Scenario) -> BTreeMap<(usize, usize), usize> {
    let mut partners = BTreeMap::new();
    for (index, step) in scenario.steps.iter().enumerate() {
        if !step.request().is_some_and(|r| matches!(r.repetition, Repetition::AtOnce(_))) {
            continue;
        }
        let of_step = |observation: &'_ Observation| -> Vec<Exchange> {
            observation.exchanges.iter().filter(|e| e.step == index).cloned().collect()
        };
        let mut free = of_step(found.right);
        let mut unequal = Vec::new();
        for ours in of_step(found.left) {
            match free.iter().position(|theirs| are_equal(found, &ours, theirs)) {
                Some(at) => {
                    partners.insert((index, ours.round), free.remove(at).round);
                }
                None => unequal.push(ours.round),
            }
        }
        let rest = unequal.into_iter().zip(free);
        partners.extend(rest.map(|(ours, theirs)| ((index, ours), theirs.round)));
    }
    partners
}

fn are_equal(found: &Found<'_>, a: &Exchange, b: &Exchange) -> bool {
    let mut alone = Found {
        left: found.left,
        right: found.right,
        step: None,
        place: None,
        differences: Vec::new(),
    };
    exchange(&mut alone, a, b);
    alone.differences.is_empty()
}

fn exchange(found: &mut Found<'_>, a: &Exchange, b: &Exchange) {
    let (left, right) = (&a.response, &b.response);
    found.compare("status", &Shown(left.status), &Shown(right.status));
    found.compare("ended", &left.ended, &right.ended);
    found.compare("interim", &format!("{:?}", left.interim), &format!("{:?}", right.interim));
    compare_fields(found, "response_header", &left.headers, &right.headers);
    compare_fields(found, "response_trailer", &left.trailers, &right.trailers);
    found.compare("body", &body(&left.body), &body(&right.body));
    let access = |exchange: &Exchange| match &exchange.access {
        None => "no line".to_owned(),
        Some(access) => format!("`{} {} {}`", access.code, access.flags, access.details),
    };
    found.compare("access_log", &access(a), &access(b));
    let lines = |exchange: &Exchange| -> Vec<String> {
        let lines = exchange.access.iter().flat_map(|access| &access.lines);
        lines.map(|line| text(&access_log::comparable(line))).collect()
    };
    let (ours, theirs) = (lines(a), lines(b));
    for place in 0..ours.len().max(theirs.len()) {
        let line =
            |lines: &[String]| lines.get(place).map_or("no line".into(), |l| format!("`{l}`"));
        found.compare(&format!("access_log[{place}]"), &line(&ours), &line(&theirs));
    }
    found.compare("upstream_requests", &clusters(&a.upstream), &clusters(&b.upstream));
    for (index, (a, b)) in a.upstream.iter().zip(&b.upstream).enumerate() {
        received(found, &format!("upstream[{index}]"), a, b);
    }
}

fn received(found: &mut Found<'_>, path: &str, a: &Received, b: &Received) {
    found.compare(&format!("{path}.cluster"), &a.cluster, &b.cluster);
    found.compare(&format!("{path}.method"), &a.method, &b.method);
    found.compare(&format!("{path}.path"), &a.path, &b.path);
    compare_fields(found, &format!("{path}.header"), &a.headers, &b.headers);
    compare_fields(found, &format!("{path}.trailer"), &a.trailers, &b.trailers);
    found.compare(&format!("{path}.body"), &body(&a.body), &body(&b.body));
    found.compare(&format!("{path}.complete"), &a.complete, &b.complete);
}

fn run(found: &mut Found<'_>) {
    let (left, right) = (found.left, found.right);
    let names: BTreeSet<&String> = left.metrics.keys().chain(right.metrics.keys()).collect();
    for name in names {
        let value = |seen: &Observation| seen.metrics.get(name).copied().unwrap_or(0);
        found.compare(&format!("metrics.{name}"), &value(left), &value(right));
    }
    let (ours, theirs) = (log(left), log(right));
    for line in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
        let times = |lines: &BTreeMap<String, usize>| match lines.get(line) {
            None => "it not".to_owned(),
            Some(1) => "it once".to_owned(),
            Some(times) => format!("it {times} times"),
        };
        found.compare(&format!("log line `{}`", beginning(line)), &times(&ours), &times(&theirs));
    }
    let refused = |seen: &Observation| match seen.refused_updates.as_slice() {
        [] => "none".to_owned(),
        steps => {
            let steps = steps.iter().map(|step| format!("step {}", step + 1));
            steps.collect::<Vec<_>>().join(", ")
        }
    };
    found.compare("refused_updates", &refused(left), &refused(right));
    found.compare("open_streams", &left.open_streams, &right.open_streams);
}

fn log(seen: &Observation) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    for line in seen.logs.iter().filter(|line| !callbacks::is_callback(line)) {
        *lines.entry(format!("{} {}", line.level, log_line(&line.text))).or_default() += 1;
    }
    lines
}

/// As much of a line as a reader wants to see.
fn beginning(line: &str) -> String {
    const SHOWN: usize = 300;
    match line.char_indices().nth(SHOWN) {
        None => line.to_owned(),
        Some((at, _)) => format!("{}... ({} bytes)", line.get(..at).unwrap_or(line), line.len()),
    }
}

fn clusters(received: &[Received]) -> String {
    if received.is_empty() {
        return "none".to_owned();
    }
    let names: Vec<&str> = received.iter().map(|seen| seen.cluster.as_str()).collect();
    names.join(", ")
}

fn compare_fields(found: &mut Found<'_>, path: &str, left: &Fields, right: &Fields) {
    let (ours, theirs) = (fields(left), fields(right));
    for name in ours.keys().chain(theirs.keys()).collect::<BTreeSet<_>>() {
        let value = |fields: &BTreeMap<String, String>| {
            fields.get(name).map_or_else(|| "no such field".to_owned(), |v| format!("`{v}`"))
        };
        found.compare(&format!("{path}.{name}"), &value(&ours), &value(&theirs));
    }
}

/// Where differences are collected.
struct Found<'a> {
    left: &'a Observation,
    right: &'a Observation,
    step: Option<usize>,
    place: Option<String>,
    differences: Vec<Difference>,
}

impl Found<'_> {
    fn compare<T: PartialEq + fmt::Display>(&mut self, what: &str, left: &T, right: &T) {
        if left != right {
            self.differences.push(Difference {
                step: self.step,
                place: self.place.clone(),
                what: what.to_owned(),
                left: (self.left.host.clone(), left.to_string()),
                right: (self.right.host.clone(), right.to_string()),
            });
        }
    }
}

#[derive(PartialEq)]
struct Shown(Option<u16>);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("no response"),
            Some(status) => status.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
