//! Conditions on bodies, and how a body is shown in one line.

use bytes::Bytes;
use serde_json::Value;

use super::Findings;
use crate::scenario::expect::{BodyEquals, BodyExpect};

/// So much of a body is shown in a failure.
const SHOWN: usize = 160;

pub(super) fn check(
    findings: &mut Findings<'_>,
    what: &str,
    expect: &BodyExpect,
    body: &Bytes,
    sent: &Bytes,
) {
    if let Some(equals) = &expect.equals {
        let (wanted, name) = match equals {
            BodyEquals::Sent => (sent, "what the client sent, "),
            BodyEquals::Bytes(bytes) => (bytes, ""),
        };
        if wanted != body {
            let expected = format!("{name}{}", show(wanted));
            findings.add(format!("{what}_equals"), expected, first_difference(wanted, body));
        }
    }
    let looks_for_text = !expect.contains.is_empty() || !expect.absent.is_empty();
    let text = String::from_utf8_lossy(if looks_for_text { body } else { &[] });
    for part in &expect.contains {
        if !text.contains(part.as_str()) {
            findings.add(format!("{what}_contains"), format!("`{part}` in it"), show(body));
        }
    }
    for part in &expect.absent {
        if text.contains(part.as_str()) {
            findings.add(format!("{what}_absent"), format!("no `{part}` in it"), show(body));
        }
    }
    if let Some(wanted) = &expect.json {
        match serde_json::from_slice::<Value>(body) {
            Ok(found) => json(findings, &format!("{what}_json"), wanted, &found),
            Err(_) => findings.add(format!("{what}_json"), "JSON", show(body)),
        }
    }
}

/// Everything in `wanted` must be in `found` at the same place; lists must have the same length.
fn json(findings: &mut Findings<'_>, path: &str, wanted: &Value, found: &Value) {
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            for (key, value) in wanted {
                let path = format!("{path}.{key}");
                match found.get(key) {
                    Some(found) => json(findings, &path, value, found),
                    None => findings.add(path, value, "no such field"),
                }
            }
        }
        (Value::Array(wanted), Value::Array(found)) if wanted.len() == found.len() => {
            for (index, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                json(findings, &format!("{path}[{index}]"), wanted, found);
            }
        }
        (wanted, found) if wanted == found => {}
        (wanted, found) => findings.add(path, wanted, found),
    }
}

/// A body in one line: its beginning, and how long it is when that is not all.
pub(super) fn show(body: &[u8]) -> String {
    if body.is_empty() {
        return "an empty body".to_owned();
    }
    let start = body.get(..SHOWN.min(body.len())).unwrap_or_default();
    let text = String::from_utf8_lossy(start).escape_debug().to_string().replace("\\\"", "\"");
    if start.len() == body.len() {
        format!("`{text}`")
    } else {
        format!("`{text}…` ({} bytes)", body.len())
    }
}

fn first_difference(wanted: &[u8], body: &[u8]) -> String {
    if body.is_empty() || wanted.is_empty() {
        return show(body);
    }
    let same = wanted.iter().zip(body).take_while(|(a, b)| a == b).count();
    let around = body.get(same.saturating_sub(20)..).unwrap_or_default();
    format!("{} bytes that differ from byte {same} on: {}", body.len(), show(around))
}
