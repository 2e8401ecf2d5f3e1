//! OpenAI embeddings and the list of models: the two that never stream.

use serde_json::{Value, json};

use super::answer::{Answer, CREATED, set};

/// One short vector for each input.
pub(super) fn whole(answer: &Answer) -> Value {
    let data: Value = (0..answer.inputs)
        .map(|index| json!({"object": "embedding", "index": index, "embedding": [0.25, -0.5, 0.125]}))
        .collect();
    let mut body = json!({"object": "list", "model": answer.model, "data": data});
    if let Some(usage) = answer.usage {
        let usage = json!({"prompt_tokens": usage.prompt, "total_tokens": usage.prompt});
        set(&mut body, "usage", usage);
    }
    body
}

/// The list of models, with the one model of this answer.
pub(super) fn models(answer: &Answer) -> Value {
    json!({"object": "list", "data": [
        {"id": answer.model, "object": "model", "created": CREATED, "owned_by": "host-sim"},
    ]})
}
