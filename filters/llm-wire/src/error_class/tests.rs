use ErrorClass::*;
use proptest::prelude::*;

use super::*;

fn json(status: u16, body: &str) -> ErrorClass {
    ErrorClass::of(status, Some(Framing::Json), body.as_bytes())
}

fn event(stream: &str) -> ErrorClass {
    ErrorClass::of(200, Some(Framing::Events), stream.as_bytes())
}

#[test]
fn a_status_alone_tells_a_class() {
    for (status, class) in [
        (400, Other),
        (401, Authentication),
        (402, RateLimited),
        (403, Authentication),
        (404, Other),
        (408, Timeout),
        (413, Other),
        (429, RateLimited),
        (500, ServerError),
        (502, ServerError),
        (503, ServerError),
        (504, Timeout),
        (529, Overloaded),
        (599, ServerError),
    ] {
        assert_eq!(ErrorClass::of(status, None, b""), class, "{status}");
    }
}

/// Errors as servers write them.
const ERRORS: &[(u16, &str, ErrorClass)] = &[
    // OpenAI
    (
        429,
        r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
        RateLimited,
    ),
    (
        429,
        r#"{"error":{"message":"Rate limit reached","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
        RateLimited,
    ),
    (
        400,
        r#"{"error":{"message":"This model's maximum context length is 8192 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
        ContextLength,
    ),
    (
        503,
        r#"{"error":{"message":"The engine is currently overloaded, please try again later","type":"server_error","param":null,"code":null}}"#,
        Overloaded,
    ),
    (
        400,
        r#"{"error":{"message":"Your request was rejected as a result of our safety system.","type":"invalid_request_error","param":null,"code":"content_policy_violation"}}"#,
        ContentPolicy,
    ),
    (
        401,
        r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
        Authentication,
    ),
    // Azure
    (
        400,
        r#"{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{"hate":{"filtered":true}}}}}"#,
        ContentPolicy,
    ),
    (
        429,
        r#"{"error":{"code":"429","message":"Requests to the ChatCompletions operation have exceeded call rate limit"}}"#,
        RateLimited,
    ),
    (
        401,
        r#"{"statusCode":401,"message":"Unauthorized. Access token is missing"}"#,
        Authentication,
    ),
    // Anthropic
    (
        529,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
        Overloaded,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 205000 tokens > 200000 maximum"}}"#,
        ContextLength,
    ),
    (
        400,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}"#,
        ContentPolicy,
    ),
    (
        500,
        r#"{"type":"error","error":{"type":"api_error","message":"Internal server error"}}"#,
        ServerError,
    ),
    // vLLM, its older and its newer form
    (
        400,
        r#"{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens","type":"BadRequestError","param":null,"code":400}"#,
        ContextLength,
    ),
    (
        400,
        r#"{"error":{"message":"The decoder prompt (length 5000) is longer than the maximum model length of 4096.","type":"BadRequestError","param":null,"code":400}}"#,
        ContextLength,
    ),
    (
        500,
        r#"{"object":"error","message":"","type":"InternalServerError","param":null,"code":500}"#,
        ServerError,
    ),
    // llama.cpp
    (
        400,
        r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error","n_prompt_tokens":9000,"n_ctx":4096}}"#,
        ContextLength,
    ),
    (
        503,
        r#"{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}"#,
        Overloaded,
    ),
    // Gemini
    (
        429,
        r#"{"error":{"code":429,"message":"Resource has been exhausted","status":"RESOURCE_EXHAUSTED"}}"#,
        RateLimited,
    ),
    (
        503,
        r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#,
        Overloaded,
    ),
    (
        400,
        r#"{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#,
        ContextLength,
    ),
    (
        504,
        r#"{"error":{"code":504,"message":"Deadline expired","status":"DEADLINE_EXCEEDED"}}"#,
        Timeout,
    ),
    // Text Generation Inference, Moonshot, Bedrock behind a gateway
    (429, r#"{"error":"Model is overloaded","error_type":"overloaded"}"#, Overloaded),
    (429, r#"{"error":{"message":"busy","type":"engine_overloaded_error"}}"#, Overloaded),
    (400, r#"{"message":"Too many tokens","type":"ThrottlingException"}"#, RateLimited),
];

#[test]
fn errors_are_told_as_each_server_writes_them() {
    for (status, body, class) in ERRORS {
        assert_eq!(json(*status, body), *class, "{status} {body}");
    }
}

#[test]
fn errors_inside_a_stream_are_told() {
    for (stream, class) in [
        (
            "data: {\"error\":{\"message\":\"x\",\"type\":\"server_error\",\"param\":null,\"code\":\"500\"}}\n\n",
            ServerError,
        ),
        (
            "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n",
            Overloaded,
        ),
        ("data: {\"error\":{\"message\":\"slow\",\"code\":429}}\n\n", RateLimited),
        ("data: {\"error\":\"Request timed out\"}\n\n", Timeout),
        ("data: {\"error\":{\"message\":\"Rate limit reached\"}}\n\n", RateLimited),
        (
            "data: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"x\"}}}\n\n",
            RateLimited,
        ),
        ("data: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"x\"}\n\n", ServerError),
        (
            "data: {\"object\":\"error\",\"message\":\"x\",\"type\":\"BadRequestError\",\"code\":400}\n\n",
            Other,
        ),
        // What it says is said before, and after.
        (
            ": hello\n\ndata: {\"type\":\"message_start\"}\n\ndata: {\"error\":{\"code\":429}}\n\ndata: {\"error\":{\"code\":401}}\n\n",
            RateLimited,
        ),
        // An error that says nothing is the server's own.
        ("data: {\"error\":{}}\n\n", ServerError),
        ("error: {\"code\":500}\n\n", ServerError),
        ("", ServerError),
    ] {
        assert_eq!(event(stream), class, "{stream}");
    }
}

#[test]
fn what_a_client_wrote_is_not_believed() {
    for (status, body, class) in [
        // The code beats the message.
        (
            401,
            r#"{"error":{"message":"maximum context length","code":"invalid_api_key"}}"#,
            Authentication,
        ),
        (
            500,
            r#"{"error":{"message":"maximum context length exceeded","type":"server_error"}}"#,
            ServerError,
        ),
        // A refused request overloads nobody, whatever it quotes.
        (
            400,
            r#"{"error":{"message":"unknown parameter: overloaded rate limit timed out"}}"#,
            Other,
        ),
        (
            400,
            r#"{"error":{"message":"Invalid value: 'prompt is too long'. Allowed: auto"}}"#,
            Other,
        ),
        (400, r#"{"error":{"message":"Invalid value: \"context length\""}}"#, Other),
        // Names elsewhere mean nothing.
        (
            422,
            r#"{"detail":[{"type":"rate_limit_error","msg":"context length","input":{"code":"insufficient_quota"}}]}"#,
            Other,
        ),
        (
            400,
            r#"{"error":{"message":"no","metadata":{"code":"insufficient_quota"}},"request":{"error":{"code":"overloaded"}}}"#,
            Other,
        ),
        (
            404,
            r#"{"error":{"message":"The model `rate limit` does not exist","code":"model_not_found"}}"#,
            Other,
        ),
    ] {
        assert_eq!(json(status, body), class, "{body}");
    }
    // It quotes what it was sent, behind what it has to say.
    let body =
        format!(r#"{{"error":{{"message":"invalid: {} context length"}}}}"#, "x".repeat(400));
    assert_eq!(json(400, &body), Other);
}

#[test]
fn an_apostrophe_quotes_nothing() {
    let body = r#"{"error":{"message":"the model's context length is 5, it's all"}}"#;
    assert_eq!(json(400, body), ContextLength);
}

#[test]
fn a_body_that_is_cut_or_no_json_says_what_was_read_of_it() {
    let body = r#"{"error":{"code":"overloaded","message":"and so on"}}"#;
    assert_eq!(json(503, &body[..30]), Overloaded);
    assert_eq!(json(503, &body[..15]), ServerError);
    assert_eq!(json(400, "<html>context length</html>"), Other);
    assert_eq!(ErrorClass::of(503, None, b"\xff\xfe"), ServerError);
}

proptest! {
    #[test]
    fn any_bytes_are_of_some_class(status: u16, is_stream: bool, body in prop::collection::vec(any::<u8>(), 0..300)) {
        let framing = if is_stream { Framing::Events } else { Framing::Json };
        let _ = ErrorClass::of(status, Some(framing), &body);
    }

    #[test]
    fn a_message_never_overrules_a_word(message in "[ -~]{0,80}(overloaded|context length|rate limit)?[ -~]{0,80}") {
        let body = serde_json::json!({"error": {"message": message, "code": "invalid_api_key"}});
        prop_assert_eq!(json(400, &body.to_string()), Authentication);
    }
}
