//! New weights for a proxy that works: a real Envoy with several threads watches a file, `host-sim weights`
//! changes that file, and clients send all the time.
//!
//! Which version each client has to get is computed beside the proxy, by the split's own function. So nobody may
//! move who need not, and nobody who must may stay. A client keeps its connection, and with it its thread of
//! Envoy's: what each client sees is what one thread does, and every thread has clients.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use host_sim::envoy::{EnvoyOptions, RunningEnvoy};
use host_sim::model::EnvoyVersion;
use host_sim::parts::{Part, Parts, Without};
use host_sim::upstream::{Received, Script, UpstreamServer};
use host_sim::weights::{Wanted, plan};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tests::envoy::{bootstrap, listener};
use traffic_policy::catalog::{Catalog, RawPool};
use traffic_policy::record::fingerprint;
use traffic_policy::split::{RawArm, Split};

const FILE: &str = "manifests/envoy/canary.yaml";
const WORKERS: usize = 3;
const USERS: usize = 40;
/// How long a client waits between its requests.
const PAUSE: Duration = Duration::from_millis(40);
/// New weights have to be in force everywhere by then.
const WITHIN: Duration = Duration::from_secs(1);

/// What is written into the file, one after the other: a raise, blue and green, and all the way back.
const CHANGES: [[u32; 2]; 4] = [[60, 40], [0, 100], [100, 0], [90, 10]];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_weights_are_in_force_everywhere_within_a_second_and_move_only_who_has_to() {
    let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
    if without.leaves_out(Part::Envoy) {
        eprintln!("left out: new weights on a real Envoy");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let proxy = Proxy::start(folder.path()).await;
    // A stream that outlives every change; it is the first that the server of its version hears.
    let stream = tokio::spawn(one(proxy.address, "of-the-stream", true));
    proxy.servers[0].received_when(Duration::from_secs(5), |all| !all.is_empty()).await;

    let is_over = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..USERS)
        .map(|user| tokio::spawn(client(proxy.address, user, Arc::clone(&is_over))))
        .collect();
    let mut changes = vec![(Instant::now(), [90, 10])];
    for weights in CHANGES {
        tokio::time::sleep(WITHIN + Duration::from_millis(500)).await;
        proxy.change(weights);
        changes.push((Instant::now(), weights));
    }
    tokio::time::sleep(WITHIN + Duration::from_millis(500)).await;
    is_over.store(true, Ordering::SeqCst);

    let split = split();
    let mut answered = 0;
    for (user, client) in clients.into_iter().enumerate() {
        let answers = client.await.expect("no request fails");
        assert!(
            answers.len() > 2 * CHANGES.len(),
            "user {user} was answered {} times",
            answers.len()
        );
        let key = fingerprint(&name(user));
        for pair in changes.windows(2) {
            let [(from, before), (to, _)] = pair else { continue };
            follows(user, &answers, &split, key, (*from, *to), before);
        }
        never_wavers(user, &answers, &split, key);
        answered += answers.len();
    }
    let (status, version, body) = stream.await.expect("no request fails");
    assert_eq!((status, version.as_str()), (200, "v1"));
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");

    // A share of the first version's requests is heard by the third as well, which nobody waits for.
    let copies = proxy.servers[2].received();
    assert!((1..answered / 10).contains(&copies.len()), "{} of {answered}", copies.len());
    let of_first = |copy: &Received| copy.header_text("x-llm-version").as_deref() == Some("v1");
    assert!(copies.iter().all(of_first));

    let metrics = proxy.envoy.metrics().await.unwrap_or_else(|error| panic!("{error}"));
    let sum = |part: &str| -> f64 {
        metrics.iter().filter(|(name, _)| name.contains(part)).map(|(_, value)| value).sum()
    };
    assert_eq!(sum("llm_split_requests_total"), (answered + 1) as f64);
    for (version, weight) in [("v1", 90.0), ("v2", 10.0)] {
        let gauge = metrics.iter().find(|(name, _)| {
            name.contains("llm_split_weight") && name.contains(&format!("version=\"{version}\""))
        });
        assert_eq!(gauge.map(|(_, value)| *value), Some(weight), "{version}");
    }
    for worker in 0..WORKERS {
        let of_worker = |name: &&String| {
            name.contains("worker_downstream_cx_total") && name.contains(&format!("\"{worker}\""))
        };
        let connections = metrics.iter().find(|(name, _)| of_worker(name));
        assert!(
            connections.is_some_and(|(_, count)| *count > 0.0),
            "worker {worker} has no client"
        );
    }
}

/// Requests that began a second after these weights were written, and before the next were, have their version.
#[track_caller]
fn follows(
    user: usize,
    answers: &[Answer],
    split: &Split,
    key: u64,
    (from, to): (Instant, Instant),
    weights: &[u32; 2],
) {
    let arm = split.assign(key, weights).expect("some weight");
    let expected = &split.arms()[arm].version;
    let settled = answers.iter().filter(|answer| answer.begun > from + WITHIN && answer.ended < to);
    for answer in settled {
        let late = answer.begun - from;
        assert_eq!(&answer.version, expected, "user {user}, {late:?} after {weights:?}");
    }
}

/// A change is seen once: an answer by the old weights never comes behind one by the new ones.
#[track_caller]
fn never_wavers(user: usize, answers: &[Answer], split: &Split, key: u64) {
    let all = [[90, 10]].into_iter().chain(CHANGES);
    let version = |weights: [u32; 2]| {
        let arm = split.assign(key, &weights).expect("some weight");
        split.arms()[arm].version.clone()
    };
    let mut expected: Vec<String> = all.map(version).collect();
    expected.dedup();
    let mut seen: Vec<String> = answers.iter().map(|answer| answer.version.clone()).collect();
    seen.dedup();
    assert_eq!(seen, expected, "user {user}");
}

struct Proxy {
    envoy: RunningEnvoy,
    address: SocketAddr,
    /// The filter's file.
    file: PathBuf,
    servers: [UpstreamServer; 3],
}

impl Proxy {
    async fn start(folder: &Path) -> Self {
        let parts = Parts::here().unwrap_or_else(|error| panic!("{error}"));
        let words = vec!["word"; 100].join(" ");
        let slow = json!({"times": 1, "text": words, "between_tokens": "60ms"});
        let servers = [
            server(json!([slow, {"text": "v1"}])).await,
            server(json!([{"text": "v2"}])).await,
            server(json!([{"text": "a copy"}])).await,
        ];
        let address = |cluster: &str| match cluster {
            "gpu-v1" => servers[0].address(),
            "gpu-v2" => servers[1].address(),
            _ => servers[2].address(),
        };
        let weights = json!([{"version": "v1", "weight": 90}, {"version": "v2", "weight": 10}]);
        // The manifest's rollout would give weights of its own.
        let split = json!({"pool": "gpu", "weights": weights, "sticky": [{"header": "x-user-id"}]});
        let patch = json!({"debug_headers": true, "canary_split": [split]});
        let mut bootstrap = bootstrap(&parts, FILE, address, patch);
        bootstrap["node"] = json!({"id": "gateway", "cluster": "gateway"});
        let file = folder.join("llm-mesh.yaml");
        let filter = bootstrap
            .pointer_mut("/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0")
            .expect("the manifest's filter");
        std::fs::write(&file, watched(&filter["typed_config"])).expect("a file");
        *filter = json!({"name": "llm-mesh", "config_discovery": {
            "config_source": {"path_config_source": {"path": file, "watched_directory": {"path": folder}}},
            "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
        }});
        let binary = parts.envoy(EnvoyVersion::default()).unwrap_or_else(|error| panic!("{error}"));
        let options = EnvoyOptions { concurrency: WORKERS, ..EnvoyOptions::default() };
        let envoy = RunningEnvoy::start(&binary, &bootstrap, &options).await;
        let envoy = envoy.unwrap_or_else(|error| panic!("{error}"));
        Self { address: listener(&envoy), envoy, file, servers }
    }

    /// Does what `host-sim weights FILE v1=.. v2=..` does.
    fn change(&self, weights: [u32; 2]) {
        let named = ["v1", "v2"].into_iter().zip(weights);
        let wanted: Vec<Wanted> =
            named.map(|(version, weight)| Wanted { version: version.to_owned(), weight }).collect();
        let plan = plan(&self.file, &wanted, None).unwrap_or_else(|error| panic!("{error}"));
        assert!(plan.is_change());
        plan.write().unwrap_or_else(|error| panic!("{error}"));
    }
}

/// The filter's file as a person writes it.
fn watched(filter: &Value) -> String {
    let text =
        filter.pointer("/config/configuration/value").and_then(Value::as_str).expect("a text");
    let configuration: Value = serde_json::from_str(text).expect("JSON");
    let indented = format!("{configuration:#}").replace('\n', "\n          ");
    let mut filter = filter.clone();
    let config = filter["config"].as_object_mut().expect("an object");
    config.remove("configuration");
    let mut rest = String::new();
    for (key, value) in config {
        rest.push_str(&format!("      {key}: {value}\n"));
    }
    format!(
        "# The filters of the gateway; the weights are changed by `host-sim weights`.
version_info: \"1\"
resources:
- \"@type\": type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig
  name: llm-mesh
  typed_config:
    \"@type\": {}
    config:
{rest}      configuration:
        \"@type\": type.googleapis.com/google.protobuf.StringValue
        value: |          # 90 and 10 at first
          {indented}
",
        filter["@type"]
    )
}

async fn server(script: Value) -> UpstreamServer {
    let script = Script::from_json(script).unwrap_or_else(|error| panic!("{error}"));
    UpstreamServer::start(script).await.expect("a free port")
}

/// The split that the proxy begins with.
fn split() -> Split {
    let pool = json!({"name": "gpu", "versions": ["v1", "v2"]});
    let arms = json!([{"version": "v1", "weight": 90}, {"version": "v2", "weight": 10}]);
    let pool: RawPool = serde_json::from_value(pool).expect("a pool");
    let arms: Vec<RawArm> = serde_json::from_value(arms).expect("versions");
    let catalog = Catalog::try_from((vec![], vec![pool])).expect("a catalog");
    let pool = catalog.pool("gpu").expect("the pool");
    Split::try_from((arms, pool, &catalog)).expect("a split")
}

fn name(user: usize) -> String {
    format!("user-{user}")
}

/// An answer: when it was asked for, when it was complete, and whose it was.
struct Answer {
    begun: Instant,
    ended: Instant,
    version: String,
}

/// A user, who sends on one connection until it is over.
async fn client(address: SocketAddr, user: usize, is_over: Arc<AtomicBool>) -> Vec<Answer> {
    let mut sender = connect(address).await;
    let mut answers = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        let begun = Instant::now();
        let (status, version, body) = send(&mut sender, &name(user), false).await;
        assert_eq!(status, 200, "{body}");
        // What the filters say and where the request was are one.
        assert!(body.contains(&format!("\"{version}\"")), "{version}: {body}");
        answers.push(Answer { begun, ended: Instant::now(), version });
        tokio::time::sleep(PAUSE).await;
    }
    answers
}

async fn one(address: SocketAddr, user: &str, stream: bool) -> (u16, String, String) {
    send(&mut connect(address).await, user, stream).await
}

async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let socket = tokio::net::TcpStream::connect(address).await.expect("a connection");
    let (sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.expect("HTTP");
    tokio::spawn(connection);
    sender
}

/// Status, version and body.
async fn send(
    sender: &mut SendRequest<Full<Bytes>>,
    user: &str,
    stream: bool,
) -> (u16, String, String) {
    let body = json!({"model": "llama-70b", "stream": stream, "messages": [{"role": "user", "content": "Hello"}]});
    let request = Request::post("/v1/chat/completions")
        .header("host", "llm")
        .header("content-type", "application/json")
        .header("x-user-id", user)
        .body(Full::new(Bytes::from(body.to_string())))
        .expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    let status = response.status().as_u16();
    let version = response.headers().get("x-llm-version");
    let version = version.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let body = response.into_body().collect().await.expect("all of it").to_bytes();
    (status, version, String::from_utf8_lossy(&body).into_owned())
}
