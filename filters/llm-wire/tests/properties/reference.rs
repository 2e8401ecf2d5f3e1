//! The same questions, answered with the whole body as a `serde_json::Value`.
//!
//! Written from the APIs' documentation and not from the scanner: it walks down from the body to
//! each thing, where the scanner walks along the bytes.

use llm_wire::{Api, Mark, MediaKind, Piece, RequestFacts};
use serde_json::Value;

use crate::bodies::{comparable, marked, written};

struct Read {
    facts: RequestFacts,
    texts: Vec<String>,
}

/// The facts of a body without duplicate keys, and its marks and pieces, sorted.
pub(crate) fn read(api: Api, body: &Value) -> (RequestFacts, Vec<String>) {
    let mut read = Read { facts: comparable(RequestFacts::default()), texts: Vec::new() };
    let is_chat = api == Api::OpenAiChat;
    let is_anthropic = api == Api::AnthropicMessages;
    let has_choices = is_chat || api == Api::OpenAiCompletions;
    let facts = &mut read.facts;
    facts.model = body["model"].as_str().map(str::to_owned);
    if api != Api::OpenAiEmbeddings {
        facts.stream = body["stream"].as_bool();
    }
    if has_choices {
        facts.include_usage = body["stream_options"]["include_usage"].as_bool();
        facts.n = count(&body["n"]);
    }
    facts.max_output_tokens = match api {
        Api::OpenAiChat => count(&body["max_completion_tokens"]).or(count(&body["max_tokens"])),
        Api::OpenAiCompletions | Api::AnthropicMessages => count(&body["max_tokens"]),
        Api::OpenAiResponses => count(&body["max_output_tokens"]),
        Api::OpenAiEmbeddings => None,
    };
    if is_chat || is_anthropic {
        read.messages(&body["messages"]);
    }
    match api {
        Api::OpenAiChat => {
            read.tools(&body["tools"]);
            read.tools(&body["functions"]);
        }
        Api::OpenAiCompletions => {
            read.prompts(&body["prompt"]);
            read.text(Piece::Text, &body["suffix"]);
        }
        Api::OpenAiEmbeddings => read.prompts(&body["input"]),
        Api::OpenAiResponses => {
            read.tools(&body["tools"]);
            read.text(Piece::System, &body["instructions"]);
            if body["input"].is_string() {
                read.mark(Mark::Message);
                read.text(Piece::Text, &body["input"]);
            }
            read.messages(&body["input"]);
            read.facts.has_stored_context = ["previous_response_id", "conversation", "prompt"]
                .iter()
                .any(|name| body[name].is_string() || body[name].is_object());
        }
        Api::AnthropicMessages => {
            read.tools(&body["tools"]);
            read.text(Piece::System, &body["system"]);
            read.part(&body["system"]);
            read.parts(&body["system"]);
        }
    }
    read.texts.sort();
    (read.facts, read.texts)
}

fn count(value: &Value) -> Option<u64> {
    let float = value.as_f64()?;
    value.as_u64().or((float >= 0.0 && float.fract() == 0.0).then_some(float as u64))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl Read {
    fn mark(&mut self, mark: Mark) {
        self.texts.push(marked(mark));
    }

    fn text(&mut self, piece: Piece, value: &Value) {
        if value.is_string() {
            self.texts.push(written(piece, value.to_string().as_bytes()));
        }
    }

    fn json(&mut self, piece: Piece, value: &Value) {
        if value.is_object() || value.is_array() {
            self.texts.push(written(piece, value.to_string().as_bytes()));
        }
    }

    fn tools(&mut self, tools: &Value) {
        for tool in items(tools).filter(|tool| tool.is_object()) {
            self.facts.has_tools = true;
            self.json(Piece::Definition, tool);
        }
    }

    fn prompts(&mut self, prompt: &Value) {
        if prompt.is_string() {
            self.mark(Mark::Prompt);
            self.text(Piece::Text, prompt);
        }
        if prompt.is_number() {
            self.mark(Mark::TokenId);
        }
        for prompt in items(prompt) {
            self.prompts(prompt);
        }
    }

    fn messages(&mut self, messages: &Value) {
        for message in items(messages).filter(|message| message.is_object()) {
            self.mark(Mark::Message);
            self.text(Piece::Role, &message["role"]);
            self.text(Piece::Name, &message["name"]);
            for field in ["refusal", "reasoning_content", "reasoning"] {
                self.text(Piece::Text, &message[field]);
            }
            for field in ["content", "output", "summary"] {
                self.content(&message[field]);
            }
            for field in ["arguments", "input"] {
                self.text(Piece::CallArguments, &message[field]);
            }
            self.function(&message["function_call"]);
            for call in items(&message["tool_calls"]).filter(|call| call.is_object()) {
                self.mark(Mark::Call);
                self.function(&call["function"]);
                self.function(&call["custom"]);
            }
            self.medium(message, &[("image_url", MediaKind::Image)], false);
        }
    }

    fn function(&mut self, function: &Value) {
        self.text(Piece::CallName, &function["name"]);
        self.text(Piece::CallArguments, &function["arguments"]);
        self.text(Piece::CallArguments, &function["input"]);
    }

    fn content(&mut self, content: &Value) {
        self.text(Piece::Text, content);
        if content.is_object() {
            self.part(content);
        }
        self.parts(content);
    }

    fn parts(&mut self, parts: &Value) {
        for part in items(parts) {
            self.text(Piece::Text, part);
            self.part(part);
        }
    }

    fn part(&mut self, part: &Value) {
        if !part.is_object() {
            return;
        }
        self.mark(Mark::Part);
        for field in ["text", "refusal", "thinking", "title", "context"] {
            self.text(Piece::Text, &part[field]);
        }
        self.text(Piece::CallName, &part["name"]);
        self.json(Piece::CallInput, &part["input"]);
        self.content(&part["content"]);
        let source = &part["source"];
        self.content(&source["content"]);
        // The names of a map come in order, so that `type` comes after `data` and before `url`.
        let is_text = source["type"] == "text";
        if is_text {
            self.text(Piece::Text, &source["url"]);
        }
        let is_text = source.get("content").is_some() || is_text && source["url"].is_string();
        self.medium(part, &MEMBERS, is_text);
    }

    fn medium(&mut self, part: &Value, members: &[(&str, MediaKind)], is_text: bool) {
        let said = part["type"].as_str().and_then(|said| {
            let (_, kind) = TYPES.iter().find(|(words, _)| words.contains(&said))?;
            Some(*kind)
        });
        let held =
            members.iter().filter(|(name, _)| part[name].is_string() || part[name].is_object());
        let held = held.map(|(_, kind)| *kind).collect::<Vec<_>>();
        let is_image = said == Some(MediaKind::Image) || held.contains(&MediaKind::Image);
        self.facts.has_images |= is_image;
        let said = said.filter(|kind| *kind != MediaKind::File || !is_text);
        if let Some(kind) = said.or(held.last().copied()) {
            self.facts.has_media = true;
            self.texts.push(format!("{kind:?}"));
        }
    }
}

/// The members that hold a medium, in the order of their names.
const MEMBERS: [(&str, MediaKind); 5] = [
    ("audio_url", MediaKind::Audio),
    ("file", MediaKind::File),
    ("image_url", MediaKind::Image),
    ("input_audio", MediaKind::Audio),
    ("video_url", MediaKind::File),
];

const TYPES: [(&[&str], MediaKind); 3] = [
    (&["image_url", "input_image", "image", "computer_screenshot"], MediaKind::Image),
    (&["input_audio", "audio_url"], MediaKind::Audio),
    (&["file", "input_file", "document", "video_url"], MediaKind::File),
];
