//! Requests of every kind that token-metrics tells apart, what the servers answer, and what has to be
//! counted for them.
//!
//! Whatever a server reports is written here as a number, so the ledger needs nobody's arithmetic but its own.
//! The large model is well: all it answers is whole and reported. What goes wrong, goes wrong at the small one.

use std::time::Duration;

use host_sim::client::ClientRequest;
use host_sim::upstream::{Fault, Reply, ToolCall, Usage};
use serde_json::{Value, json};

/// The model, and the pool that answers for it.
pub const LARGE: (&str, &str) = ("llama-70b", "gpu-large");
/// The other.
pub const SMALL: (&str, &str) = ("llama-8b", "gpu-small");

/// For a million tokens of the large model.
pub const PRICE: Price = Price { input: 2, output: 8, cached_input: 1 };
/// A silence of this length is a stall; the one that is scripted lasts longer.
pub const STALL_AFTER: Duration = Duration::from_millis(700);
/// The first token of the large model's streams comes after this.
pub const FIRST_TOKEN: Duration = Duration::from_millis(270);

/// Whole units of a currency.
pub struct Price {
    /// Prompts.
    pub input: u64,
    /// Answers.
    pub output: u64,
    /// What of a prompt came from a cache.
    pub cached_input: u64,
}

/// One exchange.
pub struct Exchange {
    /// What happens.
    pub name: &'static str,
    /// The pool that gets it; none for a request that no server sees.
    pub pool: Option<&'static str>,
    /// What the client sends.
    pub request: ClientRequest,
    /// What the server answers.
    pub reply: Reply,
    /// How it is counted.
    pub outcome: &'static str,
    /// What the server reports, if it comes to that.
    pub usage: Option<Usage>,
}

const CHAT: &str = "/v1/chat/completions";
const TEXT: &str = "The committee agreed that the report should be shorter and ready by Friday.";

/// All of them, in the order in which they are sent.
pub fn exchanges() -> Vec<Exchange> {
    let usage =
        |prompt, completion, cached, reasoning| Usage { prompt, completion, cached, reasoning };
    let asks = json!({"stream": true, "stream_options": {"include_usage": true}});
    let streams = json!({"stream": true});
    let large = |name, more: &Value, counts| {
        let reply = Reply { first_token_after: FIRST_TOKEN, usage: Some(counts), ..talkative() };
        Exchange { usage: Some(counts), ..to(LARGE, name, more, reply) }
    };
    let small = |name, more: &Value, reply| to(SMALL, name, more, reply);
    let broken = |fault| Reply { fault: Some(fault), after_tokens: 5, ..talkative() };
    let header = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();

    let mut queued = large("an answer in one piece", &json!({}), usage(300, 30, 200, 0));
    queued.reply.headers = header("x-queue-time", "40");
    let mut left = small("a client that goes away", &streams, talkative()).ends("aborted");
    left.request.reset_after_bytes = Some(400);
    let mut stalled = small("a silence", &streams, broken(Fault::Stall)).ends("stalled");
    stalled.request.give_up_after = STALL_AFTER * 2;
    let call = ToolCall { name: "search".to_owned(), arguments: r#"{"q": "x"}"#.to_owned() };
    let tools = Reply { tool_calls: vec![call], ..talkative() };
    let length = Reply { finish: Some("length".to_owned()), ..talkative() };
    let encoded = Reply {
        headers: header("content-encoding", "gzip"),
        body: Some("no gzip, but nobody looks".to_owned()),
        ..Reply::default()
    };
    let refused = Exchange {
        pool: None,
        ..to(("gpt-9", "nobody"), "an unknown model", &json!({}), Reply::default()).ends("refused")
    };
    vec![
        large("a stream whose client asks for usage", &asks, usage(100, 20, 40, 5)),
        large("a stream whose client does not", &streams, usage(1200, 50, 160, 0)),
        queued,
        to(LARGE, "an error", &json!({}), Reply { status: 500, ..Reply::default() }).ends("failed"),
        left,
        stalled,
        small("a stream without its end", &streams, broken(Fault::Truncate)).ends("truncated"),
        small("an error inside a 200", &streams, broken(Fault::ErrorEvent)).ends("error_event"),
        small("tools", &streams, tools),
        small("an answer that is cut short", &json!({}), length),
        small("no usage", &json!({}), Reply { reports_usage: false, ..talkative() }),
        small("an encoded answer", &json!({}), encoded),
        refused,
    ]
}

impl Exchange {
    fn ends(self, outcome: &'static str) -> Self {
        Self { outcome, ..self }
    }

    /// Whether the large model's server had it.
    pub fn is_large(&self) -> bool {
        self.pool == Some(LARGE.1)
    }

    /// What it cost, in millionths: a price for a million tokens is one for each, in these.
    pub fn micros(&self) -> u64 {
        let Some(usage) = self.usage.filter(|_| self.is_large()) else { return 0 };
        (usage.prompt - usage.cached) * PRICE.input
            + usage.cached * PRICE.cached_input
            + usage.completion * PRICE.output
    }
}

fn talkative() -> Reply {
    Reply {
        text: Some(TEXT.to_owned()),
        between_tokens: Duration::from_millis(15),
        ..Reply::default()
    }
}

fn to(
    (model, pool): (&'static str, &'static str),
    name: &'static str,
    more: &Value,
    reply: Reply,
) -> Exchange {
    let mut body = json!({"model": model, "messages": [{"role": "user", "content": "Summarise."}]});
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    let request = ClientRequest::post(CHAT, body.to_string());
    Exchange { name, pool: Some(pool), request, reply, outcome: "complete", usage: None }
}
