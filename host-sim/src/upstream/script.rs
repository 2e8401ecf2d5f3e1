//! What a scripted server is told to answer: a list of replies, each for a number of requests.
//!
//! The list is consumed in the order in which requests' *headers* arrive, because that is the moment
//! both hosts can agree on. The last reply serves for ever; a server that must refuse further requests
//! says so with a last entry `{status: 500}`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

/// How long a server can be told to wait; sums of such times stay far from where numbers end.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Replies in order. [`Script::next_reply`] hands them out.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Script {
    replies: Vec<Reply>,
    #[serde(skip)]
    served: u32,
}

/// Why a script cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The text does not have the shape of a list of replies.
    #[error("upstream script: {0}")]
    Shape(#[source] serde_json::Error),
    /// A reply that no request can ever get.
    #[error("upstream script: reply {index}: `times: 0` is served to nobody; remove the reply")]
    NeverServed {
        /// Which reply, from 0.
        index: usize,
    },
    /// A status that HTTP does not have, or that does not end a request.
    #[error("upstream script: reply {index}: status {status}; allowed 200 to 599")]
    Status {
        /// Which reply, from 0.
        index: usize,
        /// What was found.
        status: u16,
    },
}

/// One scripted reply. Every field has a default, so `{}` is a friendly server.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "snake_case")]
pub struct Reply {
    /// How many requests get this reply before the next one takes over; the last one stays.
    pub times: u32,
    /// Status code. From 400 on, the body is the API's own error shape.
    pub status: u16,
    /// Status codes by `x-envoy-attempt-count`, in the place of `status`; the last one stays.
    pub by_attempt: Vec<u16>,
    /// Response headers, added to or replacing those of the shape.
    pub headers: BTreeMap<String, String>,
    /// Response trailers.
    pub trailers: BTreeMap<String, String>,
    /// A body to send as it is, in place of a shaped one.
    pub body: Option<String>,
    /// Which API's shape; by default the one the path belongs to.
    pub reply: Shape,
    /// When the answer begins; by default after the whole request.
    pub answer_at: AnswerAt,
    /// The model's name in the answer; by default the one that was asked for.
    pub model: Option<String>,
    /// What the model says; by default a short sentence that names the model.
    pub text: Option<String>,
    /// What a reasoning model thinks before it speaks.
    pub reasoning: Option<String>,
    /// Tools the model wants called, after its text.
    pub tool_calls: Vec<ToolCall>,
    /// The reason it stopped, in OpenAI's words: `stop`, `length`, `tool_calls`, `content_filter`.
    pub finish: Option<String>,
    /// Token counts; by default counted from the request and the answer.
    pub usage: Option<Usage>,
    /// False: a server that never reports usage, even when asked.
    pub reports_usage: bool,
    /// Time from the request to the response headers.
    #[serde(deserialize_with = "duration")]
    pub headers_after: Duration,
    /// Time from the headers to the first generated token.
    #[serde(deserialize_with = "duration")]
    pub first_token_after: Duration,
    /// Time between two tokens.
    #[serde(deserialize_with = "duration")]
    pub between_tokens: Duration,
    /// What goes wrong.
    pub fault: Option<Fault>,
    /// How many generated tokens pass before the fault.
    pub after_tokens: usize,
    /// Cuts the body into data frames of this many bytes, wherever events end.
    pub frame_bytes: Option<usize>,
    /// Time between two such frames.
    #[serde(deserialize_with = "duration")]
    pub between_frames: Duration,
}

impl Default for Reply {
    fn default() -> Self {
        Self {
            times: 1,
            status: 200,
            by_attempt: Vec::new(),
            headers: BTreeMap::new(),
            trailers: BTreeMap::new(),
            body: None,
            reply: Shape::Auto,
            answer_at: AnswerAt::RequestEnd,
            model: None,
            text: None,
            reasoning: None,
            tool_calls: Vec::new(),
            finish: None,
            usage: None,
            reports_usage: true,
            headers_after: Duration::ZERO,
            first_token_after: Duration::ZERO,
            between_tokens: Duration::ZERO,
            fault: None,
            after_tokens: 0,
            frame_bytes: None,
            between_frames: Duration::ZERO,
        }
    }
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// By the request's path; a path of no known API gets an empty JSON object.
    Auto,
    /// OpenAI chat completions.
    Chat,
    /// OpenAI completions.
    Completion,
    /// OpenAI embeddings.
    Embedding,
    /// OpenAI responses.
    Response,
    /// Anthropic messages.
    Message,
    /// OpenAI's list of models.
    Models,
    /// The request's body comes back.
    Echo,
    /// An upgrade or CONNECT is accepted, and what is sent through it comes back.
    Tunnel,
}

/// When an answer begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerAt {
    /// When the request is complete, as model servers do.
    RequestEnd,
    /// When the headers are there, whatever the body still does.
    RequestHeaders,
}

/// Ways to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// An error in the API's shape inside a response that began with `200`.
    ErrorEvent,
    /// Silence, for ever, after `after_tokens`.
    Stall,
    /// A clean end of the transfer, in the middle of the answer.
    Truncate,
    /// Headers and a clean end, without a single event.
    Empty,
    /// The stream is reset after `after_tokens`; with HTTP/1.1 the connection closes.
    Reset,
    /// The stream is reset before any header.
    ResetBeforeHeaders,
    /// The connection closes after `after_tokens`, whatever else it carries.
    Close,
    /// No answer at all.
    Silence,
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// The tool's name.
    pub name: String,
    /// The arguments, a JSON text.
    pub arguments: String,
}

/// Token counts that the server reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Usage {
    /// Tokens of the prompt, the cached ones included.
    pub prompt: u64,
    /// Generated tokens, the reasoning ones included.
    pub completion: u64,
    /// Tokens of the prompt that came from a cache.
    pub cached: u64,
    /// Generated tokens that were reasoning.
    pub reasoning: u64,
}

impl Default for Script {
    fn default() -> Self {
        Self::of(vec![Reply::default()])
    }
}

impl Script {
    /// A script of these replies. An empty list means one friendly reply for ever.
    #[must_use]
    pub fn of(replies: Vec<Reply>) -> Self {
        let replies = if replies.is_empty() { vec![Reply::default()] } else { replies };
        Self { replies, served: 0 }
    }

    /// Reads a script from its JSON form, the one scenarios hold.
    ///
    /// # Errors
    /// When a field is unknown, has the wrong form, or can never take effect.
    pub fn from_json(value: serde_json::Value) -> Result<Self, ScriptError> {
        let replies: Vec<Reply> = serde_json::from_value(value).map_err(ScriptError::Shape)?;
        for (index, reply) in replies.iter().enumerate() {
            if reply.times == 0 {
                return Err(ScriptError::NeverServed { index });
            }
            for status in reply.by_attempt.iter().copied().chain([reply.status]) {
                if !(200..=599).contains(&status) {
                    return Err(ScriptError::Status { index, status });
                }
            }
        }
        Ok(Self::of(replies))
    }

    /// The reply for the request whose headers have just arrived.
    pub fn next_reply(&mut self) -> Reply {
        let served = self.served;
        self.served = self.served.saturating_add(1);
        let mut end = 0_u32;
        for reply in &self.replies {
            end = end.saturating_add(reply.times);
            if served < end {
                return reply.clone();
            }
        }
        self.replies.last().cloned().unwrap_or_default()
    }
}

/// Durations are texts with a unit, as everywhere in scenarios.
fn duration<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(input)?;
    let time = crate::yaml::parse_duration(&text).ok_or_else(|| {
        D::Error::custom(format!(
            "found `{text}`; a duration is a number with a unit, as in `300us`"
        ))
    })?;
    if time > WAIT_MAX {
        return Err(D::Error::custom(format!("found `{text}`; a server waits at most 24h")));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn replies_are_served_in_order_and_the_last_one_stays() {
        let mut script = Script::from_json(json!([
            {"status": 503, "times": 3},
            {"reply": "chat", "usage": {"prompt": 12, "completion": 4}},
        ]))
        .expect("a script");
        let statuses: Vec<u16> = (0..6).map(|_| script.next_reply().status).collect();
        assert_eq!(statuses, [503, 503, 503, 200, 200, 200]);
    }

    #[test]
    fn a_misspelt_field_is_refused_by_name() {
        let message = Script::from_json(json!([{"statsu": 503}])).expect_err("refused").to_string();
        assert!(message.contains("unknown field `statsu`"), "{message}");
    }

    #[test]
    fn a_reply_that_nobody_gets_is_refused() {
        let message =
            Script::from_json(json!([{}, {"times": 0}])).expect_err("refused").to_string();
        assert!(message.contains("reply 1: `times: 0`"), "{message}");
        let message = Script::from_json(json!([{"status": 42}])).expect_err("refused").to_string();
        assert!(message.contains("status 42; allowed 200 to 599"), "{message}");
    }

    #[test]
    fn a_time_without_a_unit_is_refused() {
        let script = Script::from_json(json!([{"headers_after": "20"}]));
        let message = script.expect_err("refused").to_string();
        assert!(message.contains("found `20`; a duration is a number with a unit"), "{message}");
    }

    #[test]
    fn an_empty_script_is_a_friendly_server() {
        let mut script = Script::from_json(json!([])).expect("a script");
        assert_eq!(script.next_reply().status, 200);
    }
}
