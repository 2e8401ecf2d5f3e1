//! `/api/v1/query_range` of Prometheus' HTTP API, for the one series that there is.
//!
//! Answers and errors have the words of Prometheus 2.42. An expression is a name with labels that are equal to
//! something; any other one is refused, which no real one would do.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rule::Store;
use super::scrape::KEY;
use crate::canary::moment;
use crate::yaml::parse_duration;

/// The recorded series.
pub(in super::super) const VERDICT: &str = "rollout:llm_split_verdict";
/// So many points one series of an answer has at most.
const MOST_POINTS: u64 = 11_000;

/// What was asked and answered: the moments, in milliseconds since 1970, and what each had, series by series.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in super::super) struct Asked {
    pub(in super::super) points: Vec<(u64, Vec<f64>)>,
}

/// Why there is no answer: a status, Prometheus' word for the kind, and its words.
type Refused = (u16, &'static str, String);

/// Answers a request for this path; the parameters of a form in its body count too.
pub(super) fn answer(
    store: &Store,
    path: &str,
    body: &[u8],
    now: u64,
) -> (u16, String, Option<Asked>) {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if path != "/api/v1/query_range" {
        return (404, "404 page not found\n".to_owned(), None);
    }
    let form = String::from_utf8_lossy(body);
    let parameters: BTreeMap<String, String> = query
        .split('&')
        .chain(form.split('&'))
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    match matrix(store, &parameters, now) {
        Ok((result, asked)) => {
            let data = json!({"resultType": "matrix", "result": result});
            let body = json!({"status": "success", "data": data});
            (200, body.to_string(), Some(asked))
        }
        Err((status, kind, words)) => {
            let body = json!({"status": "error", "errorType": kind, "error": words});
            (status, body.to_string(), None)
        }
    }
}

fn matrix(
    store: &Store,
    parameters: &BTreeMap<String, String>,
    now: u64,
) -> Result<(Vec<Value>, Asked), Refused> {
    let text = |name: &str| parameters.get(name).map_or("", String::as_str);
    let time = |name: &str| {
        let invalid = || {
            bad(&format!(
                "invalid parameter \"{name}\": cannot parse \"{}\" to a valid timestamp",
                text(name)
            ))
        };
        milliseconds(text(name)).ok_or_else(invalid)
    };
    let (start, end) = (time("start")?, time("end")?);
    if end < start {
        return Err(bad("invalid parameter \"end\": end timestamp must not be before start time"));
    }
    let step = span(text("step")).ok_or_else(|| {
        bad(&format!(
            "invalid parameter \"step\": cannot parse \"{}\" to a valid duration",
            text("step")
        ))
    })?;
    if step == 0 {
        return Err(bad(
            "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer",
        ));
    }
    if (end - start) / step > MOST_POINTS {
        return Err(bad(
            "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
        ));
    }
    let wanted = selector(text("query"))?;
    let mut series: BTreeMap<_, Vec<Value>> = BTreeMap::new();
    let mut asked = Asked::default();
    for at in (start..=end).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
        let mut values = Vec::new();
        for (key, gate) in store.gates(at, now) {
            let is_wanted = wanted.iter().all(|(name, value)| {
                let own = KEY.iter().zip(&key).find(|(own, _)| *own == name);
                own.map_or("", |(_, own)| own.as_str()) == value
            });
            if is_wanted {
                let verdict = gate.verdict();
                series.entry(key).or_default().push(json!([seconds(at), verdict.to_string()]));
                values.push(verdict);
            }
        }
        asked.points.push((at, values));
    }
    let result = series.into_iter().map(|(key, values)| {
        let mut metric = serde_json::Map::new();
        metric.insert("__name__".to_owned(), VERDICT.into());
        metric.extend(KEY.iter().zip(key).map(|(name, value)| ((*name).to_owned(), value.into())));
        json!({"metric": metric, "values": values})
    });
    Ok((result.collect(), asked))
}

fn bad(words: &str) -> Refused {
    (400, "bad_data", words.to_owned())
}

/// The labels of `name{label="value", ...}`.
fn selector(text: &str) -> Result<Vec<(String, String)>, Refused> {
    let unknown = || {
        let words =
            format!("the stand-in knows `{VERDICT}{{label=\"value\", ...}}` and not `{text}`");
        (422, "execution", words)
    };
    let rest = text.trim().strip_prefix(VERDICT).ok_or_else(unknown)?.trim();
    if rest.is_empty() {
        return Ok(Vec::new());
    }
    let inside = rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let pairs = inside.ok_or_else(unknown)?.split(',').map(str::trim);
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
        (!value.contains(['"', '\\'])).then(|| (name.trim().to_owned(), value.to_owned()))
    };
    pairs.filter(|one| !one.is_empty()).map(|one| pair(one).ok_or_else(unknown)).collect()
}

/// A moment in seconds since 1970, or as RFC 3339 writes it.
fn milliseconds(text: &str) -> Option<u64> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
    let seconds = seconds.or_else(|| Some(moment::rfc3339(text)?.as_secs_f64()))?;
    whole(seconds)
}

/// A span in seconds, or with a unit; 0 for one that is no step.
fn span(text: &str) -> Option<u64> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds <= 0.0 => Some(0),
        Ok(seconds) => whole(seconds),
        Err(_) => whole(parse_duration(text)?.as_secs_f64()),
    }
}

fn whole(seconds: f64) -> Option<u64> {
    let millis = (seconds * 1e3).round();
    let is_time = (0.0..1e16).contains(&millis);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in these bounds")]
    is_time.then_some(millis as u64)
}

/// As Prometheus writes a time: seconds, with a fraction where there is one.
fn seconds(millis: u64) -> Value {
    if millis.is_multiple_of(1_000) {
        return (millis / 1_000).into();
    }
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a date")]
    let seconds = millis as f64 / 1e3;
    seconds.into()
}

/// A piece of a query or of a form without its escapes.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => u8::try_from(high * 16 + low).unwrap_or(b'?'),
                    _ => b'?',
                }
            }
            byte => byte,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
