//! A real model behind a real Envoy with `token_metrics`, called by the real SDKs: what the filter counts is what
//! the model has counted, nothing that the clients did not ask for reaches them, and the router's
//! count of prompts comes to that of a vocabulary which nobody told it.
//!
//! The model is llama.cpp's with SmolLM2-135M. Its own counters (`/metrics`) are the ledger, because it also
//! tells there what it tells no client.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use host_sim::envoy::RunningEnvoy;
use host_sim::llama::{Counted, MODEL, RunningLlama};
use host_sim::parts::{Part, Parts, Without};
use serde_json::{Value, json};
use tests::envoy::{before, listener};
use tests::python::Python;

/// A call, and what it is about.
type Call = (&'static str, String);

/// A line of the access log: its fields.
type Line = BTreeMap<String, String>;

/// After so many prompts the counts have to be right; each is sent four times.
const LEARNT: usize = 20;

struct Mesh {
    python: Python,
    llama: RunningLlama,
    envoy: RunningEnvoy,
}

impl Mesh {
    /// None when a part is left out by name.
    async fn start() -> Option<Self> {
        let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
        if [Part::Envoy, Part::Python, Part::Model].iter().any(|part| without.leaves_out(*part)) {
            eprintln!("left out: a real model, because LLM_MESH_WITHOUT names a part of it");
            return None;
        }
        let parts = Parts::here().unwrap_or_else(|error| panic!("{error}"));
        let python = Python::with_clients(&parts, "real_model.py");
        let llama = RunningLlama::start(&parts).await.unwrap_or_else(|error| panic!("{error}"));
        let patch = json!({
            "models": [{"name": MODEL}],
            "pools": [{"name": "gpu-large", "model": MODEL}],
            "token_router": {"rules": []},
            "retry_breaker": [{"pool": "gpu-large", "retry": {"attempts": 1}}],
            "token_metrics": {"prices": null},
        });
        let envoy = before(&parts, llama.address(), patch).await;
        Some(Self { python, llama, envoy })
    }

    /// Makes calls, one after the other, and gives what the clients saw of each.
    fn call_envoy(&mut self, calls: &[Call]) -> Vec<Value> {
        self.call(listener(&self.envoy), calls)
    }

    /// The same, without a proxy.
    fn call_model(&mut self, calls: &[Call]) -> Vec<Value> {
        self.call(self.llama.address(), calls)
    }

    fn call(&mut self, base: SocketAddr, calls: &[Call]) -> Vec<Value> {
        let order = json!({"base": base.to_string(), "calls": calls});
        let seen = tokio::task::block_in_place(|| self.python.ask(&order));
        seen.as_array().expect("a list").clone()
    }

    /// The filter's sum of tokens.
    async fn tokens(&self, kind: &str, source: &str) -> u64 {
        let (kind, source) = (format!("type=\"{kind}\""), format!("source=\"{source}\""));
        self.sum("llm_usage_tokens_total", &[&kind, &source]).await
    }

    async fn sum(&self, name: &str, labels: &[&str]) -> u64 {
        let metrics = self.envoy.metrics().await.unwrap_or_else(|error| panic!("{error}"));
        let is_one = |series: &str| {
            series.contains(name) && labels.iter().all(|label| series.contains(label))
        };
        let values = metrics.iter().filter(|(series, _)| is_one(series));
        values.map(|(_, value)| *value as u64).sum()
    }

    async fn counted(&self) -> Counted {
        self.llama.counted().await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The access log of what came to the model, once it has so many lines.
    async fn access_log(&self, lines: usize) -> Vec<Line> {
        let fields = |line: &str| -> Line {
            let pairs = line.split_whitespace().filter_map(|word| word.split_once('='));
            pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        };
        for _ in 0..200 {
            let log = self.envoy.output();
            let log: Vec<Line> = log.lines().map(fields).collect();
            let log: Vec<Line> =
                log.into_iter().filter(|line| line["outcome"] != "failed").collect();
            if log.len() >= lines {
                assert_eq!(log.len(), lines, "lines of the access log");
                return log;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the access log has no {lines} lines:\n{}", self.envoy.output());
    }
}

fn number(line: &Line, field: &str) -> u64 {
    line[field].parse().unwrap_or_else(|_| panic!("{field} of {line:?}"))
}

/// What people write to a model, of several kinds: number `n`.
fn prompt(n: usize) -> String {
    let city = ["Paris", "Zürich", "Nairobi", "Kyoto", "Lima", "Oslo", "Porto"][n % 7];
    let thing = ["umbrella", "bicycle", "telescope", "notebook", "kettle"][n % 5];
    match n % 8 {
        0 => format!("What would you see first if you came to {city} with a {thing} in the rain?"),
        1 => {
            format!("fn {thing}(x: u32) -> u32 {{ x.pow(2) + {n} }} // what does it return for 7?")
        }
        2 => format!("Please write a short letter to the {thing} shop in {city} about order {n}."),
        3 => format!(
            "{{\"city\": \"{city}\", \"item\": \"{thing}\", \"price\": {n}.50}} Is it valid?"
        ),
        4 => format!("请用一句话介绍一下{city}的天气，以及{n}月份应该穿什么衣服。"),
        5 => format!(
            "Was kostet ein gebrauchtes Fahrrad in {city}, und wo fände ich eines für {n} Euro?"
        ),
        6 => format!("1. {thing}\n2. {city}\n3. {n}\n\nSort this list and say why, in one line."),
        _ => format!(
            "Summarise: the {thing} was sold in {city} for {n} coins, then it was lost again."
        ),
    }
}

/// Two hundred calls, four about each prompt: reading a prompt again costs the model nothing.
fn two_hundred() -> Vec<Call> {
    let others = ["responses_stream", "completion_stream", "messages", "chat_usage", "responses"];
    let about = |n: usize| {
        let calls = ["chat_stream", "chat", "messages_stream", others[n % others.len()]];
        calls.map(|call| (call, prompt(n)))
    };
    (0..50).flat_map(about).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_real_model_counted_is_what_is_counted() {
    let Some(mut mesh) = Mesh::start().await else { return };
    let calls = two_hundred();
    let seen = mesh.call_envoy(&calls);
    let log = mesh.access_log(calls.len()).await;
    nothing_more_is_seen(&calls, &seen);
    the_sums_are_the_models(&mesh, &calls, &seen, &log).await;
    prompts_are_counted_ever_better(&calls, &log);
    streams_that_are_left_are_counted_apart(&mut mesh, &calls).await;
    answers_have_the_form_of_the_models(&mut mesh);
}

/// Usage comes to those who asked for it, and to those whose API always tells it.
fn nothing_more_is_seen(calls: &[Call], seen: &[Value]) {
    for ((call, about), seen) in calls.iter().zip(seen) {
        let what = format!("{call}: {about}: {seen}");
        let told = seen["usage"].as_array().map_or(0, Vec::len);
        let expected = match *call {
            // Responses tell it inside the response.
            "chat_stream" | "responses_stream" => 0,
            _ => 1,
        };
        assert_eq!(told, expected, "{what}");
        assert_eq!(seen["without_choices"], u8::from(*call == "chat_usage"), "{what}");
    }
}

/// What was reported, summed in the proxy, is what the model has counted itself.
async fn the_sums_are_the_models(mesh: &Mesh, calls: &[Call], seen: &[Value], log: &[Line]) {
    let counted = mesh.counted().await;
    // An Anthropic stream of llama.cpp has no `message_start` where the first token is half a character. Nobody
    // is told then how long the prompt was; here it is known from the chat before, which had the same.
    let (mut untold, mut untold_cached) = (0, 0);
    for (at, (call, _)) in calls.iter().enumerate() {
        assert_eq!(log[at]["usage_source"], "reported", "{call}");
        if *call == "messages_stream" && seen[at]["starts"] == 0 {
            assert_eq!(log[at]["input_tokens"], "-");
            untold += number(&log[at - 1], "input_tokens");
            untold_cached += number(&log[at - 1], "input_tokens") - 1;
        }
    }
    let reported = Counted {
        prompt: mesh.tokens("input", "reported").await + untold,
        cached: mesh.tokens("cached_input", "reported").await + untold_cached,
        generated: mesh.tokens("output", "reported").await,
    };
    assert_eq!(reported, counted, "{untold} tokens were told nobody");
    let streams = calls.iter().filter(|(call, _)| *call == "chat_stream").count() as u64;
    assert_eq!(mesh.sum("llm_usage_ask_total", &["removed"]).await, streams);
    // Completions are asked as well, and tell usage beside the last choice, which stays.
    let asked =
        calls.iter().filter(|(call, _)| ["chat_stream", "completion_stream"].contains(call));
    // Those that the model left unanswered were asked, too.
    assert!(mesh.sum("llm_usage_ask_total", &["asked"]).await >= asked.count() as u64);
}

/// The share by which the router's count of a prompt that it has not seen before is off.
fn prompts_are_counted_ever_better(calls: &[Call], log: &[Line]) {
    let is_new = |at: &usize| calls[*at].0 == "chat_stream";
    let error = |at: usize| {
        let (counted, truth) =
            (number(&log[at], "prompt_tokens"), number(&log[at], "input_tokens"));
        counted.abs_diff(truth) as f64 / truth as f64
    };
    let first: Vec<usize> = (0..calls.len()).filter(is_new).collect();
    assert!(
        log[first[0]]["token_source"] == "estimated" && error(first[0]) > 0.3,
        "it knew already"
    );
    let learnt = &first[LEARNT..];
    for at in learnt {
        assert_eq!(log[*at]["token_source"], "calibrated");
        assert!(error(*at) < 0.25, "{:?}: {:?}", calls[*at], log[*at]);
    }
    let mean = learnt.iter().map(|at| error(*at)).sum::<f64>() / learnt.len() as f64;
    let first_mean = first[..2].iter().map(|at| error(*at)).sum::<f64>() / 2.0;
    eprintln!("prompts off by {:.1} % at first, {:.1} % at last", first_mean * 100.0, mean * 100.0);
    assert!(mean < 0.08, "off by {mean} on average");
}

/// What was cut short is no report, and lies between what came and what was generated.
async fn streams_that_are_left_are_counted_apart(mesh: &mut Mesh, calls: &[Call]) {
    let before = (mesh.counted().await, mesh.tokens("output", "reported").await);
    let left: Vec<Call> = (0..10).map(|n| ("chat_left", prompt(100 + n))).collect();
    let seen = mesh.call_envoy(&left);
    let log = mesh.access_log(calls.len() + left.len()).await;
    // The first chunk has the role alone.
    let delivered = seen.iter().map(|seen| seen["chunks"].as_u64().expect("a number") - 1).sum();
    let counted = mesh.tokens("output", "aborted").await;
    let generated = mesh.counted().await.generated - before.0.generated;
    assert!((delivered..=generated).contains(&counted), "{delivered} {counted} {generated}");
    assert_eq!(mesh.tokens("output", "reported").await, before.1);
    for line in &log[calls.len()..] {
        assert_eq!(
            (line["outcome"].as_str(), line["usage_source"].as_str()),
            ("aborted", "aborted")
        );
    }
}

/// With the proxy and without it. llama.cpp tells its timings in the last event; where usage was asked for, that is
/// the event that is taken out again.
fn answers_have_the_form_of_the_models(mesh: &mut Mesh) {
    let kinds = ["chat", "chat_stream", "chat_usage", "completion_stream", "responses", "messages"];
    let calls = kinds.map(|call| (call, prompt(0)));
    let direct = mesh.call_model(&calls);
    let through = mesh.call_envoy(&calls);
    for ((call, direct), through) in kinds.iter().zip(direct).zip(through) {
        for part in ["first", "last", "without_choices"] {
            assert_eq!(direct[part], through[part], "{call}: {part}");
        }
        let lost = u8::from(*call == "chat_stream");
        let timings = |seen: &Value| seen["timings"].as_u64();
        assert_eq!(timings(&direct), timings(&through).map(|n| n + u64::from(lost)), "{call}");
    }
}
