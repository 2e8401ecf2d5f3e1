//! What answers begin with, however they are cut.

use super::*;

/// The opening, and after how many bytes it was known; it must not depend on how the answer is cut.
fn opening(framing: Framing, answer: &str) -> (Option<Opening>, usize) {
    let at = |size: usize| {
        let mut scanner = AnswerScanner::new(framing);
        let mut read = 0;
        for piece in answer.as_bytes().chunks(size) {
            scanner.feed(piece, &mut || {});
            read += piece.len();
            if let Some(opening) = scanner.opening(false) {
                return (Some(opening), read);
            }
        }
        (scanner.opening(true), read + 1)
    };
    let exact = at(1);
    for size in [2, 3, 7, 1000] {
        assert_eq!(at(size).0, exact.0, "in pieces of {size}: {answer}");
    }
    exact
}

fn stream(events: &[&str]) -> Option<Opening> {
    let text: String = events.iter().map(|data| format!("data: {data}\n\n")).collect();
    opening(Framing::Events, &text).0
}

const ROLE: &str =
    r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#;
const TOKEN: &str = r#"{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}"#;
const STOP: &str = r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#;
const ERROR: &str = r#"{"error":{"message":"no","type":"server_error"}}"#;

#[test]
fn the_first_event_that_promises_something_counts() {
    assert_eq!(stream(&[ROLE, TOKEN, ERROR]), Some(Opening::Answer));
    assert_eq!(stream(&[ROLE, ERROR, TOKEN]), Some(Opening::Error));
    assert_eq!(stream(&[ERROR]), Some(Opening::Error));
    // The model had nothing to say, which is an answer.
    assert_eq!(stream(&[ROLE, STOP, "[DONE]"]), Some(Opening::Answer));
    let asked_for = r#"{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#;
    assert_eq!(stream(&[asked_for, ROLE, "[DONE]"]), Some(Opening::Nothing));
    assert_eq!(stream(&["[DONE]"]), Some(Opening::Nothing));
    assert_eq!(stream(&[ROLE]), Some(Opening::Nothing));
    assert_eq!(stream(&[]), Some(Opening::Nothing));
    assert_eq!(stream(&["not json", TOKEN]), Some(Opening::Malformed));
    assert_eq!(stream(&["[1]"]), Some(Opening::Malformed));
    // Nobody waits for what he does not know.
    assert_eq!(stream(&[r#"{"candidates":[]}"#]), Some(Opening::Answer));
}

#[test]
fn events_of_every_api_that_promise_nothing_are_waited_through() {
    let start = r#"{"type":"message_start","message":{"usage":{"input_tokens":3}}}"#;
    let block =
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#;
    let ping = r#"{"type":"ping"}"#;
    let overloaded =
        r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#;
    let delta = r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":"a"}}"#;
    assert_eq!(stream(&[start, block, ping, overloaded]), Some(Opening::Error));
    assert_eq!(stream(&[start, block, ping, delta, overloaded]), Some(Opening::Answer));
    let created = r#"{"type":"response.created","response":{"status":"in_progress","error":null}}"#;
    let failed = r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_error"}}}"#;
    assert_eq!(stream(&[created, failed]), Some(Opening::Error));
    let call =
        r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":""}}]}}]}"#;
    assert_eq!(stream(&[ROLE, call]), Some(Opening::Answer));
}

#[test]
fn it_is_known_with_the_last_byte_of_its_event() {
    let text = format!(": hello\n\ndata: {ROLE}\n\ndata: {TOKEN}\n\ndata: {ERROR}\n\n");
    let end = text.find("data: {\"error").unwrap();
    assert_eq!(opening(Framing::Events, &text), (Some(Opening::Answer), end));
    // The standard says that this is no event; the server has ended with it nevertheless.
    assert_eq!(opening(Framing::Events, &format!("data: {ERROR}")).0, Some(Opening::Error));
    assert_eq!(opening(Framing::Events, "data: {\"err").0, Some(Opening::Malformed));
    assert_eq!(opening(Framing::Events, "error: {}\n").0, Some(Opening::Error));
}

#[test]
fn a_body_tells_as_soon_as_it_can() {
    let answer =
        r#"{"id":"1","object":"chat.completion","choices":[{"message":{"content":"ab"}}]}"#;
    let (opening_of, known) = opening(Framing::Json, answer);
    assert_eq!((opening_of, known), (Some(Opening::Answer), answer.find("b\"").unwrap()));
    let body = |text: &str| opening(Framing::Json, text).0;
    assert_eq!(opening(Framing::Json, ERROR), (Some(Opening::Error), ERROR.len()));
    assert_eq!(body(r#"{"object":"error","message":"no","code":500}"#), Some(Opening::Error));
    assert_eq!(body(r#"{"error":{"message":"cut"#), Some(Opening::Error));
    assert_eq!(body(r#"{"data":[{"embedding":[0.1]}],"usage":{}}"#), Some(Opening::Answer));
    assert_eq!(body("{}"), Some(Opening::Answer));
    assert_eq!(body(""), Some(Opening::Nothing));
    assert_eq!(body(" \n"), Some(Opening::Nothing));
    assert_eq!(body("<html>"), Some(Opening::Malformed));
    assert_eq!(body(r#"{"data":[{"#), Some(Opening::Malformed));
}

#[test]
fn events_are_counted_and_one_may_be_half_told() {
    let text = format!("data: {TOKEN}\n\n").repeat(5) + "data: [DONE]\n\n";
    let mut scanner = AnswerScanner::new(Framing::Events);
    scanner.feed(text.as_bytes(), &mut || {});
    assert_eq!((scanner.events(), scanner.is_between_events()), (6, true));
    scanner.feed(b"data: {", &mut || {});
    assert_eq!((scanner.events(), scanner.is_between_events()), (6, false));
}
