//! OpenAI chat completions, with reasoning as the open model servers send it (`reasoning_content`).

use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, CREATED, argument_pieces, set},
    received::Asked,
    script::Usage,
    sse::SseEvent,
};

/// The answer in one piece.
pub(super) fn whole(answer: &Answer) -> Value {
    let mut message = json!({"role": "assistant", "content": answer.whole_text()});
    if let Some(reasoning) = answer.whole_reasoning() {
        set(&mut message, "reasoning_content", reasoning.into());
    }
    if !answer.tool_calls.is_empty() {
        let calls = answer.tool_calls.iter().enumerate().map(|(index, call)| {
            json!({
                "id": call_id(index), "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            })
        });
        set(&mut message, "tool_calls", calls.collect());
    }
    let choices: Value = (0..answer.choices)
        .map(|index| json!({"index": index, "message": message, "finish_reason": answer.finish}))
        .collect();
    let mut body = json!({
        "id": id(answer), "object": "chat.completion", "created": CREATED,
        "model": answer.model, "choices": choices,
    });
    if let Some(usage) = answer.usage {
        set(&mut body, "usage", usage_json(usage));
    }
    body
}

/// The answer as a stream. The usage chunk comes only when it was asked for, and then every other
/// chunk says `"usage": null`, as OpenAI's do.
pub(super) fn events(answer: &Answer, asked: &Asked) -> Vec<SseEvent> {
    let chunk = |choices: Value, usage: Value| {
        let mut body = json!({
            "id": id(answer), "object": "chat.completion.chunk", "created": CREATED,
            "model": answer.model, "choices": choices,
        });
        if asked.include_usage {
            set(&mut body, "usage", usage);
        }
        SseEvent::data(&body)
    };
    let deltas = |delta: &Value, finish: Value| -> Value {
        (0..answer.choices)
            .map(|index| json!({"index": index, "delta": delta, "finish_reason": finish}))
            .collect()
    };
    let delta = |delta: Value| chunk(deltas(&delta, Value::Null), Value::Null);

    let mut events = vec![delta(json!({"role": "assistant", "content": ""}))];
    events.extend(
        answer.reasoning.iter().map(|piece| delta(json!({"reasoning_content": piece})).token()),
    );
    events.extend(answer.text.iter().map(|piece| delta(json!({"content": piece})).token()));
    for (index, call) in answer.tool_calls.iter().enumerate() {
        events.push(delta(json!({"tool_calls": [{
            "index": index, "id": call_id(index), "type": "function",
            "function": {"name": call.name, "arguments": ""},
        }]})));
        events.extend(argument_pieces(call).into_iter().map(|piece| {
            delta(json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}))
                .token()
        }));
    }
    events
        .push(chunk(deltas(&Value::Object(Map::new()), answer.finish.clone().into()), Value::Null));
    if let (true, Some(usage)) = (asked.include_usage, answer.usage) {
        events.push(chunk(json!([]), usage_json(usage)));
    }
    events.push(SseEvent::done());
    events
}

/// OpenAI's usage object, with the details that gateways read.
pub(super) fn usage_json(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt, "completion_tokens": usage.completion,
        "total_tokens": usage.prompt.saturating_add(usage.completion),
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    })
}

fn id(answer: &Answer) -> String {
    format!("chatcmpl-{:06}", answer.id)
}

fn call_id(index: usize) -> String {
    format!("call_{index}")
}
