//! What an answer says, found with all its bytes at hand and a `serde_json::Value` of each event.
//!
//! Written from the APIs' documentation and not from the scanner: it walks down to each thing.

use std::collections::BTreeMap;

use llm_wire::{AnswerFacts, Estimator, FinishReason, Mark, Piece, TextSink, Usage};
use serde_json::{Map, Value};

use crate::event_reference::blocks;

/// The facts, and the bytes that are passed on if usage events are removed.
pub(crate) fn events(stream: &[u8]) -> (AnswerFacts, Vec<u8>) {
    let mut answer = Answer { is_event: true, ..Answer::default() };
    let (mut out, mut from) = (Vec::new(), 0);
    for block in blocks(stream) {
        answer.facts.has_error |= block.has_error;
        let Some(data) = block.data else { continue };
        let text = data.trim_ascii();
        if text == b"[DONE]" {
            answer.facts.is_complete = true;
            continue;
        }
        let Ok(Value::Object(root)) = serde_json::from_slice(&data) else {
            answer.facts.resyncs += u32::from(!text.is_empty() && block.is_ended);
            continue;
        };
        let said = Said::read(true, &root);
        answer.tell(&said);
        if !block.is_ended {
            continue;
        }
        answer.generate(&said);
        let stays = said.stays(&root) || block.has_error;
        let length = block.end - block.start - usize::from(stream[..block.end].ends_with(b"\r\n"));
        if !stays && length <= 4096 {
            answer.facts.removed += 1;
            out.extend(&stream[from..block.start]);
            from = block.end;
        } else if !stays {
            answer.facts.held_too_long += 1;
        }
    }
    out.extend(&stream[from..]);
    (answer.facts(), out)
}

/// The facts of a JSON body that is one whole object.
pub(crate) fn body(root: &Map<String, Value>) -> AnswerFacts {
    let mut answer = Answer::default();
    let said = Said::read(false, root);
    answer.tell(&said);
    answer.generate(&said);
    answer.facts.is_complete = true;
    answer.facts.generated_events = 0;
    answer.facts()
}

#[derive(Default)]
struct Answer {
    is_event: bool,
    facts: AnswerFacts,
    counts: BTreeMap<&'static str, u64>,
    estimator: Estimator,
    channel: Option<&'static str>,
}

impl Answer {
    fn tell(&mut self, said: &Said) {
        self.counts.extend(said.counts.clone());
        let failed = said.status == Some("failed") || said.kind == "response.failed";
        self.facts.has_error |= said.has_error || said.kind == "error" || failed;
        self.facts.finish = said.finish().or(self.facts.finish);
        self.facts.is_complete |= self.facts.finish.is_some() || said.is_end();
    }

    fn generate(&mut self, said: &Said) {
        let is_repeated = said.has_item && said.kind != "response.output_item.added";
        let is_sound = said.has_delta && said.kind == "response.audio.delta";
        let is_generated = said.has_sound || !said.texts.is_empty();
        self.facts.generated_events += u64::from(is_generated && !is_repeated);
        if is_repeated || is_sound {
            return;
        }
        for (channel, text) in &said.texts {
            if self.channel.is_some_and(|before| before != *channel) || !self.is_event {
                self.estimator.close();
            }
            self.channel = Some(channel);
            if *channel == "name" {
                self.estimator.mark(Mark::Call);
            }
            self.estimator.open(Piece::Text);
            self.estimator.text(text.as_bytes());
        }
    }

    fn facts(mut self) -> AnswerFacts {
        self.facts.generated = self.estimator.count();
        self.facts.usage = usage(&self.counts);
        self.facts
    }
}

fn usage(counts: &BTreeMap<&'static str, u64>) -> Option<Usage> {
    let get = |name| counts.get(name).copied();
    let aside = get("cache_read").unwrap_or(0) + get("cache_creation").unwrap_or(0);
    let input = get("prompt").or(get("input").map(|input| input + aside));
    let reasoning = get("reasoning_detail").or(get("reasoning")).unwrap_or(0);
    let output = match (get("completion"), get("total")) {
        (Some(some), Some(all)) if input.unwrap_or(0) + some + reasoning == all => {
            Some(some + reasoning)
        }
        (completion, _) => completion.or(get("output")),
    };
    input.or(output)?;
    let of =
        |part: Option<u64>, whole: Option<u64>| part.unwrap_or(0).min(whole.unwrap_or(u64::MAX));
    let cached = get("cached_detail").or(get("cache_read")).or(get("cached"));
    Some(Usage {
        input,
        output,
        cached_input: of(cached, input),
        cache_creation_input: of(get("cache_creation"), input),
        reasoning: of(Some(reasoning), output),
        input_audio: of(get("input_audio"), input),
        output_audio: of(get("output_audio"), output),
    })
}

/// What one object says.
#[derive(Default)]
struct Said {
    is_event: bool,
    texts: Vec<(&'static str, String)>,
    has_sound: bool,
    has_item: bool,
    has_delta: bool,
    has_error: bool,
    kind: String,
    finish: Option<FinishReason>,
    status: Option<&'static str>,
    incomplete: Option<FinishReason>,
    counts: BTreeMap<&'static str, u64>,
}

impl Said {
    fn read(is_event: bool, root: &Map<String, Value>) -> Self {
        let mut said = Self { is_event, ..Self::default() };
        for (name, value) in root {
            match &**name {
                "choices" => items(value).for_each(|choice| said.choice(choice)),
                "type" if is_event => said.kind = value.as_str().unwrap_or_default().to_owned(),
                "type" | "object" => said.has_error |= value == "error",
                "delta" if is_event && value.is_string() => {
                    said.has_delta = value != "";
                    said.text("content", value);
                }
                "delta" if is_event => said.message(value),
                "content_block" if is_event => said.part(value),
                "item" if is_event => {
                    said.has_item = value["name"].as_str().is_some_and(|name| !name.is_empty());
                    said.text("name", &value["name"]);
                }
                "content" if !is_event => said.content(value),
                "output" if !is_event => items(value).for_each(|item| said.item(item)),
                "message" | "response" | "x_groq" => {
                    for (name, value) in value.as_object().into_iter().flatten() {
                        said.envelope(name, value);
                    }
                }
                "usage" | "error" => said.envelope(name, value),
                _ if !is_event => said.envelope(name, value),
                _ => {}
            }
        }
        said
    }

    fn finish(&self) -> Option<FinishReason> {
        let status = self.status.or(match &*self.kind {
            "response.completed" => Some("completed"),
            "response.incomplete" => Some("incomplete"),
            _ => None,
        });
        self.finish.or_else(|| match status? {
            "completed" => Some(FinishReason::Stop),
            "incomplete" => Some(self.incomplete.unwrap_or(FinishReason::Other)),
            "cancelled" => Some(FinishReason::Other),
            _ => None,
        })
    }

    fn is_end(&self) -> bool {
        ["message_stop", "response.completed", "response.incomplete", "response.failed"]
            .contains(&&*self.kind)
    }

    /// Whether the event is more than a usage.
    fn stays(&self, root: &Map<String, Value>) -> bool {
        let no_choices = match root.get("choices") {
            None | Some(Value::Null) => true,
            Some(Value::Array(choices)) => choices.is_empty(),
            Some(_) => false,
        };
        let is_quiet = self.texts.is_empty() && !self.has_sound;
        let has_failed = self.has_error || self.status == Some("failed");
        let last = ["message", "response", "usage", "x_groq"].into_iter().rfind(|name| {
            let value = root.get(*name);
            value.is_some_and(|v| if *name == "usage" { v } else { &v["usage"] }.is_object())
        });
        let is_plain = last == Some("usage") && !root.get("type").is_some_and(Value::is_string);
        !(no_choices && is_quiet && !has_failed && self.finish().is_none() && is_plain)
    }

    fn envelope(&mut self, name: &str, value: &Value) {
        match name {
            "usage" => self.usage(value),
            "error" => {
                self.has_error |=
                    value.is_object() || value.as_str().is_some_and(|e| !e.is_empty());
            }
            "stop_reason" => self.finished(value),
            "status" => {
                if let Some(status) = value.as_str() {
                    let known = ["completed", "incomplete", "failed", "cancelled"];
                    self.status = known.into_iter().find(|known| *known == status);
                }
            }
            "incomplete_details" => {
                let reason = value["reason"].as_str();
                let reason = reason.map(|word| FinishReason::from_word(word.as_bytes()));
                self.incomplete = reason.or(self.incomplete);
            }
            _ => {}
        }
    }

    fn finished(&mut self, value: &Value) {
        if let Some(word) = value.as_str().filter(|word| !word.is_empty()) {
            self.finish = Some(FinishReason::from_word(word.as_bytes()));
        }
    }

    fn usage(&mut self, usage: &Value) {
        let Some(members) = usage.as_object() else { return };
        self.counts.clear();
        for (name, value) in members {
            let names: &[(&str, &'static str)] = match &**name {
                "prompt_tokens_details" | "input_tokens_details" => {
                    &[("cached_tokens", "cached_detail"), ("audio_tokens", "input_audio")]
                }
                "completion_tokens_details" | "output_tokens_details" => {
                    &[("reasoning_tokens", "reasoning_detail"), ("audio_tokens", "output_audio")]
                }
                _ => &[],
            };
            for (member, count) in names {
                self.count(count, &value[member]);
            }
            let own = match &**name {
                "prompt_tokens" => "prompt",
                "completion_tokens" => "completion",
                "total_tokens" => "total",
                "input_tokens" => "input",
                "output_tokens" => "output",
                "cache_read_input_tokens" => "cache_read",
                "cache_creation_input_tokens" => "cache_creation",
                "prompt_cache_hit_tokens" | "cached_tokens" => "cached",
                "reasoning_tokens" => "reasoning",
                _ => continue,
            };
            self.count(own, value);
        }
    }

    fn count(&mut self, name: &'static str, value: &Value) {
        self.counts.remove(name);
        let whole = value.as_f64().filter(|number| number.fract() == 0.0 && *number >= 0.0);
        let is_negative = value.to_string().starts_with('-');
        if let Some(number) = whole.filter(|n| *n <= f64::from(u32::MAX) && !is_negative) {
            self.counts.insert(name, number as u64);
        }
    }

    fn text(&mut self, channel: &'static str, value: &Value) {
        if let Some(text) = value.as_str().filter(|text| !text.is_empty()) {
            let json = serde_json::to_string(text).unwrap();
            self.texts.push((channel, json[1..json.len() - 1].to_owned()));
        }
    }

    fn choice(&mut self, choice: &Value) {
        for (name, value) in choice.as_object().into_iter().flatten() {
            match &**name {
                "delta" if self.is_event => self.message(value),
                "message" if !self.is_event => self.message(value),
                "text" => self.text("content", value),
                "finish_reason" => self.finished(value),
                _ => {}
            }
        }
    }

    fn message(&mut self, message: &Value) {
        let mut has_reasoning = false;
        for (name, value) in message.as_object().into_iter().flatten() {
            match &**name {
                "content" => self.content(value),
                "reasoning" | "reasoning_content" if !has_reasoning => {
                    has_reasoning = value.as_str().is_some_and(|text| !text.is_empty());
                    self.text("reasoning", value);
                }
                "refusal" => self.text("refusal", value),
                "tool_calls" => items(value).for_each(|call| self.call(call)),
                "function_call" => self.function(value),
                "audio" => {
                    self.has_sound |= value["data"].as_str().is_some_and(|data| !data.is_empty());
                    self.text("transcript", &value["transcript"]);
                }
                "text" => self.text("content", value),
                "thinking" => self.text("reasoning", value),
                "partial_json" => self.text("arguments", value),
                "stop_reason" => self.finished(value),
                _ => {}
            }
        }
    }

    fn call(&mut self, call: &Value) {
        self.function(&call["custom"]);
        self.function(&call["function"]);
    }

    fn function(&mut self, function: &Value) {
        for (name, value) in function.as_object().into_iter().flatten() {
            match &**name {
                "name" => self.text("name", value),
                "arguments" | "input" => self.arguments(value),
                _ => {}
            }
        }
    }

    fn arguments(&mut self, value: &Value) {
        self.text("arguments", value);
        if value.is_object() {
            self.texts.push(("arguments", value.to_string()));
        }
    }

    fn content(&mut self, content: &Value) {
        self.text("content", content);
        self.part(content);
        for part in items(content) {
            self.text("content", part);
            self.part(part);
        }
    }

    fn part(&mut self, part: &Value) {
        for (name, value) in part.as_object().into_iter().flatten() {
            match &**name {
                "text" => self.text("content", value),
                "refusal" => self.text("refusal", value),
                "thinking" => self.content(value),
                "name" => self.text("name", value),
                "input" if !self.is_event => self.arguments(value),
                _ => {}
            }
        }
    }

    fn item(&mut self, item: &Value) {
        for (name, value) in item.as_object().into_iter().flatten() {
            match &**name {
                "content" | "summary" => self.content(value),
                "name" => self.text("name", value),
                "arguments" | "input" => self.arguments(value),
                _ => {}
            }
        }
    }
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
