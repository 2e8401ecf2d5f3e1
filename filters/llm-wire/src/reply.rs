//! Errors in the API's own shape, so that client libraries raise what they always raise: as a body, and as an
//! event of a stream that began well.
//!
//! Written by hand and not with a serializer: these are three fixed shapes, and the core stays free
//! of one. What varies is escaped as JSON demands.

use crate::api::{Api, Family};

/// What an error body says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// The status of the response that carries the body.
    pub status: u16,
    /// The error's type; empty: the family's usual type for the status.
    pub kind: &'a str,
    /// OpenAI's machine-readable code, such as `context_length_exceeded`. Anthropic has none.
    pub code: Option<&'a str>,
    /// For people.
    pub message: &'a str,
    /// OpenAI: the field of the request that is at fault.
    pub param: Option<&'a str>,
}

impl Refusal<'_> {
    /// The body. Its content type is `application/json`.
    ///
    /// ```
    /// use llm_wire::{Family, Refusal};
    /// let refusal = Refusal {
    ///     status: 400,
    ///     kind: "",
    ///     code: Some("context_length_exceeded"),
    ///     message: "too long",
    ///     param: Some("messages"),
    /// };
    /// assert_eq!(
    ///     refusal.body(Family::Anthropic),
    ///     br#"{"type":"error","error":{"type":"invalid_request_error","message":"too long"}}"#
    /// );
    /// ```
    #[must_use]
    pub fn body(&self, family: Family) -> Vec<u8> {
        let kind = if self.kind.is_empty() { usual_kind(family, self.status) } else { self.kind };
        let mut out = Vec::with_capacity(128 + self.message.len());
        match family {
            Family::OpenAi => {
                out.extend_from_slice(br#"{"error":{"message":"#);
                push_string(&mut out, self.message);
                out.extend_from_slice(br#","type":"#);
                push_string(&mut out, kind);
                out.extend_from_slice(br#","param":"#);
                push_option(&mut out, self.param);
                out.extend_from_slice(br#","code":"#);
                push_option(&mut out, self.code);
            }
            Family::Anthropic => {
                out.extend_from_slice(br#"{"type":"error","error":{"type":"#);
                push_string(&mut out, kind);
                out.extend_from_slice(br#","message":"#);
                push_string(&mut out, self.message);
            }
        }
        out.extend_from_slice(b"}}");
        out
    }

    /// The error as an event of a stream, which is then over. `events` came before it: Responses number
    /// theirs from zero.
    ///
    /// ```
    /// use llm_wire::{Api, Refusal};
    /// let refusal =
    ///     Refusal { status: 502, kind: "", code: None, message: "cut short", param: None };
    /// assert_eq!(
    ///     refusal.event(Api::AnthropicMessages, 7),
    ///     b"event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"cut short\"}}\n\n"
    /// );
    /// ```
    #[must_use]
    pub fn event(&self, api: Api, events: u64) -> Vec<u8> {
        let is_named = matches!(api, Api::AnthropicMessages | Api::OpenAiResponses);
        let mut out = if is_named { b"event: error\n".to_vec() } else { Vec::new() };
        out.extend_from_slice(b"data: ");
        match api {
            Api::OpenAiResponses => self.push_responses_error(&mut out, events),
            _ => out.extend(self.body(api.family())),
        }
        out.extend_from_slice(b"\n\n");
        out
    }

    /// The error event of the Responses API, which has its fields at the top.
    fn push_responses_error(&self, out: &mut Vec<u8>, events: u64) {
        let kind =
            if self.kind.is_empty() { usual_kind(Family::OpenAi, self.status) } else { self.kind };
        out.extend_from_slice(br#"{"type":"error","code":"#);
        push_string(out, self.code.unwrap_or(kind));
        out.extend_from_slice(br#","message":"#);
        push_string(out, self.message);
        out.extend_from_slice(br#","param":"#);
        push_option(out, self.param);
        out.extend_from_slice(br#","sequence_number":"#);
        out.extend_from_slice(events.to_string().as_bytes());
        out.push(b'}');
    }
}

/// The error types that the two vendors document for a status.
fn usual_kind(family: Family, status: u16) -> &'static str {
    match (family, status) {
        (_, 401) => "authentication_error",
        (_, 403) => "permission_error",
        (Family::Anthropic, 404) => "not_found_error",
        (Family::Anthropic, 413) => "request_too_large",
        (_, 429) => "rate_limit_error",
        (Family::Anthropic, 529) => "overloaded_error",
        (_, 400..500) => "invalid_request_error",
        (Family::Anthropic, _) => "api_error",
        (Family::OpenAi, _) => "server_error",
    }
}

fn push_option(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => push_string(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                out.extend_from_slice(b"\\u00");
                out.extend([byte >> 4, byte & 15].map(hex_digit));
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AnswerScanner, Framing};

    fn refusal(message: &str) -> Refusal<'_> {
        Refusal { status: 404, kind: "", code: Some("model_not_found"), message, param: None }
    }

    fn parsed(body: &[u8]) -> serde_json::Value {
        serde_json::from_slice(body).unwrap()
    }

    #[test]
    fn openai_errors_have_the_four_fields_and_null_where_nothing_is_known() {
        let body = parsed(&refusal("no such model").body(Family::OpenAi));
        let wanted = serde_json::json!({"error": {
            "message": "no such model", "type": "invalid_request_error",
            "param": null, "code": "model_not_found"
        }});
        assert_eq!(body, wanted);
    }

    #[test]
    fn anthropic_errors_say_error_at_the_top_and_have_types_of_their_own() {
        let body = parsed(&refusal("no such model").body(Family::Anthropic));
        let wanted = serde_json::json!({"type": "error", "error": {
            "type": "not_found_error", "message": "no such model"
        }});
        assert_eq!(body, wanted);
    }

    #[test]
    fn whatever_the_message_holds_the_body_is_json_and_says_the_same() {
        let message: String =
            (0..=0x2ff_u32).chain([0x2028, 0xfeff, 0x1f600]).filter_map(char::from_u32).collect();
        for family in [Family::OpenAi, Family::Anthropic] {
            let body = parsed(&refusal(&message).body(family));
            assert_eq!(body["error"]["message"], serde_json::json!(message));
        }
    }

    #[test]
    fn an_event_is_what_the_scanner_takes_for_an_error_of_its_api() {
        let message = "a \"quoted\"\nmessage";
        for api in [
            Api::OpenAiChat,
            Api::OpenAiCompletions,
            Api::OpenAiEmbeddings,
            Api::OpenAiResponses,
            Api::AnthropicMessages,
        ] {
            let event = refusal(message).event(api, 7);
            let mut scanner = AnswerScanner::new(Framing::Events);
            scanner.feed(&event, &mut || {});
            let facts = scanner.facts();
            assert!(facts.has_error && facts.resyncs == 0, "{api:?}");
            let lines: Vec<&[u8]> = event.split(|byte| *byte == b'\n').collect();
            let data = lines.iter().find_map(|line| line.strip_prefix(b"data: ")).unwrap();
            let data = parsed(data);
            let error = data.get("error").unwrap_or(&data);
            assert_eq!(error["message"], message, "{api:?}");
            assert_eq!(lines.len(), if lines[0] == b"event: error" { 4 } else { 3 }, "{api:?}");
        }
    }

    #[test]
    fn the_error_of_a_response_has_the_number_of_its_place() {
        let event = refusal("x").event(Api::OpenAiResponses, 7);
        let wanted = b"event: error\ndata: {\"type\":\"error\",\"code\":\"model_not_found\",\"message\":\"x\",\"param\":null,\"sequence_number\":7}\n\n";
        assert_eq!(event.escape_ascii().to_string(), wanted.escape_ascii().to_string());
    }

    #[test]
    fn a_kind_that_is_given_replaces_the_usual_one() {
        let refusal = Refusal { kind: "overloaded_error", ..refusal("x") };
        assert_eq!(parsed(&refusal.body(Family::OpenAi))["error"]["type"], "overloaded_error");
    }
}
