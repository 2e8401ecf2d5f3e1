//! Spans out of what an exporter sends (OTLP in protobuf), for tests.
//!
//! Seven fields of five messages are wanted, whose numbers will never change. A library for all of OTLP is
//! a dozen crates to build, so a walker over protobuf's fields does it; what it does not know it passes over.

use std::collections::BTreeMap;

/// A span, as far as tests look at it. Ids are in hexadecimal digits, as in `traceparent`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Span {
    /// Which trace it belongs to.
    pub trace_id: String,
    /// Its own.
    pub span_id: String,
    /// Empty for the first of a trace.
    pub parent_id: String,
    /// Its tags with text.
    pub tags: BTreeMap<String, String>,
}

impl Span {
    /// A tag's value.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.get(name).map(String::as_str)
    }
}

/// The spans of an `ExportTraceServiceRequest`.
///
/// # Panics
/// When the bytes are no protobuf.
pub fn spans(request: &[u8]) -> Vec<Span> {
    let mut spans = Vec::new();
    for resource in messages(request, 1) {
        for scope in messages(resource, 2) {
            spans.extend(messages(scope, 2).map(span));
        }
    }
    spans
}

fn span(bytes: &[u8]) -> Span {
    let mut span = Span::default();
    for (field, value) in fields(bytes) {
        match field {
            1 => span.trace_id = hex(value),
            2 => span.span_id = hex(value),
            4 => span.parent_id = hex(value),
            9 => {
                let key = messages(value, 1).next().map(text).unwrap_or_default();
                let of_any = messages(value, 2).next().unwrap_or_default();
                if let Some(value) = messages(of_any, 1).next() {
                    span.tags.insert(key, text(value));
                }
            }
            _ => {}
        }
    }
    span
}

/// The values of one field: messages, texts, or bytes.
fn messages(bytes: &[u8], field: u64) -> impl Iterator<Item = &[u8]> {
    fields(bytes).filter(move |(number, _)| *number == field).map(|(_, value)| value)
}

/// The fields that have a length, by their numbers; numbers in the other encodings are passed over.
fn fields(mut bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let fixed = match key & 7 {
                0 => {
                    varint(&mut bytes);
                    continue;
                }
                1 => 8,
                2 => varint(&mut bytes),
                5 => 4,
                other => panic!("protobuf has no encoding {other}"),
            };
            let (value, rest) = bytes.split_at(usize::try_from(fixed).expect("a length"));
            bytes = rest;
            if key & 7 == 2 {
                return Some((key >> 3, value));
            }
        }
        None
    })
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().expect("a number is not cut");
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            break;
        }
    }
    value
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
