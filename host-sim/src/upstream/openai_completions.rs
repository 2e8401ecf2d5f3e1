//! OpenAI completions, the older API: text in, text out.

use serde_json::{Value, json};

use super::{
    answer::{Answer, CREATED, set},
    openai_chat::usage_json,
    received::Asked,
    sse::SseEvent,
};

/// The answer in one piece.
pub(super) fn whole(answer: &Answer) -> Value {
    let mut body = frame(answer, &answer.whole_text(), answer.finish.clone().into());
    if let Some(usage) = answer.usage {
        set(&mut body, "usage", usage_json(usage));
    }
    body
}

/// The answer as a stream.
pub(super) fn events(answer: &Answer, asked: &Asked) -> Vec<SseEvent> {
    let mut events: Vec<SseEvent> = answer
        .text
        .iter()
        .map(|piece| SseEvent::data(&frame(answer, piece, Value::Null)).token())
        .collect();
    events.push(SseEvent::data(&frame(answer, "", answer.finish.clone().into())));
    if let (true, Some(usage)) = (asked.include_usage, answer.usage) {
        let mut last = frame(answer, "", Value::Null);
        set(&mut last, "choices", json!([]));
        set(&mut last, "usage", usage_json(usage));
        events.push(SseEvent::data(&last));
    }
    events.push(SseEvent::done());
    events
}

fn frame(answer: &Answer, text: &str, finish: Value) -> Value {
    let choices: Value = (0..answer.choices)
        .map(|index| json!({"index": index, "text": text, "logprobs": null, "finish_reason": finish}))
        .collect();
    json!({
        "id": format!("cmpl-{:06}", answer.id), "object": "text_completion", "created": CREATED,
        "model": answer.model, "choices": choices,
    })
}
