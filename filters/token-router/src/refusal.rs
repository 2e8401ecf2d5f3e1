//! Refusals, as the APIs word them, so that client libraries raise what they always raise.

use filter_shell::{Facts, Reply};
use llm_wire::{Api, Family};
use traffic_policy::route::Refusal;

/// The answer to a request that the policy refuses.
pub(crate) fn reply(why: Refusal, facts: &Facts) -> Reply {
    match why {
        Refusal::UnknownModel => Reply {
            status: 404,
            code: Some("model_not_found"),
            message: match facts.body.model.as_deref() {
                Some(name) => {
                    format!("The model `{name}` does not exist or you do not have access to it.")
                }
                None => "The requested model does not exist: its name is longer than any.".into(),
            },
            param: Some("model"),
            retry_after: None,
        },
        Refusal::MissingModel => Reply {
            status: 400,
            code: Some("missing_required_parameter"),
            message: "Missing required parameter: 'model'.".into(),
            param: Some("model"),
            retry_after: None,
        },
        Refusal::Incomplete => Reply {
            status: 413,
            code: Some("request_too_large"),
            message: "The request is too large, or was sent too slowly, to be routed.".into(),
            param: None,
            retry_after: None,
        },
        Refusal::ContextWindow { window } => context_window(window, facts),
        Refusal::Malformed => Reply {
            status: 400,
            code: Some("invalid_json"),
            message: "The body of the request is not valid JSON of this API.".into(),
            param: None,
            retry_after: None,
        },
    }
}

/// What the servers themselves would have said, had the request come so far.
fn context_window(window: u64, facts: &Facts) -> Reply {
    let tokens = facts.body.prompt.tokens;
    let (message, param) = match facts.api.map_or(Family::OpenAi, Api::family) {
        Family::Anthropic => {
            (format!("prompt is too long: {tokens} tokens > {window} maximum"), None)
        }
        Family::OpenAi => (
            format!(
                "This model's maximum context length is {window} tokens. However, your messages resulted in {tokens} tokens, and {} were requested for the answer. Please reduce the length of the messages.",
                facts.body.max_output_tokens.unwrap_or(0)
            ),
            Some("messages"),
        ),
    };
    Reply { status: 400, code: Some("context_length_exceeded"), message, param, retry_after: None }
}
