//! The SDKs of OpenAI and Anthropic through a real Envoy: with `token_metrics` they yield what they yield
//! without it, byte for byte, however the servers write and cut their answers.
//!
//! Every call goes three ways: straight to a scripted server, through Envoy with the router alone, and
//! through Envoy with `token_metrics` besides. Compared is everything that the SDK gives to its user
//! (`model_dump_json` of each chunk, in order, and how it ended).
//!
//! # What a client can see
//! OpenAI's servers write `"usage":null` into every other chunk of a stream that was asked for usage. It
//! passes. `usage` is null for the SDK's user either way; only who asks which members were there at all
//! (`exclude_unset`, or the bytes) sees it, and that it is all that is to be seen is asserted here.
//!
//! A server that reports in an event of its own without being asked cannot be told from one that was
//! asked by us: that event is missing. This is asserted, too.

use std::collections::BTreeMap;
use std::time::Duration;

use host_sim::envoy::RunningEnvoy;
use host_sim::parts::{Part, Parts, Without};
use host_sim::upstream::{Received, Script, UpstreamServer};
use serde_json::{Value, json};
use tests::envoy::{before, listener};
use tests::python::Python;

/// Of these the bytes are compared, too.
const RAW: [&str; 5] = [
    "chat stream",
    "chat stream, usage wanted",
    "completions stream",
    "responses stream",
    "messages stream",
];

/// A member that OpenAI's servers add where usage was asked for.
const NULL_USAGE: &str = ",\"usage\":null";

/// The three ways of a call.
struct Ways {
    python: Python,
    server: UpstreamServer,
    without: RunningEnvoy,
    with: RunningEnvoy,
}

/// What the clients got on each.
struct Seen {
    straight: Value,
    without: Value,
    with: Value,
}

/// How they are called; all of them by default.
#[derive(Clone, Default)]
struct Calls {
    calls: Option<Vec<&'static str>>,
    raw: Vec<&'static str>,
    leave_after: Option<usize>,
}

impl Ways {
    /// None when a part is left out by name.
    async fn start() -> Option<Self> {
        let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
        if [Part::Envoy, Part::Python].iter().any(|part| without.leaves_out(*part)) {
            eprintln!("left out: the SDKs through Envoy, because LLM_MESH_WITHOUT names a part");
            return None;
        }
        let parts = Parts::here().unwrap_or_else(|error| panic!("{error}"));
        let python = Python::with_clients(&parts, "clients.py");
        let server = UpstreamServer::start(Script::default()).await.expect("a free port");
        let metrics = json!({"token_metrics": {"labels": []}});
        let without = before(&parts, server.address(), json!({"token_metrics": null})).await;
        let with = before(&parts, server.address(), metrics).await;
        Some(Self { python, server, without, with })
    }

    /// Makes calls on every way while the server answers each with this reply.
    fn call(&mut self, reply: &Value, calls: &Calls) -> Seen {
        let addresses = [self.server.address(), listener(&self.without), listener(&self.with)];
        let script = Script::from_json(json!([reply])).unwrap_or_else(|error| panic!("{error}"));
        self.server.set_script(script);
        let [straight, without, with] = addresses.map(|base| {
            let Calls { calls, raw, leave_after } = calls;
            let base = base.to_string();
            let order =
                json!({"base": base, "calls": calls, "raw": raw, "leave_after": leave_after});
            tokio::task::block_in_place(|| self.python.ask(&order))
        });
        Seen { straight, without, with }
    }

    /// A counter of the filter's, all its series that have this in their names.
    async fn counted(&self, name: &str, label: &str) -> f64 {
        let metrics = self.with.metrics().await.unwrap_or_else(|error| panic!("{error}"));
        let of = |(series, value): (&String, &f64)| {
            (series.contains(name) && series.contains(label)).then_some(*value)
        };
        metrics.iter().filter_map(of).sum()
    }
}

impl Seen {
    /// What the SDKs yielded is the same on every way, and how it ended with and without the filter.
    fn compare(&self, reply: &str) {
        for kind in ["sync", "async"] {
            let calls = self.with[kind].as_object().expect("calls");
            for (call, with) in calls {
                let what = format!("{reply}: {call} ({kind})");
                let (without, straight) = (&self.without[kind][call], &self.straight[kind][call]);
                assert_eq!(with["yielded"], without["yielded"], "{what}");
                assert_eq!(with["end"], without["end"], "{what}");
                assert_eq!(with["yielded"], straight["yielded"], "{what}");
                same_but_null_usage(&what, &with["set"], &without["set"]);
            }
        }
        for (call, with) in self.with["raw"].as_object().expect("calls") {
            same_but_null_usage(&format!("{reply}: {call}"), with, &self.without["raw"][call]);
        }
    }
}

#[track_caller]
fn same_but_null_usage(what: &str, with: &Value, without: &Value) {
    let bare = |seen: &Value| seen.to_string().replace('\\', "").replace(NULL_USAGE, "");
    // Where both are the same to the byte, nothing is left out of the comparison.
    if with != without {
        assert_eq!(bare(with), bare(without), "{what}");
    }
}

fn text(words: usize) -> String {
    "Grüße, 委员会 — nehmen Sie einen Schirm mit. 🌧️ ".repeat(words / 8 + 1)
}

/// Servers that do their work, in many ways of writing and cutting.
fn good() -> Vec<(&'static str, Value)> {
    let call = json!([{"name": "weather", "arguments": "{\"city\": \"Zürich\"}"},
                      {"name": "clothes", "arguments": "{}"}]);
    let reasoning = json!({"reasoning": text(10), "text": text(4), "tool_calls": call});
    let usage = json!({"prompt": 1000, "completion": 90, "cached": 960, "reasoning": 30});
    vec![
        ("an event in each frame", json!({"text": text(20)})),
        ("reasoning and tools", reasoning),
        ("many frames for an event", json!({"tool_calls": call, "frame_bytes": 7})),
        ("a byte in each frame", json!({"text": "Grüße 🌧️", "frame_bytes": 1})),
        ("many events in a frame", json!({"text": text(40), "frame_bytes": 1500})),
        ("all in one frame", json!({"text": text(40), "frame_bytes": 1_000_000})),
        ("no usage", json!({"text": text(8), "reports_usage": false})),
        ("other tokens", json!({"reasoning": text(4), "finish": "length", "usage": usage})),
    ]
}

/// A server that fails after three tokens.
fn failing(fault: &str) -> Value {
    let (gap, end) = ("2ms", "50ms");
    json!({"text": text(8), "between_tokens": gap, "between_frames": end, "fault": fault,
           "after_tokens": 3})
}

/// Servers that fail.
fn bad() -> Vec<(&'static str, Value)> {
    vec![
        ("429", json!({"status": 429, "headers": {"retry-after": "7"}})),
        ("400", json!({"status": 400})),
        ("503", json!({"status": 503})),
        ("an error event", failing("error_event")),
        ("no end", failing("truncate")),
        ("nothing", json!({"fault": "empty"})),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sdks_yield_the_same_bytes_with_token_metrics_and_without() {
    let Some(mut ways) = Ways::start().await else { return };
    let all = Calls { raw: RAW.to_vec(), ..Calls::default() };
    for (name, reply) in good() {
        ways.call(&reply, &all).compare(name);
    }
    assert!(ways.counted("llm_usage_ask_total", "removed").await > 0.0, "nothing was asked");
    for (name, reply) in bad() {
        ways.call(&reply, &Calls::default()).compare(name);
    }
    // Envoy closes such a connection a second later, so only a few of them.
    let few = vec!["chat", "chat stream", "messages stream"];
    let few = Calls { calls: Some(few), ..Calls::default() };
    ways.call(&failing("reset"), &few).compare("a reset");
    only_what_was_asked_for_is_changed(&mut ways);
    a_client_leaves_in_the_middle(&mut ways).await;
    servers_that_write_otherwise(&mut ways);
    a_report_that_nobody_asked_for_is_missing(&mut ways);
}

/// Requests of which servers are asked for usage by us.
const ASKED: [&str; 7] = [
    "chat stream",
    "chat stream, tools",
    "chat stream, two choices",
    "chat stream, usage not wanted",
    "chat stream, other options",
    "chat stream, accumulated",
    "completions stream",
];

/// The servers' side of it.
fn only_what_was_asked_for_is_changed(ways: &mut Ways) {
    let before = ways.server.received().len();
    ways.call(&json!({}), &Calls::default());
    let received = ways.server.received().split_off(before);
    let each = received.len() / 3;
    let by_call = |way: usize| -> BTreeMap<String, &Received> {
        let received = received.iter().skip(way * each).take(each);
        received.map(|r| (r.header_text("x-call").expect("a name"), r)).collect()
    };
    let (without, with) = (by_call(1), by_call(2));
    let mut asked = Vec::new();
    for (call, with) in &with {
        let without = without[call];
        if with.body != without.body {
            asked.push(call.as_str());
            let (changed, original) = (json_of(with), json_of(without));
            assert_eq!(changed["stream_options"]["include_usage"], true, "{call}");
            if let Some(options) = original.get("stream_options") {
                let mut wanted = options.clone();
                wanted["include_usage"] = true.into();
                assert_eq!(changed["stream_options"], wanted, "{call}");
            }
            assert_eq!(without_options(changed), without_options(original), "{call}");
        }
        if !with.body.is_empty() {
            assert_eq!(with.header_text("content-length"), Some(with.body.len().to_string()));
        }
    }
    let mut expected = ASKED.to_vec();
    expected.sort_unstable();
    assert_eq!(asked, expected);
}

fn json_of(received: &Received) -> Value {
    serde_json::from_slice(&received.body).expect("a body")
}

fn without_options(mut body: Value) -> Value {
    body.as_object_mut().expect("an object").remove("stream_options");
    body
}

/// Streams that the client has enough of after some chunks.
async fn a_client_leaves_in_the_middle(ways: &mut Ways) {
    let streams = ["chat stream", "completions stream", "responses stream", "messages stream"];
    let calls = Calls { calls: Some(streams.to_vec()), leave_after: Some(5), ..Calls::default() };
    let aborted = ways.counted("llm_usage_requests_total", "outcome=\"aborted\"").await;
    let seen = ways.call(&json!({"text": text(200), "between_tokens": "20ms"}), &calls);
    seen.compare("left in the middle");
    for call in streams {
        assert_eq!(seen.with["sync"][call]["end"], "left", "{call}");
        assert_eq!(seen.with["sync"][call]["yielded"].as_array().map(Vec::len), Some(5), "{call}");
    }
    // The proxy hears of it a moment later than the client says it.
    let wanted = aborted + 2.0 * streams.len() as f64;
    for _ in 0..200 {
        if ways.counted("llm_usage_requests_total", "outcome=\"aborted\"").await >= wanted {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let counted = ways.counted("llm_usage_requests_total", "outcome=\"aborted\"").await;
    assert_eq!(counted, wanted, "streams that were left");
}

const CHAT_STREAMS: [&str; 3] =
    ["chat stream", "chat stream, usage wanted", "chat stream, accumulated"];

/// Streams of other servers, sent whatever the client asks for.
fn servers_that_write_otherwise(ways: &mut Ways) {
    let head = r#""id":"1","object":"chat.completion.chunk","created":1,"model":"m""#;
    let usage = r#""usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11}"#;
    let choice = |delta: &str, finish: &str| {
        format!(r#""choices":[{{"index":0,"delta":{delta},"finish_reason":{finish}}}]"#)
    };
    let word = |word: &str| choice(&format!(r#"{{"content":"{word}"}}"#), "null");
    let end = choice("{}", "\"stop\"");
    let streams = [
        (
            "a first event without choices",
            format!(
                "data: {{{head},\"choices\":[],\"prompt_filter_results\":[{{\"prompt_index\":0}}]}}\n\n\
                 data: {{{head},{}}}\n\ndata: {{{head},{end}}}\n\ndata: [DONE]\n\n",
                word("a")
            ),
        ),
        (
            "usage beside the last choice",
            format!(
                "data: {{{head},{}}}\n\ndata: {{{head},{end},{usage}}}\n\ndata: [DONE]\n\n",
                word("a")
            ),
        ),
        (
            "usage in every event, CRLF, comments, no blanks",
            format!(
                ": hello\r\n\r\nevent: x\r\nid: 7\r\ndata:{{{head},{},{usage}}}\r\n\r\n: again\r\n\r\n\
                 data:{{{head},{end},{usage}}}\r\n\r\ndata:[DONE]\r\n\r\n",
                word("\\u00fc")
            ),
        ),
        (
            "an end without a mark",
            format!("data: {{{head},{}}}\n\ndata: {{{head},{end}}}\n\n", word("a")),
        ),
        ("no event at all", "<html>busy</html>".to_owned()),
    ];
    let calls =
        Calls { calls: Some(CHAT_STREAMS.to_vec()), raw: RAW[..2].to_vec(), leave_after: None };
    for (name, body) in streams {
        for frame_bytes in [1, 50, 100_000] {
            let headers = json!({"content-type": "text/event-stream; charset=utf-8"});
            let reply = json!({"body": body, "headers": headers, "frame_bytes": frame_bytes});
            let seen = ways.call(&reply, &calls);
            seen.compare(name);
            assert_eq!(seen.with["raw"], seen.without["raw"], "{name}");
            assert_eq!(seen.with["raw"]["chat stream"], body, "{name}");
        }
    }
}

/// What cannot be told from an answer to our question.
fn a_report_that_nobody_asked_for_is_missing(ways: &mut Ways) {
    let first = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";
    let report =
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1}}\n\n";
    let body = format!("{first}{report}data: [DONE]\n\n");
    let reply = json!({"body": body, "headers": {"content-type": "text/event-stream"}});
    let calls = Calls { calls: Some(vec![]), raw: RAW[..2].to_vec(), leave_after: None };
    let seen = ways.call(&reply, &calls);
    assert_eq!(seen.without["raw"]["chat stream"], body);
    assert_eq!(seen.with["raw"]["chat stream"], body.replace(report, ""));
    assert_eq!(seen.with["raw"]["chat stream, usage wanted"], body);
}
