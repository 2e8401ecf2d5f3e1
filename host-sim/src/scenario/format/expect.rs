//! `expect` of a step and `finally`.

use bytes::Bytes;
use regex::Regex;

use crate::yaml::{Error, Object, Reader, Value};

use super::{Files, optional};
use crate::scenario::envoy::canonical;
use crate::scenario::expect::{
    BodyEquals, BodyExpect, Expect, FieldsExpect, Finally, Range, TextMatch, UpstreamExpect,
};
use crate::scenario::observation::Ended;

/// Reads the `expect` of a step.
pub(super) fn exchange(reader: &Reader<'_>, files: &Files<'_>) -> Result<Expect, Error> {
    let mut object = reader.object()?;
    let status = optional(&mut object, "status", |r| r.integer())?;
    let interim = optional(&mut object, "interim", |r| {
        r.list()?.iter().map(Reader::integer).collect::<Result<Vec<u16>, _>>()
    })?;
    let headers = fields(&mut object, "response_header", "no_response_header")?;
    let trailers = fields(&mut object, "response_trailer", "no_response_trailer")?;
    let body = body(&mut object, files)?;
    let expect = Expect {
        status,
        interim,
        headers,
        trailers,
        body,
        ended: optional(&mut object, "ended", |r| r.choice(&Ended::WORDS))?,
        within: optional(&mut object, "within", |r| r.duration())?,
        not_before: optional(&mut object, "not_before", |r| r.duration())?,
        headers_within: optional(&mut object, "headers_within", |r| r.duration())?,
        upstream_requests: counts(&mut object, "upstream_requests")?,
        upstream: upstreams(&mut object, files)?,
        flags: optional(&mut object, "flags", text)?,
        details: optional(&mut object, "details", text)?,
        access_log: texts(&mut object, "access_log")?,
        filter_state: filter_state(&mut object)?,
    };
    object.finish()?;
    Ok(expect)
}

/// Reads `finally`.
pub(super) fn finally(reader: &Reader<'_>) -> Result<Finally, Error> {
    let mut object = reader.object()?;
    // In whatever order the labels are written.
    let metrics = counts(&mut object, "metrics")?;
    let metrics = metrics.into_iter().map(|(name, range)| (canonical(&name), range)).collect();
    let mut finally = Finally { metrics, ..Finally::default() };
    if let Some(logs) = object.optional("logs") {
        let mut logs = logs.object()?;
        finally.logs_contain = texts(&mut logs, "contains")?;
        finally.logs_once = texts(&mut logs, "once")?;
        finally.logs_absent = texts(&mut logs, "absent")?;
        logs.finish()?;
    }
    if let Some(trace) = object.optional("trace") {
        let mut trace = trace.object()?;
        finally.trace_contains = texts(&mut trace, "contains")?;
        finally.trace_absent = texts(&mut trace, "absent")?;
        trace.finish()?;
    }
    finally.open_streams = optional(&mut object, "open_streams", range)?;
    finally.callouts = counts(&mut object, "callouts")?;
    object.finish()?;
    Ok(finally)
}

fn upstreams(
    object: &mut Object<'_>,
    files: &Files<'_>,
) -> Result<Vec<(String, UpstreamExpect)>, Error> {
    let Some(reader) = object.optional("upstream") else { return Ok(Vec::new()) };
    let mut upstreams = Vec::new();
    for (cluster, reader) in reader.entries()? {
        let mut object = reader.object()?;
        let expect = UpstreamExpect {
            method: optional(&mut object, "method", text)?,
            path: optional(&mut object, "path", text)?,
            headers: fields(&mut object, "header", "no_header")?,
            trailers: fields(&mut object, "trailer", "no_trailer")?,
            body: body(&mut object, files)?,
            complete: optional(&mut object, "complete", |r| r.boolean())?,
        };
        object.finish()?;
        upstreams.push((cluster.to_owned(), expect));
    }
    Ok(upstreams)
}

fn body(object: &mut Object<'_>, files: &Files<'_>) -> Result<BodyExpect, Error> {
    let equals = match object.one_of(&["body_equals", "body_equals_file"])? {
        None => None,
        Some(("body_equals", reader)) => Some(match reader.text()? {
            "sent" => BodyEquals::Sent,
            text => BodyEquals::Bytes(Bytes::from(text.to_owned())),
        }),
        Some((_, reader)) => Some(BodyEquals::Bytes(files.body(&reader)?)),
    };
    Ok(BodyExpect {
        equals,
        contains: strings(object, "body_contains")?,
        absent: strings(object, "body_absent")?,
        json: optional(object, "body_json", |r| r.node().to_json())?,
    })
}

fn fields(
    object: &mut Object<'_>,
    present: &'static str,
    absent: &'static str,
) -> Result<FieldsExpect, Error> {
    let mut fields = FieldsExpect::default();
    if let Some(reader) = object.optional(present) {
        for (name, value) in reader.entries()? {
            fields.present.push((name.to_ascii_lowercase(), text(&value)?));
        }
    }
    fields.absent =
        strings(object, absent)?.into_iter().map(|name| name.to_ascii_lowercase()).collect();
    Ok(fields)
}

/// Keys of filter state are read with their case, which headers do not have.
fn filter_state(object: &mut Object<'_>) -> Result<FieldsExpect, Error> {
    let mut state = FieldsExpect::default();
    if let Some(reader) = object.optional("filter_state") {
        for (key, value) in reader.entries()? {
            state.present.push((key.to_owned(), text(&value)?));
        }
    }
    state.absent = strings(object, "no_filter_state")?;
    Ok(state)
}

/// A text to be equal to, or `{contains: ...}`, `{matches: ...}`, `{present: true}`.
fn text(reader: &Reader<'_>) -> Result<TextMatch, Error> {
    if let Value::Scalar(_) = reader.node().value {
        return Ok(TextMatch::Exact(reader.text()?.to_owned()));
    }
    let mut object = reader.object()?;
    let found = match object.exactly_one_of(&["contains", "matches", "present"])? {
        ("contains", part) => TextMatch::Contains(part.text()?.to_owned()),
        ("matches", pattern) => TextMatch::Matches(regex(&pattern)?),
        (_, present) => {
            present.choice(&[("true", ())])?;
            TextMatch::Present
        }
    };
    object.finish()?;
    Ok(found)
}

/// A list of log texts: a plain one is a part of the line, `{matches: ...}` an expression.
fn texts(object: &mut Object<'_>, name: &'static str) -> Result<Vec<TextMatch>, Error> {
    object
        .items(name)?
        .iter()
        .map(|item| match text(item)? {
            TextMatch::Exact(part) => Ok(TextMatch::Contains(part)),
            other => Ok(other),
        })
        .collect()
}

fn regex(reader: &Reader<'_>) -> Result<Regex, Error> {
    let pattern = reader.text()?;
    Regex::new(pattern).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ");
        reader.invalid(&format!("`{pattern}`: {reason}"), "a regular expression", "")
    })
}

/// One text or a list of them.
fn strings(object: &mut Object<'_>, name: &'static str) -> Result<Vec<String>, Error> {
    let Some(reader) = object.optional(name) else { return Ok(Vec::new()) };
    match reader.node().value {
        Value::List(_) => reader.list()?.iter().map(|r| r.text().map(str::to_owned)).collect(),
        Value::Scalar(_) | Value::Map(_) => Ok(vec![reader.text()?.to_owned()]),
    }
}

fn counts(object: &mut Object<'_>, name: &'static str) -> Result<Vec<(String, Range)>, Error> {
    let Some(reader) = object.optional(name) else { return Ok(Vec::new()) };
    reader.entries()?.iter().map(|(name, value)| Ok(((*name).to_owned(), range(value)?))).collect()
}

/// A number, or `{at_least: ..., at_most: ...}`.
fn range(reader: &Reader<'_>) -> Result<Range, Error> {
    if let Value::Scalar(_) = reader.node().value {
        return Ok(Range::exactly(reader.integer()?));
    }
    let mut object = reader.object()?;
    let range = Range {
        at_least: optional(&mut object, "at_least", |r| r.integer())?.unwrap_or(i64::MIN),
        at_most: optional(&mut object, "at_most", |r| r.integer())?.unwrap_or(i64::MAX),
    };
    object.finish()?;
    Ok(range)
}
