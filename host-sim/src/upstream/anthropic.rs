//! Anthropic messages.

use serde_json::{Value, json};

use super::{
    answer::{Answer, argument_pieces, set},
    script::Usage,
    sse::SseEvent,
};

/// The answer in one piece.
pub(super) fn whole(answer: &Answer) -> Value {
    let mut content = Vec::new();
    if let Some(reasoning) = answer.whole_reasoning() {
        content.push(json!({"type": "thinking", "thinking": reasoning, "signature": ""}));
    }
    if !answer.text.is_empty() {
        content.push(json!({"type": "text", "text": answer.whole_text()}));
    }
    for (index, call) in answer.tool_calls.iter().enumerate() {
        let input: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
        content.push(tool_block(index, &call.name, input));
    }
    message(answer, content.into(), stop_reason(answer), answer.usage)
}

/// The answer as a stream. The usage is part of the protocol: its prompt half comes first, its
/// completion half last.
pub(super) fn events(answer: &Answer) -> Vec<SseEvent> {
    let before = answer.usage.map(|usage| Usage { completion: 1, ..usage });
    let mut events = vec![named(json!({
        "type": "message_start", "message": message(answer, json!([]), Value::Null, before),
    }))];
    let mut index = 0_usize;
    let mut block = |start: Value, deltas: Vec<Value>| {
        events.push(named(json!({
            "type": "content_block_start", "index": index, "content_block": start,
        })));
        if index == 0 {
            events.push(named(json!({"type": "ping"})));
        }
        events.extend(deltas.into_iter().map(|delta| {
            named(json!({"type": "content_block_delta", "index": index, "delta": delta})).token()
        }));
        events.push(named(json!({"type": "content_block_stop", "index": index})));
        index += 1;
    };
    if !answer.reasoning.is_empty() {
        let delta = |piece| json!({"type": "thinking_delta", "thinking": piece});
        let start = json!({"type": "thinking", "thinking": "", "signature": ""});
        block(start, answer.reasoning.iter().map(delta).collect());
    }
    if !answer.text.is_empty() {
        let delta = |piece| json!({"type": "text_delta", "text": piece});
        block(json!({"type": "text", "text": ""}), answer.text.iter().map(delta).collect());
    }
    for (number, call) in answer.tool_calls.iter().enumerate() {
        let delta = |piece| json!({"type": "input_json_delta", "partial_json": piece});
        let deltas = argument_pieces(call).into_iter().map(delta).collect();
        block(tool_block(number, &call.name, json!({})), deltas);
    }
    let mut last = json!({
        "type": "message_delta", "delta": {"stop_reason": stop_reason(answer), "stop_sequence": null},
    });
    if let Some(usage) = answer.usage {
        set(&mut last, "usage", json!({"output_tokens": usage.completion}));
    }
    events.push(named(last));
    events.push(named(json!({"type": "message_stop"})));
    events
}

fn named(value: Value) -> SseEvent {
    SseEvent::named(&value)
}

fn tool_block(index: usize, name: &str, input: Value) -> Value {
    json!({"type": "tool_use", "id": format!("toolu_{index}"), "name": name, "input": input})
}

fn message(answer: &Answer, content: Value, stop: Value, usage: Option<Usage>) -> Value {
    let mut message = json!({
        "id": format!("msg_{:06}", answer.id), "type": "message", "role": "assistant",
        "model": answer.model, "content": content, "stop_reason": stop, "stop_sequence": null,
    });
    if let Some(usage) = usage {
        // Anthropic's input_tokens leave the cached ones out.
        let usage = json!({
            "input_tokens": usage.prompt.saturating_sub(usage.cached),
            "cache_read_input_tokens": usage.cached, "cache_creation_input_tokens": 0,
            "output_tokens": usage.completion,
        });
        set(&mut message, "usage", usage);
    }
    message
}

fn stop_reason(answer: &Answer) -> Value {
    match answer.finish.as_str() {
        "stop" => "end_turn".into(),
        "length" => "max_tokens".into(),
        "tool_calls" => "tool_use".into(),
        "content_filter" => "refusal".into(),
        as_written => as_written.into(),
    }
}
