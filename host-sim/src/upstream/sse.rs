//! Server-sent events as the APIs write them, each with the mark whether it carries a generated token.

use bytes::Bytes;
use serde_json::Value;

/// One event in wire form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SseEvent {
    /// The bytes, blank line included.
    pub(super) bytes: Bytes,
    /// True for an event that carries generated text; timing and faults count these.
    pub(super) token: bool,
}

impl SseEvent {
    /// OpenAI's form: `data:` alone.
    pub(super) fn data(value: &Value) -> Self {
        Self { bytes: format!("data: {value}\n\n").into(), token: false }
    }

    /// The form with a name, as Anthropic and OpenAI's responses use it. The name is the value's `type`.
    pub(super) fn named(value: &Value) -> Self {
        let name = value.get("type").and_then(Value::as_str).unwrap_or("message");
        Self { bytes: format!("event: {name}\ndata: {value}\n\n").into(), token: false }
    }

    /// OpenAI's end marker.
    pub(super) fn done() -> Self {
        Self { bytes: Bytes::from_static(b"data: [DONE]\n\n"), token: false }
    }

    /// The same event, marked as carrying generated text.
    pub(super) fn token(self) -> Self {
        Self { token: true, ..self }
    }
}
