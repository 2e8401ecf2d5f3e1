//! A request as the server received it, and what it asks for.

use std::time::Duration;

use serde_json::Value;

use crate::fields::{self, Fields};

/// The request header in which a test's client numbers its requests.
pub const NUMBER: &str = "x-scenario-exchange";

/// One request, recorded while it arrives.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// Which request of this server, from 0, by arrival of headers.
    pub index: usize,
    /// When its headers arrived, since the server's start.
    pub at: Duration,
    /// True for HTTP/2.
    pub http2: bool,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// `:authority`, or the `host` header.
    pub authority: String,
    /// Header fields without pseudo headers.
    pub headers: Fields,
    /// What has arrived of the body.
    pub body: Vec<u8>,
    /// Trailers, once the request has ended.
    pub trailers: Fields,
    /// The request is complete.
    pub ended: bool,
    /// The request was given up by its sender before it was complete.
    pub reset: bool,
}

/// The API that a path belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `/v1/chat/completions`
    ChatCompletions,
    /// `/v1/completions`
    Completions,
    /// `/v1/embeddings`
    Embeddings,
    /// `/v1/responses`
    Responses,
    /// Anthropic's `/v1/messages`
    Messages,
    /// `/v1/models`
    Models,
    /// Anything else.
    Unknown,
}

impl Received {
    /// The number that the client gave the request, or else the place in the order of arrival.
    ///
    /// Requests that are sent at once arrive in any order; ids in answers come from this number, so
    /// that each request still gets the same answer in every run.
    #[must_use]
    pub fn number(&self) -> usize {
        self.header_text(NUMBER).and_then(|text| text.parse().ok()).unwrap_or(self.index)
    }

    /// The first value of a header, by its lower-case name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        fields::value(&self.headers, name)
    }

    /// The first value of a header as text; bytes that are no UTF-8 are replaced.
    #[must_use]
    pub fn header_text(&self, name: &str) -> Option<String> {
        self.header(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// Which API the path belongs to. A prefix before `/v1` is allowed, because gateways add them.
    #[must_use]
    pub fn api(&self) -> Api {
        let path = self.path.split('?').next().unwrap_or_default();
        let known = [
            ("/chat/completions", Api::ChatCompletions),
            ("/completions", Api::Completions),
            ("/embeddings", Api::Embeddings),
            ("/responses", Api::Responses),
            ("/messages", Api::Messages),
            ("/models", Api::Models),
        ];
        known.iter().find(|(end, _)| path.ends_with(end)).map_or(Api::Unknown, |(_, api)| *api)
    }

    /// The body as JSON; null when it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}

/// What a body asks for, as far as it changes the form of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The model that was named, if one was.
    pub(super) model: Option<String>,
    /// Server-sent events are wanted.
    pub(super) stream: bool,
    /// A last chunk with the usage is wanted (OpenAI's `stream_options`).
    pub(super) include_usage: bool,
    /// How many choices.
    pub(super) choices: u64,
    /// How many inputs to embed.
    pub(super) inputs: usize,
    /// Bytes of text in the prompt.
    pub(super) prompt_bytes: usize,
}

impl Asked {
    /// Reads what a body asks for. A body that is no JSON asks for nothing.
    pub(super) fn of(body: &Value) -> Self {
        let flag = |value: Option<&Value>| value.and_then(Value::as_bool).unwrap_or(false);
        let options = body.get("stream_options");
        let prompt = ["system", "instructions", "messages", "prompt", "input", "tools"];
        Self {
            model: body.get("model").and_then(Value::as_str).map(str::to_owned),
            stream: flag(body.get("stream")),
            include_usage: flag(options.and_then(|options| options.get("include_usage"))),
            choices: body.get("n").and_then(Value::as_u64).unwrap_or(1).clamp(1, 16),
            inputs: body.get("input").and_then(Value::as_array).map_or(1, Vec::len),
            prompt_bytes: prompt.iter().filter_map(|key| body.get(key)).map(text_bytes).sum(),
        }
    }
}

/// Bytes of all texts below a value, keys and the names of roles and types excluded.
fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(text_bytes).sum(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(key, _)| !matches!(key.as_str(), "role" | "type"))
            .map(|(_, value)| text_bytes(value))
            .sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn api(path: &str) -> Api {
        Received { path: path.to_owned(), ..Received::default() }.api()
    }

    #[test]
    fn the_path_decides_the_api_with_or_without_prefix_and_query() {
        assert_eq!(api("/v1/chat/completions?x=1"), Api::ChatCompletions);
        assert_eq!(api("/v1/completions"), Api::Completions);
        assert_eq!(api("/openai/v1/embeddings"), Api::Embeddings);
        assert_eq!(api("/v1/responses"), Api::Responses);
        assert_eq!(api("/anthropic/v1/messages"), Api::Messages);
        assert_eq!(api("/v1/models"), Api::Models);
        assert_eq!(api("/healthz?/v1/models"), Api::Unknown);
    }

    #[test]
    fn only_text_of_the_prompt_counts() {
        let asked = Asked::of(&json!({
            "model": "m", "stream": true, "stream_options": {"include_usage": true}, "n": 2,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "12345678"}]}],
        }));
        assert_eq!(asked.prompt_bytes, 8);
        assert_eq!(asked.choices, 2);
        assert!(asked.stream && asked.include_usage);
    }

    #[test]
    fn a_body_that_is_no_json_asks_for_nothing() {
        let request = Received { body: b"{oops".to_vec(), ..Received::default() };
        let asked = Asked::of(&request.json());
        assert_eq!((asked.model, asked.stream, asked.prompt_bytes), (None, false, 0));
    }
}
