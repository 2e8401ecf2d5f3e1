//! Servers that fail inside a 200, and clients that never notice: the SDKs, and a thousand streams at once,
//! through a real Envoy with the chain of `manifests/envoy/fallback.yaml`.
//!
//! The first pool's server answers 200, and then sends an error in the place of the first token. The proxy
//! has tried the next pool before anything of that was sent on.

use std::net::SocketAddr;

use bytes::Bytes;
use host_sim::envoy::RunningEnvoy;
use host_sim::parts::{Part, Parts, Without};
use host_sim::upstream::{Script, UpstreamServer};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tests::envoy::{bootstrap, listener, start};
use tests::python::Python;

const FILE: &str = "manifests/envoy/fallback.yaml";

/// The servers of the chain, and the proxy before them.
struct Chain {
    gpu_a: UpstreamServer,
    gpu_b: UpstreamServer,
    provider: UpstreamServer,
    envoy: RunningEnvoy,
}

impl Chain {
    /// None when a part is left out by name.
    async fn start(parts: &Parts, gpu_a: Value, gpu_b: Value) -> Option<Self> {
        let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
        if without.leaves_out(Part::Envoy) {
            eprintln!("left out: chains of pools, because LLM_MESH_WITHOUT names envoy");
            return None;
        }
        let [gpu_a, gpu_b, provider] = [
            server(gpu_a).await,
            server(gpu_b).await,
            server(json!({"text": "the provider"})).await,
        ];
        let address = |cluster: &str| match cluster {
            "gpu-a" => gpu_a.address(),
            "gpu-b" => gpu_b.address(),
            _ => provider.address(),
        };
        // The SDKs of the test ask for this model; all servers fail alike, so the breaker has to wait.
        let breaker = json!({"consecutive_failures": 1_000_000, "failure_percent": 100, "min_requests": 1_000_000});
        let retry = json!({"attempts": 3, "along": "fallback", "token_budget_percent": 1000, "body_limit": "4MiB"});
        let patch = json!({
            "models": [{"name": "llama-70b", "aliases": ["llama-8b"]}, {"name": "small"}],
            "retry_breaker": [{"pool": "gpu-a", "retry": retry, "breaker": breaker}],
        });
        let mut bootstrap = bootstrap(parts, FILE, address, patch);
        bootstrap["static_resources"]["secrets"][0]["generic_secret"]["secret"] =
            json!({"inline_string": "key-of-the-provider"});
        let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().expect("clusters");
        for cluster in clusters {
            // What is seen here is what the filters do, not what Envoy does beside them.
            cluster.as_object_mut().expect("a cluster").remove("outlier_detection");
            cluster["circuit_breakers"] = json!({"thresholds": [{"max_connections": 10_000,
                "max_pending_requests": 10_000, "max_requests": 10_000, "max_retries": 10_000}]});
        }
        let envoy = start(parts, &bootstrap).await;
        Some(Self { gpu_a, gpu_b, provider, envoy })
    }

    fn heard(&self) -> [usize; 3] {
        [&self.gpu_a, &self.gpu_b, &self.provider].map(|server| server.received().len())
    }
}

async fn server(reply: Value) -> UpstreamServer {
    let script = Script::from_json(json!([reply])).unwrap_or_else(|error| panic!("{error}"));
    UpstreamServer::start(script).await.expect("a free port")
}

fn failing() -> Value {
    json!({"fault": "error_event", "text": "model A"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_iterator_of_a_client_yields_the_next_models_answer_and_no_exception() {
    let parts = Parts::here().unwrap_or_else(|error| panic!("{error}"));
    let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
    if without.leaves_out(Part::Python) {
        eprintln!("left out: the SDKs and chains of pools, because LLM_MESH_WITHOUT names python");
        return;
    }
    let said = "This is what model B says.";
    let chain = Chain::start(&parts, failing(), json!({"text": said})).await;
    let Some(chain) = chain else { return };
    let mut python = Python::with_clients(&parts, "clients.py");
    let calls =
        ["chat stream", "chat", "chat stream, tools", "messages stream", "responses stream"];
    let order = json!({"base": listener(&chain.envoy).to_string(), "calls": calls, "raw": [], "leave_after": null});
    let seen = tokio::task::block_in_place(|| python.ask(&order));
    for kind in ["sync", "async"] {
        for call in calls {
            let what = format!("{call} ({kind})");
            assert_eq!(seen[kind][call]["end"], "complete", "{what}");
            let yielded = seen[kind][call]["yielded"].to_string();
            assert!(!yielded.contains("model A"), "{what}: {yielded}");
            // Streams have a word in each chunk.
            assert!(yielded.contains("says"), "{what}: {yielded}");
        }
    }
    let all = 2 * calls.len();
    assert_eq!(chain.heard(), [all, all, 0]);
}

/// How many streams there are at once.
fn streams() -> usize {
    let wanted = std::env::var("LLM_MESH_STREAMS").ok();
    wanted.map_or(200, |text| text.parse().expect("LLM_MESH_STREAMS is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_at_once_are_all_answered_and_no_token_is_lost_or_doubled() {
    let parts = Parts::here().unwrap_or_else(|error| panic!("{error}"));
    let text = "one two three four five six seven eight nine ten";
    let Some(chain) = Chain::start(&parts, failing(), json!({"text": text})).await else { return };
    let address = listener(&chain.envoy);
    let tasks: Vec<_> = (0..streams()).map(|_| tokio::spawn(stream(address))).collect();
    for task in tasks {
        let (status, body) = task.await.expect("no panic");
        assert_eq!(status, 200, "{body}");
        assert_eq!(said(&body), text);
        assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
    }
    assert_eq!(chain.heard(), [streams(), streams(), 0]);
}

async fn stream(address: SocketAddr) -> (u16, String) {
    let body = json!({"model": "llama-70b", "stream": true, "messages": [{"role": "user", "content": "Count"}]});
    let socket = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.expect("HTTP");
    let driver = tokio::spawn(connection);
    let request = Request::post("/v1/chat/completions")
        .header("host", "llm")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.expect("all of it").to_bytes();
    driver.abort();
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// The text of a stream, piece by piece.
fn said(body: &str) -> String {
    let events = body.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
    let json = events.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    json.filter_map(|e| e["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
}
