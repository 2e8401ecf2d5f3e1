//! What became of each request, gathered from outside the proxy.

use std::time::Duration;

use serde_json::{Value, json};

use super::cases::Case;
use crate::{client::Outcome, fields, upstream::Received};

/// The demo's result.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which proxy.
    pub host: String,
    /// A row for each request.
    pub rows: Vec<Row>,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Row {
    /// The case's name.
    pub name: &'static str,
    /// The model that was asked for.
    pub model: &'static str,
    /// The size of the request's body.
    pub bytes: usize,
    /// Prompt tokens as the filters counted them.
    pub tokens: Option<u64>,
    /// Where that count comes from.
    pub token_source: Option<String>,
    /// The cluster that received it; empty when nobody did.
    pub pool: String,
    /// Why: the rule's name, or the error's code.
    pub reason: String,
    /// The status that the client got.
    pub status: Option<u16>,
    /// From the request to the first generated token; only streams show it.
    pub first_token: Option<Duration>,
    /// From the request to the end of the answer.
    pub total: Duration,
    /// Whether that is what this file has to do with this request.
    pub as_expected: bool,
}

/// The header that says why.
const REASON: &str = "x-llm-reason";

impl Row {
    /// Puts together what the client, the servers and the access log saw. Of servers that do not say what they
    /// received, the log tells the pool, and the answer why.
    pub(super) fn new(
        case: &Case,
        outcome: &Outcome,
        received: Option<&[(String, Received)]>,
        access: Option<&str>,
    ) -> Self {
        let logged = |key| access.and_then(|line| value_of(line, key));
        let pools: Vec<String> = match received {
            Some(received) => received.iter().map(|(pool, _)| pool.clone()).collect(),
            None => logged("pool").into_iter().collect(),
        };
        let mut sent = received.unwrap_or_default().iter();
        let sent = sent.find_map(|(_, request)| request.header_text(REASON));
        let told = || fields::value(&outcome.headers, REASON);
        let told = || told().map(|reason| String::from_utf8_lossy(reason).into_owned());
        let sent = sent.or_else(told);
        let expected: Vec<&str> = case.pool.into_iter().collect();
        Self {
            name: case.name,
            model: case.model,
            bytes: case.request.frames.iter().map(|frame| frame.data.len()).sum(),
            tokens: logged("prompt_tokens").and_then(|tokens| tokens.parse().ok()),
            token_source: logged("token_source"),
            pool: pools.join(", "),
            reason: sent.or_else(|| error_code(&outcome.body)).unwrap_or_default(),
            status: outcome.status,
            first_token: first_token(outcome),
            total: outcome.took,
            as_expected: outcome.status == Some(case.status) && pools == expected,
        }
    }

    fn to_json(&self) -> Value {
        let millis = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        json!({
            "request": self.name, "model": self.model, "bytes": self.bytes,
            "prompt_tokens": self.tokens, "token_source": self.token_source,
            "pool": self.pool, "reason": self.reason, "status": self.status,
            "first_token_ms": self.first_token.map(millis), "total_ms": millis(self.total),
            "as_expected": self.as_expected,
        })
    }
}

impl Report {
    /// The report for programs.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::to_json).collect();
        json!({"host": self.host, "file": super::FILE, "requests": rows})
    }

    /// Whether every request went where it has to go.
    #[must_use]
    pub fn is_as_expected(&self) -> bool {
        self.rows.iter().all(|row| row.as_expected)
    }
}

/// `value` of ` key=value ` in an access-log line; `-` is Envoy's word for nothing.
fn value_of(line: &str, key: &str) -> Option<String> {
    let words = line.split_whitespace().filter_map(|word| word.split_once('='));
    let mut values = words.filter(|(name, value)| *name == key && *value != "-");
    values.next().map(|(_, value)| value.to_owned())
}

/// The code, or else the type, of an error in OpenAI's or Anthropic's shape.
fn error_code(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let error = body.get("error")?;
    let text = |key| error.get(key).and_then(Value::as_str);
    text("code").or_else(|| text("type")).map(str::to_owned)
}

/// When the first event with generated text had arrived.
fn first_token(outcome: &Outcome) -> Option<Duration> {
    let text = String::from_utf8_lossy(&outcome.body);
    let mut end = 0;
    let with_token = text.split_inclusive("\n\n").find_map(|event| {
        end += event.len();
        let data = event.lines().find_map(|line| line.strip_prefix("data: "))?;
        let event: Value = serde_json::from_str(data).ok()?;
        let content = event.pointer("/choices/0/delta/content").and_then(Value::as_str)?;
        (!content.is_empty()).then_some(end)
    })?;
    outcome.arrivals.iter().find(|(_, bytes)| *bytes >= with_token).map(|(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_from_the_access_log_and_a_dash_is_nothing() {
        let line = "[2026-01-01T00:00:00Z] POST /v1/chat/completions?a=b HTTP/1.1 200 - \
                    cluster=x prompt_tokens=12 token_source=-";
        assert_eq!(value_of(line, "prompt_tokens").as_deref(), Some("12"));
        assert_eq!(value_of(line, "token_source"), None);
        assert_eq!(value_of(line, "pool"), None);
    }

    #[test]
    fn both_error_shapes_give_a_reason() {
        let openai =
            br#"{"error":{"message":"m","type":"t","param":null,"code":"model_not_found"}}"#;
        assert_eq!(error_code(openai).as_deref(), Some("model_not_found"));
        let anthropic = br#"{"type":"error","error":{"type":"not_found_error","message":"m"}}"#;
        assert_eq!(error_code(anthropic).as_deref(), Some("not_found_error"));
    }
}
