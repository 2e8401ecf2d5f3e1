//! Errors in the words of each API, as a body and as an event inside a stream that began well.

use serde_json::{Value, json};

use super::{received::Api, sse::SseEvent};

/// The body of an error response.
pub(super) fn body(api: Api, status: u16) -> Value {
    let message = format!("scripted failure {status}");
    if api == Api::Messages {
        return json!({"type": "error", "error": {"type": anthropic_type(status), "message": message}});
    }
    json!({"error": {
        "message": message, "type": openai_type(status), "param": null, "code": status.to_string(),
    }})
}

/// An error as an event of a stream.
pub(super) fn event(api: Api) -> SseEvent {
    match api {
        Api::Messages => SseEvent::named(&body(api, 529)),
        Api::Responses => SseEvent::named(&json!({
            "type": "error", "code": "server_error", "message": "scripted failure", "param": null,
        })),
        _ => SseEvent::data(&body(api, 500)),
    }
}

fn openai_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        529 => "overloaded_error",
        _ => "api_error",
    }
}
