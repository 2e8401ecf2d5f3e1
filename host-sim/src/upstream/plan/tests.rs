//! The plan is pure, so everything a server can do is tested here without a socket.

use serde_json::{Value, json};

use super::*;
use crate::upstream::{Script, ToolCall, Usage};

fn reply(value: Value) -> Reply {
    Script::from_json(json!([value])).expect("a script").next_reply()
}

fn request(path: &str, body: &Value) -> Received {
    let body = body.to_string().into_bytes();
    Received { method: "POST".into(), path: path.into(), body, ended: true, ..Received::default() }
}

fn body_of(plan: &Plan) -> String {
    let data = plan.events.iter().filter_map(|timed| match &timed.event {
        Event::Data(bytes) => Some(bytes.as_ref()),
        _ => None,
    });
    String::from_utf8(data.flatten().copied().collect()).expect("text")
}

fn header(plan: &Plan, name: &str) -> Option<String> {
    let Event::Headers { fields, .. } = &plan.events.first()?.event else { return None };
    let value = fields.iter().find(|(key, _)| key == name)?.1.clone();
    Some(String::from_utf8(value.to_vec()).expect("text"))
}

fn last(plan: &Plan) -> Option<&Event> {
    plan.events.last().map(|timed| &timed.event)
}

/// The JSON of every `data:` line; the end marker is left out.
fn data_lines(body: &str) -> Vec<Value> {
    body.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .filter(|data| *data != "[DONE]")
        .map(|data| serde_json::from_str(data).expect("JSON"))
        .collect()
}

const CHAT: &str = "/v1/chat/completions";

#[test]
fn a_chat_answer_names_the_model_that_was_asked_for_and_reports_scripted_usage() {
    let reply = reply(json!({"reply": "chat", "usage": {"prompt": 12, "completion": 4}}));
    let plan = reply.plan(&request(CHAT, &json!({"model": "llama-8b", "messages": []})));
    let body = body_of(&plan);
    assert_eq!(header(&plan, "content-length"), Some(body.len().to_string()));
    let value: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(value["model"], "llama-8b");
    assert_eq!(value["usage"]["prompt_tokens"], 12);
    assert_eq!(value["usage"]["total_tokens"], 16);
    assert_eq!(value["choices"][0]["finish_reason"], "stop");
    assert_eq!(last(&plan), Some(&Event::End));
}

#[test]
fn a_prompt_counts_a_token_for_each_four_bytes_unless_scripted() {
    let messages = json!([{"role": "user", "content": "123456789"}]);
    let plan =
        reply(json!({"text": "one two"})).plan(&request(CHAT, &json!({"messages": messages})));
    let value: Value = serde_json::from_str(&body_of(&plan)).expect("JSON");
    assert_eq!(value["usage"]["prompt_tokens"], 3);
    assert_eq!(value["usage"]["completion_tokens"], 2);
}

#[test]
fn a_stream_has_a_usage_chunk_only_when_it_was_asked_for() {
    let plain = json!({"model": "m", "stream": true});
    let asking = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true}});
    for path in [CHAT, "/v1/completions"] {
        let body = body_of(&reply(json!({})).plan(&request(path, &plain)));
        assert!(!body.contains("usage"), "{body}");
        let body = body_of(&reply(json!({})).plan(&request(path, &asking)));
        let chunks = data_lines(&body);
        let last = chunks.last().expect("chunks");
        assert_eq!(last["choices"], json!([]), "{path}");
        assert_eq!(last["usage"]["completion_tokens"], 4, "{path}");
        assert!(body.ends_with("data: [DONE]\n\n"));
        let silent = reply(json!({"reports_usage": false}));
        let body = body_of(&silent.plan(&request(path, &asking)));
        assert!(!body.contains("total_tokens"), "a server that never reports: {body}");
    }
}

#[test]
fn streamed_text_reasoning_and_tool_arguments_add_up_to_the_scripted_ones() {
    let arguments = r#"{"city":"Zürich"}"#;
    let scripted = reply(json!({
        "text": "Let me see.", "reasoning": "think hard",
        "tool_calls": [{"name": "weather", "arguments": arguments}],
    }));
    let plan = scripted.plan(&request(CHAT, &json!({"model": "m", "stream": true})));
    let mut text = String::new();
    let mut reasoning = String::new();
    let mut called = String::new();
    for chunk in data_lines(&body_of(&plan)) {
        let delta = &chunk["choices"][0]["delta"];
        text.push_str(delta["content"].as_str().unwrap_or_default());
        reasoning.push_str(delta["reasoning_content"].as_str().unwrap_or_default());
        let call = &delta["tool_calls"][0]["function"];
        called.push_str(call["arguments"].as_str().unwrap_or_default());
    }
    assert_eq!((text.as_str(), reasoning.as_str()), ("Let me see.", "think hard"));
    assert_eq!(called, arguments);
}

#[test]
fn responses_and_messages_stream_named_events_with_usage_at_their_places() {
    let scripted = json!({"usage": {"prompt": 10, "completion": 5, "cached": 4}});
    let asked = json!({"model": "m", "stream": true, "input": "hi"});
    let body = body_of(&reply(scripted.clone()).plan(&request("/v1/responses", &asked)));
    assert!(body.starts_with("event: response.created\n"));
    let events = data_lines(&body);
    let last = events.last().expect("events");
    assert_eq!(last["type"], "response.completed");
    assert_eq!(last["response"]["usage"]["input_tokens_details"]["cached_tokens"], 4);
    assert_eq!(last["sequence_number"], events.len() - 1);

    let events = data_lines(&body_of(&reply(scripted).plan(&request("/v1/messages", &asked))));
    assert_eq!(events[0]["type"], "message_start");
    assert_eq!(events[0]["message"]["usage"]["input_tokens"], 6, "the cached ones are apart");
    let delta = events.iter().find(|event| event["type"] == "message_delta").expect("a delta");
    assert_eq!(delta["usage"]["output_tokens"], 5);
    assert_eq!(delta["delta"]["stop_reason"], "end_turn");
}

#[test]
fn failures_speak_the_words_of_the_api() {
    let failing = reply(json!({"status": 429, "headers": {"Retry-After": "2"}}));
    let plan = failing.plan(&request(CHAT, &json!({"stream": true})));
    assert_eq!(header(&plan, "retry-after").as_deref(), Some("2"));
    assert_eq!(header(&plan, "content-type").as_deref(), Some("application/json"));
    let value: Value = serde_json::from_str(&body_of(&plan)).expect("JSON");
    assert_eq!(value["error"]["type"], "rate_limit_error");
    let plan = failing.plan(&request("/v1/messages", &json!({})));
    let value: Value = serde_json::from_str(&body_of(&plan)).expect("JSON");
    assert_eq!(value["type"], "error");
}

#[test]
fn a_stream_waits_for_its_first_token_and_between_tokens() {
    let slow = reply(json!({
        "text": "a b c", "headers_after": "5ms", "first_token_after": "100ms", "between_tokens": "20ms",
    }));
    let plan = slow.plan(&request(CHAT, &json!({"stream": true})));
    let waits: Vec<u128> = plan.events.iter().map(|timed| timed.after.as_millis()).collect();
    //           headers, role, a,   b,  c,  finish, done, end
    assert_eq!(waits, [5, 0, 100, 20, 20, 0, 0, 0]);
    let plan = slow.plan(&request(CHAT, &json!({})));
    let waits: Vec<u128> = plan.events.iter().map(|timed| timed.after.as_millis()).collect();
    assert_eq!(waits, [145, 0, 0], "without streaming, headers come when all is generated");
}

#[test]
fn each_fault_ends_a_stream_in_its_own_way_after_the_scripted_tokens() {
    let asked = request(CHAT, &json!({"stream": true}));
    let plan = |fault: &str| {
        let scripted = json!({"text": "a b c", "fault": fault, "after_tokens": 2});
        reply(scripted).plan(&asked)
    };
    for (fault, end) in [
        ("stall", None),
        ("truncate", Some(Event::End)),
        ("reset", Some(Event::Reset)),
        ("close", Some(Event::Close)),
    ] {
        let plan = plan(fault);
        let body = body_of(&plan);
        assert!(
            body.contains(r#""content":"b ""#) && !body.contains(r#""content":"c""#),
            "{fault}: {body}"
        );
        assert!(!body.contains("[DONE]"), "{fault}");
        let found = last(&plan).filter(|event| !matches!(event, Event::Data(_)));
        assert_eq!(found, end.as_ref(), "{fault}");
    }
    let failed = plan("error_event");
    assert!(body_of(&failed).contains(r#""error":{"#));
    assert_eq!(last(&failed), Some(&Event::End));
    assert_eq!(body_of(&plan("empty")), "");
    assert_eq!(plan("silence"), Plan::default());
    let reset = plan("reset_before_headers").events;
    assert_eq!(reset.into_iter().map(|timed| timed.event).collect::<Vec<_>>(), [Event::Reset]);
}

#[test]
fn a_whole_answer_that_breaks_off_has_announced_its_full_length() {
    let plan = reply(json!({"fault": "reset"})).plan(&request(CHAT, &json!({})));
    let announced: usize =
        header(&plan, "content-length").expect("a length").parse().expect("a number");
    assert!(body_of(&plan).len() < announced);
    let plan = reply(json!({"fault": "truncate"})).plan(&request(CHAT, &json!({})));
    assert_eq!(
        header(&plan, "content-length"),
        None,
        "a clean end of less than announced is no end"
    );
}

#[test]
fn frames_can_be_cut_anywhere_without_changing_the_body() {
    let asked = request(CHAT, &json!({"stream": true}));
    let whole = body_of(&reply(json!({})).plan(&asked));
    let cut = reply(json!({"frame_bytes": 7})).plan(&asked);
    assert_eq!(body_of(&cut), whole);
    let sizes = cut.events.iter().filter_map(|timed| match &timed.event {
        Event::Data(bytes) => Some(bytes.len()),
        _ => None,
    });
    assert!(sizes.clone().all(|size| size <= 7) && sizes.count() == whole.len().div_ceil(7));
}

#[test]
fn an_upgrade_is_accepted_with_its_protocol_and_connect_with_200() {
    let tunnel = reply(json!({"reply": "tunnel"}));
    assert!(!tunnel.waits_for_body());
    let mut upgrade = request("/ws", &Value::Null);
    upgrade.headers.push(field("upgrade", "websocket"));
    let plan = tunnel.plan(&upgrade);
    assert_eq!(header(&plan, "upgrade").as_deref(), Some("websocket"));
    assert!(matches!(plan.events[0].event, Event::Headers { status: 101, .. }));
    assert_eq!(last(&plan), Some(&Event::Echo));
    let plan = tunnel.plan(&Received { method: "CONNECT".into(), ..Received::default() });
    assert!(matches!(plan.events[0].event, Event::Headers { status: 200, .. }));
}

#[test]
fn head_gets_headers_and_no_body() {
    let asked = Received { method: "HEAD".into(), ..request(CHAT, &json!({})) };
    let plan = reply(json!({})).plan(&asked);
    assert_eq!(body_of(&plan), "");
    assert_eq!(last(&plan), Some(&Event::End));
}

#[test]
fn embeddings_give_a_vector_for_each_input_and_never_stream() {
    let asked = json!({"model": "e", "input": ["a", "b"], "stream": true});
    let plan = reply(json!({})).plan(&request("/v1/embeddings", &asked));
    let value: Value = serde_json::from_str(&body_of(&plan)).expect("JSON");
    assert_eq!(value["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(value["usage"]["completion_tokens"], Value::Null);
}

#[test]
fn trailers_come_after_a_body_without_a_length() {
    let plan = reply(json!({"trailers": {"x-done": "yes"}})).plan(&request(CHAT, &json!({})));
    assert_eq!(header(&plan, "content-length"), None);
    let end = &plan.events[plan.events.len() - 2].event;
    assert_eq!(*end, Event::Trailers(vec![field("x-done", "yes")]));
}

#[test]
fn scripted_types_can_be_built_in_rust_too() {
    let call = ToolCall { name: "f".into(), arguments: "{}".into() };
    let usage = Usage { prompt: 1, ..Usage::default() };
    let reply = Reply { tool_calls: vec![call], usage: Some(usage), ..Reply::default() };
    let plan = reply.plan(&request(CHAT, &json!({})));
    let value: Value = serde_json::from_str(&body_of(&plan)).expect("JSON");
    assert_eq!(value["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(value["choices"][0]["message"]["content"], "");
}
