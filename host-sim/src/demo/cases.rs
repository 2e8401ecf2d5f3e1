//! What the demo sends: the kinds of requests that a gateway in front of language models sees.

use serde_json::{Value, json};

use super::DemoLlm;
use crate::client::{ClientRequest, Http};

/// One request and what has to become of it with the demo's file.
#[derive(Debug, Clone)]
pub struct Case {
    /// A few words.
    pub name: &'static str,
    /// The model that it asks for.
    pub model: &'static str,
    /// What is sent.
    pub request: ClientRequest,
    /// The status that the client has to get.
    pub status: u16,
    /// The pool that has to receive it; `None`: nobody.
    pub pool: Option<&'static str>,
}

const CHAT: &str = "/v1/chat/completions";
const CODE: &str = r#"
/// The pool with the most room for a prompt of so many tokens.
fn roomiest<'a>(pools: &'a [Pool], tokens: u64) -> Option<&'a Pool> {
    let fits = pools.iter().filter(|pool| pool.free_tokens() >= tokens);
    fits.max_by_key(|pool| (pool.free_tokens(), std::cmp::Reverse(pool.name.as_str())))
}
"#;
const PROSE: &str = "The committee met in the afternoon and agreed that the report should be shorter, \
                     clearer and ready before the end of the month. ";
const CHINESE: &str = "委员会下午开会，一致认为报告应当更短、更清楚，并在月底之前完成。";

/// All of them, in the order of the table.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        chat("short chat", "gpt-4o", "What is the capital of France?").to("gpu-large"),
        chat("short chat, small model", "llama-8b", "What is the capital of France?")
            .to("gpu-small"),
        chat("long document", "llama-8b", &PROSE.repeat(400)).to("gpu-large"),
        chat("source code", "llama-8b", &CODE.repeat(30)).to("gpu-small"),
        chat("Chinese text", "llama-8b", &CHINESE.repeat(60)).to("gpu-small"),
        stream("streaming", "gpt-4o", Http::V1_1).to("gpu-large"),
        stream("streaming over HTTP/2", "llama-8b", Http::V2).to("gpu-small"),
        tools().to("gpu-large"),
        anthropic().to("gpu-small"),
        chat("unknown model", "gpt-9", "Hello?").refused(404),
    ];
    let malformed = Case {
        request: ClientRequest::post(CHAT, r#"{"model": "gpt-4o", "messages": [oops"#),
        ..chat("malformed JSON", "gpt-4o", "")
    };
    cases.push(malformed.to("gpu-large"));
    let other = ClientRequest { path: "/healthz".to_owned(), ..ClientRequest::default() };
    cases.push(Case { request: other, ..chat("no LLM request", "-", "") }.to("llm-default"));
    cases
}

/// Those of a demo. A small real model gets what it can answer soon: short prompts, and few tokens to
/// write.
#[must_use]
pub fn cases_for(llm: DemoLlm) -> Vec<Case> {
    let all = cases().into_iter();
    match llm {
        DemoLlm::Scripted => all.collect(),
        DemoLlm::Real => all.filter_map(Case::briefly).collect(),
    }
}

/// So many tokens may a real model write.
const BRIEF: u32 = 24;

impl Case {
    /// With a short answer, if it has a short prompt and is about a model.
    fn briefly(self) -> Option<Self> {
        let [frame] = self.request.frames.as_slice() else { return None };
        let mut body: Value = serde_json::from_slice(&frame.data).ok()?;
        if frame.data.len() > 300 {
            return None;
        }
        body.as_object_mut()?.insert("max_tokens".to_owned(), BRIEF.into());
        let request = ClientRequest::post(&self.request.path, body.to_string());
        let request = ClientRequest { http: self.request.http, ..request };
        Some(Self { request, ..self })
    }

    fn to(self, pool: &'static str) -> Self {
        Self { pool: Some(pool), status: 200, ..self }
    }

    fn refused(self, status: u16) -> Self {
        Self { pool: None, status, ..self }
    }
}

fn case(name: &'static str, model: &'static str, path: &str, body: &Value) -> Case {
    let request = ClientRequest::post(path, body.to_string());
    Case { name, model, request, status: 200, pool: None }
}

fn chat(name: &'static str, model: &'static str, prompt: &str) -> Case {
    let messages = json!([{"role": "user", "content": prompt}]);
    case(name, model, CHAT, &json!({"model": model, "messages": messages}))
}

fn stream(name: &'static str, model: &'static str, http: Http) -> Case {
    let messages = json!([
        {"role": "system", "content": "You are brief."},
        {"role": "user", "content": "Summarise the meeting."},
    ]);
    let body = json!({"model": model, "messages": messages, "stream": true});
    let case = case(name, model, CHAT, &body);
    Case { request: ClientRequest { http, ..case.request }, ..case }
}

fn tools() -> Case {
    let parameters = json!({"type": "object", "properties": {"city": {"type": "string"}}});
    let tool = json!({"type": "function", "function": {
        "name": "weather", "description": "Today's weather in a city", "parameters": parameters}});
    let body = json!({
        "model": "llama-70b", "tools": [tool],
        "messages": [{"role": "user", "content": "Will it rain in Zürich today?"}],
    });
    case("tools", "llama-70b", CHAT, &body)
}

fn anthropic() -> Case {
    let body = json!({
        "model": "llama-8b", "max_tokens": 200, "system": "You are brief.",
        "messages": [{"role": "user", "content": "Summarise the meeting."}],
    });
    case("Anthropic messages", "llama-8b", "/v1/messages", &body)
}
