//! Removes from values what is new in every run.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bytes::Bytes;
use regex::Regex;

use crate::scenario::observation::{Fields, MARK};

/// Fields whose value is new in every run; only their presence is compared.
const NEW_EVERY_RUN: [&str; 5] = [
    "x-request-id",
    "date",
    "x-envoy-upstream-service-time",
    "x-envoy-expected-rq-timeout-ms",
    MARK,
];

/// So much of a body is shown in a difference.
const SHOWN: usize = 120;

static PORT: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(127\.0\.0\.1|localhost|\[::1\]):[0-9]{2,5}").ok());

/// Ids in answers of the scripted servers end in the number of the exchange.
static ANSWER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\b(chatcmpl-|cmpl-|msg_|resp_|rs_)[0-9]{6}\b").ok());

static SERVICE_TIME: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("(x-envoy-upstream-service-time[^0-9A-Za-z]{1,4})[0-9]+").ok());

/// A text with ports and numbers of exchanges replaced by words.
pub(super) fn text(value: &str) -> String {
    let replace = |text: String, pattern: &LazyLock<Option<Regex>>, by: &str| match &**pattern {
        Some(pattern) => pattern.replace_all(&text, by).into_owned(),
        None => text,
    };
    replace(replace(value.to_owned(), &PORT, "$1:PORT"), &ANSWER, "${1}NUMBER")
}

/// A plugin's log line: the time that a server took, which plugins log with a response's headers, is new in
/// every run.
pub(super) fn log_line(line: &str) -> String {
    match &*SERVICE_TIME {
        Some(pattern) => text(&pattern.replace_all(line, "${1}NEW")),
        None => text(line),
    }
}

/// Fields by name; several of one name stay in order.
pub(super) fn fields(fields: &Fields) -> BTreeMap<String, String> {
    let mut normal: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &fields.0 {
        let value = if NEW_EVERY_RUN.contains(&name.as_str()) {
            "NEW EVERY RUN".to_owned()
        } else if name == "x-forwarded-for" {
            without_own_address(value)
        } else {
            text(value)
        };
        normal
            .entry(name.clone())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(&value);
            })
            .or_insert(value);
    }
    normal
}

/// Envoy writes its own machine's address for a client on the loopback interface, which is what all
/// clients of a run are; it is the last one in the list.
fn without_own_address(value: &str) -> String {
    match value.rsplit_once(',') {
        Some((others, _)) => format!("{others},PEER"),
        None => "PEER".to_owned(),
    }
}

/// A body that compares as a whole and is shown in part.
pub(super) fn body(bytes: &Bytes) -> Body {
    match std::str::from_utf8(bytes) {
        Ok(valid) if bytes.len() <= 1 << 20 => Body(Bytes::from(text(valid))),
        _ => Body(bytes.clone()),
    }
}

/// A normalised body.
#[derive(PartialEq)]
pub(super) struct Body(Bytes);

impl std::fmt::Display for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start = self.0.get(..SHOWN.min(self.0.len())).unwrap_or_default();
        let text = String::from_utf8_lossy(start);
        let more = if start.len() < self.0.len() { "…" } else { "" };
        let sum = self.0.iter().fold(0_u32, |sum, byte| sum.rotate_left(5) ^ u32::from(*byte));
        write!(f, "{} bytes (sum {sum:08x}) `{text}{more}`", self.0.len())
    }
}
