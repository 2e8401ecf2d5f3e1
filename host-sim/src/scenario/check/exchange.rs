//! Conditions on one exchange.

use std::time::Duration;

use super::{Findings, body};
use crate::scenario::envoy::access_log;
use crate::scenario::expect::{Expect, FieldsExpect, TextMatch, UpstreamExpect};
use crate::scenario::observation::{Ended, Exchange, Fields, Received};
use crate::scenario::quantity;

pub(super) fn check(findings: &mut Findings<'_>, expect: &Expect, exchange: &Exchange) {
    let response = &exchange.response;
    if let Some(wanted) = expect.status
        && response.status != Some(wanted)
    {
        findings.add("status", wanted, status(response.status));
    }
    let ended = expect.ended.unwrap_or(Ended::Complete);
    if response.ended != ended {
        findings.add("ended", ended, response.ended);
    }
    if let Some(wanted) = &expect.interim
        && wanted != &response.interim
    {
        findings.add("interim", list(wanted), list(&response.interim));
    }
    fields(findings, "", "response_header", &expect.headers, &response.headers);
    fields(findings, "", "response_trailer", &expect.trailers, &response.trailers);
    body::check(findings, "body", &expect.body, &response.body, &exchange.sent);
    durations(findings, expect, exchange);
    access(findings, expect, exchange);
    filter_state(findings, expect, exchange);
    for (cluster, range) in &expect.upstream_requests {
        let count = exchange.upstream.iter().filter(|seen| seen.cluster == *cluster).count();
        if !range.accepts(i64::try_from(count).unwrap_or(i64::MAX)) {
            findings.add(format!("upstream_requests.{cluster}"), range, count);
        }
    }
    for (cluster, wanted) in &expect.upstream {
        let path = format!("upstream.{cluster}");
        let mut received = exchange.upstream.iter().filter(|seen| seen.cluster == *cluster);
        match received.next() {
            None => findings.add(path, "a request", "none"),
            Some(first) => {
                for seen in std::iter::once(first).chain(received) {
                    upstream(findings, &path, wanted, seen, exchange);
                }
            }
        }
    }
}

fn durations(findings: &mut Findings<'_>, expect: &Expect, exchange: &Exchange) {
    let response = &exchange.response;
    let mut limit = |what: &str, most: Option<Duration>, took: Option<Duration>| {
        if let Some(most) = most
            && took.is_none_or(|took| took > most)
        {
            let took = took.map_or_else(|| "never".to_owned(), quantity::display);
            findings.add(what, format!("at most {}", quantity::display(most)), took);
        }
    };
    limit("within", expect.within, Some(response.took));
    limit("headers_within", expect.headers_within, response.headers_after);
    if let Some(least) = expect.not_before
        && response.took < least
    {
        let expected = format!("at least {}", quantity::display(least));
        findings.add("not_before", expected, quantity::display(response.took));
    }
}

fn access(findings: &mut Findings<'_>, expect: &Expect, exchange: &Exchange) {
    let mut one = |what: &str, wanted: &Option<TextMatch>, got: Option<&str>| {
        if let Some(wanted) = wanted {
            match got {
                Some(text) if wanted.accepts(text) => {}
                Some(text) => findings.add(what, wanted, format!("`{text}`")),
                None => findings.add(what, wanted, "no line in the access log"),
            }
        }
    };
    let entry = exchange.access.as_ref();
    one("flags", &expect.flags, entry.map(|entry| entry.flags.as_str()));
    one("details", &expect.details, entry.map(|entry| entry.details.as_str()));
    let lines = entry.map(|entry| entry.lines.as_slice()).unwrap_or_default();
    let lines: Vec<String> = lines.iter().map(|line| access_log::plain(line)).collect();
    for wanted in &expect.access_log {
        if !lines.iter().any(|line| wanted.accepts(line)) {
            let got = lines.last().map_or_else(|| "no line".to_owned(), |line| format!("`{line}`"));
            findings.add("access_log", wanted, got);
        }
    }
}

fn filter_state(findings: &mut Findings<'_>, expect: &Expect, exchange: &Exchange) {
    let lines = exchange.access.as_ref().map(|entry| entry.lines.as_slice()).unwrap_or_default();
    for (key, wanted) in &expect.filter_state.present {
        match access_log::shown_filter_state(lines, key) {
            Some(value) if wanted.accepts(value) => {}
            Some(value) => {
                findings.add(format!("filter_state.{key}"), wanted, format!("`{value}`"));
            }
            None => findings.add(format!("filter_state.{key}"), wanted, "no such key"),
        }
    }
    for key in &expect.filter_state.absent {
        if let Some(value) = access_log::shown_filter_state(lines, key) {
            findings.add(format!("no_filter_state.{key}"), "no such key", format!("`{value}`"));
        }
    }
}

fn upstream(
    findings: &mut Findings<'_>,
    path: &str,
    wanted: &UpstreamExpect,
    seen: &Received,
    exchange: &Exchange,
) {
    for (what, wanted, got) in
        [("method", &wanted.method, &seen.method), ("path", &wanted.path, &seen.path)]
    {
        if let Some(wanted) = wanted
            && !wanted.accepts(got)
        {
            findings.add(format!("{path}.{what}"), wanted, format!("`{got}`"));
        }
    }
    let place = format!("{path}.");
    fields(findings, &place, "header", &wanted.headers, &seen.headers);
    fields(findings, &place, "trailer", &wanted.trailers, &seen.trailers);
    body::check(findings, &format!("{path}.body"), &wanted.body, &seen.body, &exchange.sent);
    if let Some(complete) = wanted.complete
        && complete != seen.complete
    {
        findings.add(format!("{path}.complete"), complete, seen.complete);
    }
}

fn fields(
    findings: &mut Findings<'_>,
    place: &str,
    kind: &str,
    expect: &FieldsExpect,
    fields: &Fields,
) {
    for (name, wanted) in &expect.present {
        let path = format!("{place}{kind}.{name}");
        match fields.joined(name) {
            Some(value) if wanted.accepts(&value) => {}
            Some(value) => findings.add(path, wanted, format!("`{value}`")),
            None => findings.add(path, wanted, "no such field"),
        }
    }
    for name in &expect.absent {
        if let Some(value) = fields.joined(name) {
            let path = format!("{place}no_{kind}.{name}");
            findings.add(path, "no such field", format!("`{value}`"));
        }
    }
}

fn status(status: Option<u16>) -> String {
    status.map_or_else(|| "no response".to_owned(), |status| status.to_string())
}

fn list(statuses: &[u16]) -> String {
    if statuses.is_empty() {
        return "none".to_owned();
    }
    statuses.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}
