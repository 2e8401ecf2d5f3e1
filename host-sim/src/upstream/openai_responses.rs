//! OpenAI responses: items instead of choices, and a stream of named, numbered events.

use serde_json::{Value, json};

use super::{
    answer::{Answer, CREATED, argument_pieces, set},
    script::Usage,
    sse::SseEvent,
};

/// The answer in one piece.
pub(super) fn whole(answer: &Answer) -> Value {
    response(answer, "completed", items(answer), answer.usage.map_or(Value::Null, usage_json))
}

/// The answer as a stream. The last event carries the whole response, usage included: there is
/// nothing to ask for in this API.
pub(super) fn events(answer: &Answer) -> Vec<SseEvent> {
    let mut stream = Numbered::default();
    let started = || response(answer, "in_progress", json!([]), Value::Null);
    stream.push(json!({"type": "response.created", "response": started()}));
    stream.push(json!({"type": "response.in_progress", "response": started()}));
    let items = items(answer);
    for (index, item) in items.as_array().into_iter().flatten().enumerate() {
        stream.push(json!({"type": "response.output_item.added", "output_index": index,
            "item": {"type": item["type"], "id": item["id"], "status": "in_progress"}}));
        deltas(answer, index, item, &mut stream);
        stream.push(
            json!({"type": "response.output_item.done", "output_index": index, "item": item}),
        );
    }
    stream.push(json!({"type": "response.completed", "response": whole(answer)}));
    stream.events
}

/// The events between an item's begin and its end.
fn deltas(answer: &Answer, index: usize, item: &Value, stream: &mut Numbered) {
    let place = |mut event: Value| {
        set(&mut event, "item_id", item["id"].clone());
        set(&mut event, "output_index", index.into());
        event
    };
    match item["type"].as_str() {
        Some("reasoning") => {
            for piece in &answer.reasoning {
                stream.token(place(json!({"type": "response.reasoning_text.delta",
                    "content_index": 0, "delta": piece})));
            }
        }
        Some("function_call") => {
            let call = answer.tool_calls.iter().find(|call| item["name"] == call.name);
            for piece in call.map(argument_pieces).unwrap_or_default() {
                stream.token(place(json!({"type": "response.function_call_arguments.delta",
                    "delta": piece})));
            }
            stream.push(place(json!({"type": "response.function_call_arguments.done",
                "arguments": item["arguments"]})));
        }
        _ => {
            let part = |text: &str| json!({"type": "output_text", "text": text, "annotations": []});
            stream.push(place(json!({"type": "response.content_part.added",
                "content_index": 0, "part": part("")})));
            for piece in &answer.text {
                stream.token(place(json!({"type": "response.output_text.delta",
                    "content_index": 0, "delta": piece})));
            }
            let text = answer.whole_text();
            stream.push(place(json!({"type": "response.output_text.done",
                "content_index": 0, "text": text})));
            stream.push(place(json!({"type": "response.content_part.done",
                "content_index": 0, "part": part(&text)})));
        }
    }
}

#[derive(Default)]
struct Numbered {
    events: Vec<SseEvent>,
}

impl Numbered {
    fn push(&mut self, mut event: Value) {
        set(&mut event, "sequence_number", self.events.len().into());
        self.events.push(SseEvent::named(&event));
    }

    fn token(&mut self, event: Value) {
        self.push(event);
        if let Some(last) = self.events.last_mut() {
            last.token = true;
        }
    }
}

fn items(answer: &Answer) -> Value {
    let mut items = Vec::new();
    if let Some(reasoning) = answer.whole_reasoning() {
        items
            .push(json!({"type": "reasoning", "id": format!("rs_{:06}", answer.id), "summary": [],
            "content": [{"type": "reasoning_text", "text": reasoning}]}));
    }
    if !answer.text.is_empty() {
        items.push(json!({
            "type": "message", "id": format!("msg_{:06}", answer.id), "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": answer.whole_text(), "annotations": []}],
        }));
    }
    for (index, call) in answer.tool_calls.iter().enumerate() {
        items.push(json!({
            "type": "function_call", "id": format!("fc_{index}"), "call_id": format!("call_{index}"),
            "status": "completed", "name": call.name, "arguments": call.arguments,
        }));
    }
    Value::Array(items)
}

fn response(answer: &Answer, status: &str, output: Value, usage: Value) -> Value {
    json!({
        "id": format!("resp_{:06}", answer.id), "object": "response", "created_at": CREATED,
        "status": status, "model": answer.model, "output": output, "usage": usage,
    })
}

fn usage_json(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.prompt, "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.completion,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt.saturating_add(usage.completion),
    })
}
