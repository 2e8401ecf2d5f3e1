//! What a model would say, before any API puts it into its own words.

use serde_json::Value;

use super::{
    received::Asked,
    script::{Reply, ToolCall, Usage},
};

/// Seconds since 1970 that every answer claims to be created at: a constant, so that two runs compare equal.
pub(super) const CREATED: u64 = 1_767_225_600;

/// The content of one answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// Number of the request; goes into ids.
    pub(super) id: usize,
    /// The model's name.
    pub(super) model: String,
    /// Tokens of reasoning.
    pub(super) reasoning: Vec<String>,
    /// Tokens of text.
    pub(super) text: Vec<String>,
    /// Tools to call.
    pub(super) tool_calls: Vec<ToolCall>,
    /// Why it stopped, in OpenAI's words.
    pub(super) finish: String,
    /// The counts to report; `None` for a server that never reports any.
    pub(super) usage: Option<Usage>,
    /// How many choices.
    pub(super) choices: u64,
    /// How many embeddings.
    pub(super) inputs: usize,
}

impl Answer {
    /// What this reply says to a request that asks for this.
    pub(super) fn new(reply: &Reply, asked: &Asked, id: usize) -> Self {
        let model = reply.model.clone().or_else(|| asked.model.clone());
        let model = model.unwrap_or_else(|| "scripted".to_owned());
        let text = match &reply.text {
            Some(text) => text.clone(),
            None if reply.tool_calls.is_empty() => format!("This is {model} speaking."),
            None => String::new(),
        };
        let text = tokens(&text);
        let reasoning = tokens(reply.reasoning.as_deref().unwrap_or_default());
        let counted = count(asked, &reasoning, &text, &reply.tool_calls);
        let finish = match &reply.finish {
            Some(finish) => finish.clone(),
            None if reply.tool_calls.is_empty() => "stop".to_owned(),
            None => "tool_calls".to_owned(),
        };
        Self {
            id,
            model,
            reasoning,
            text,
            tool_calls: reply.tool_calls.clone(),
            finish,
            usage: reply.reports_usage.then(|| reply.usage.unwrap_or(counted)),
            choices: asked.choices,
            inputs: asked.inputs,
        }
    }

    /// The text in one piece.
    pub(super) fn whole_text(&self) -> String {
        self.text.concat()
    }

    /// The reasoning in one piece; `None` when there is none.
    pub(super) fn whole_reasoning(&self) -> Option<String> {
        (!self.reasoning.is_empty()).then(|| self.reasoning.concat())
    }

    /// How many events with generated content a stream of this answer has.
    pub(super) fn generated(&self) -> usize {
        let arguments: usize = self.tool_calls.iter().map(|call| argument_pieces(call).len()).sum();
        self.reasoning.len() + self.text.len() + arguments
    }
}

/// The pieces in which a tool's arguments arrive: two, so that a reader must put them together.
pub(super) fn argument_pieces(call: &ToolCall) -> Vec<&str> {
    let middle =
        (0..=call.arguments.len() / 2).rev().find(|at| call.arguments.is_char_boundary(*at));
    let (head, tail) = call.arguments.split_at(middle.unwrap_or(0));
    vec![head, tail]
}

/// Sets a field of a JSON object.
pub(super) fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(key.to_owned(), value);
    }
}

/// One token a word, its space included.
fn tokens(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}

fn count(asked: &Asked, reasoning: &[String], text: &[String], tools: &[ToolCall]) -> Usage {
    let words = |pieces: &[String]| u64::try_from(pieces.len()).unwrap_or(u64::MAX);
    let arguments: usize = tools.iter().map(|call| call.arguments.len().div_ceil(4)).sum();
    let reasoning = words(reasoning);
    Usage {
        prompt: u64::try_from(asked.prompt_bytes.div_ceil(4)).unwrap_or(u64::MAX),
        completion: reasoning + words(text) + u64::try_from(arguments).unwrap_or(u64::MAX),
        cached: 0,
        reasoning,
    }
}
