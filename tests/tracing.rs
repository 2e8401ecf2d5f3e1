//! A request followed from the client to the model server: spans of a real Envoy with the users' files, as
//! a collector gets them, compared with what the scripted servers have said.

use std::path::{Path, PathBuf};
use std::time::Duration;

use host_sim::bootstrap::{Bootstrap, Rewrite, load_tree};
use host_sim::client::{ClientRequest, Ending, Outcome, exchange};
use host_sim::envoy::{EnvoyOptions, RunningEnvoy};
use host_sim::fields;
use host_sim::istio;
use host_sim::model::EnvoyVersion;
use host_sim::parts::{Features, Part, Parts, Without};
use host_sim::upstream::{Received, Script, UpstreamServer};
use host_sim::yaml::Node;
use serde_json::{Value, json};
use tests::otlp::{Span, spans};
use tests::tracing_manifest;
use tests::workspace;

/// How long a span may be on its way, and a line of the access log.
const PATIENCE: Duration = Duration::from_secs(10);
/// The client's own span.
const PARENT: &str = "00f067aa0ba902b7";

fn parts() -> Option<Parts> {
    let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
    if without.leaves_out(Part::Envoy) {
        eprintln!("left out: traces of a real Envoy");
        return None;
    }
    Some(Parts::here().unwrap_or_else(|error| panic!("{error}")))
}

/// A file of the users', and what it calls its clusters.
struct Manifest {
    tree: Node,
    small: &'static str,
    large: &'static str,
    collector: &'static str,
}

fn of_envoy() -> Manifest {
    let tree = load_tree(&workspace().join(tracing_manifest::FILE));
    Manifest {
        tree: tree.unwrap_or_else(|error| panic!("{error}")),
        small: "gpu-small",
        large: "gpu-large",
        collector: "otel-collector",
    }
}

fn of_istio() -> Manifest {
    let files = ["token-router.yaml", "tracing.yaml", "mesh.yaml"];
    let tree = istio::load(&files.map(|file| workspace().join("manifests/istio").join(file)));
    Manifest {
        tree: tree.unwrap_or_else(|error| panic!("{error}")),
        small: "outbound|8000||gpu-small.llm.svc.cluster.local",
        large: "outbound|8000||gpu-large.llm.svc.cluster.local",
        collector: "outbound|4318||opentelemetry-collector.observability.svc.cluster.local",
    }
}

/// A running Envoy with its model servers and its collector, which is a server like them: it takes what it
/// is sent and answers 200.
struct Mesh {
    envoy: RunningEnvoy,
    small: UpstreamServer,
    large: UpstreamServer,
    collector: UpstreamServer,
}

impl Mesh {
    async fn start(parts: &Parts, manifest: &Manifest, version: EnvoyVersion) -> Self {
        let module = parts.filters(&Features::Default).unwrap_or_else(|error| panic!("{error}"));
        let modules = [("llm_mesh.wasm".to_owned(), module)];
        Self::of(parts, manifest, version, modules.into(), |_| ()).await
    }

    async fn of(
        parts: &Parts,
        manifest: &Manifest,
        version: EnvoyVersion,
        modules: std::collections::BTreeMap<String, PathBuf>,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let server = || async { UpstreamServer::start(Script::default()).await.expect("a port") };
        let (small, large, collector) = (server().await, server().await, server().await);
        let named =
            [(manifest.small, &small), (manifest.large, &large), (manifest.collector, &collector)];
        let rewrite = Rewrite {
            listeners: vec![([127, 0, 0, 1], 0).into()],
            endpoints: named.map(|(name, server)| (name.to_owned(), vec![server.address()])).into(),
            modules,
            ..Rewrite::default()
        };
        let bootstrap = rewrite.apply(&manifest.tree).and_then(|tree| tree.to_json());
        let mut bootstrap = bootstrap.unwrap_or_else(|error| panic!("{error}"));
        change(&mut bootstrap);
        // A span is sent at once; by default five of them are, or all after five seconds.
        bootstrap["layered_runtime"] = json!({
            "layers": [{"name": "hurry", "static_layer": {"tracing.opentelemetry.min_flush_spans": 1}}]
        });
        let binary = parts.envoy(version).unwrap_or_else(|error| panic!("{error}"));
        let envoy = RunningEnvoy::start(&binary, &bootstrap, &EnvoyOptions::default()).await;
        let envoy = envoy.unwrap_or_else(|error| panic!("{error}"));
        Self { envoy, small, large, collector }
    }

    async fn send(&self, request: ClientRequest) -> Outcome {
        let address = *self.envoy.listeners().values().next().expect("a listener");
        exchange(address, request).await
    }

    /// The one span of a trace.
    async fn span(&self, trace_id: &str) -> Span {
        let of = |received: &[Received]| {
            let all = received.iter().filter(|request| request.ended);
            let all = all.flat_map(|request| spans(&request.body));
            all.filter(|span| span.trace_id == trace_id).collect::<Vec<_>>()
        };
        let all = self.collector.received_when(PATIENCE, |all| !of(all).is_empty()).await;
        assert!(all.iter().all(|request| request.path == "/v1/traces"), "{all:?}");
        let mut found = of(&all);
        assert_eq!(found.len(), 1, "{trace_id}: {found:?}");
        found.remove(0)
    }

    /// A fact in the access log's line with this trace.
    async fn logged(&self, trace_id: &str, key: &str) -> String {
        let line = self.line(trace_id).await;
        let mut words = line.split_whitespace().filter_map(|word| word.split_once('='));
        let found = words.find(|(name, _)| *name == key);
        found.map(|(_, value)| value.to_owned()).unwrap_or_else(|| panic!("{key}: {line}"))
    }

    async fn line(&self, trace_id: &str) -> String {
        let waiting = async {
            loop {
                let output = self.envoy.output();
                if let Some(line) = output.lines().find(|line| line.contains(trace_id)) {
                    return line.to_owned();
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("a line of the access log")
    }
}

/// A request in a trace of its own.
fn request(trace_id: &str, body: &Value) -> ClientRequest {
    let mut request = ClientRequest::post("/v1/chat/completions", body.to_string());
    request.authority = "llm.example.com".to_owned();
    let parent = format!("00-{trace_id}-{PARENT}-01");
    request.headers.push(fields::field("traceparent", &parent));
    request
}

fn script(reply: Value) -> Script {
    Script::from_json(json!([reply])).unwrap_or_else(|error| panic!("{error}"))
}

/// Every tag that is ours, in the order of their names.
fn ours(span: &Span) -> Vec<(&str, &str)> {
    let ours = |name: &&String| name.starts_with("gen_ai.") || name.starts_with("llm.");
    let names = span.tags.keys().filter(ours).filter(|name| *name != "llm.time_to_first_token");
    names.map(|name| (name.as_str(), span.tags[name].as_str())).collect()
}

async fn follows_every_request(manifest: &Manifest, version: EnvoyVersion) {
    let Some(parts) = parts() else { return };
    let mesh = Mesh::start(&parts, manifest, version).await;
    a_stream(&mesh).await;
    a_json_answer(&mesh).await;
    a_refused_request(&mesh).await;
    an_answer_that_ends_too_soon(&mesh).await;
    a_server_that_breaks_off(&mesh).await;
    a_client_that_goes(&mesh).await;
    a_client_without_a_trace(&mesh).await;
}

async fn a_stream(mesh: &Mesh) {
    let trace = "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1";
    mesh.small.set_script(script(json!({"usage": {"prompt": 31, "completion": 7}})));
    let body = json!({"model": "llama-8b", "stream": true, "messages": []});
    let outcome = mesh.send(request(trace, &body)).await;
    assert_eq!((outcome.status, outcome.ending), (Some(200), Ending::Complete), "{outcome:?}");
    let span = mesh.span(trace).await;
    assert_eq!(
        ours(&span),
        [
            ("gen_ai.request.model", "llama-8b"),
            ("gen_ai.response.finish_reasons", "stop"),
            ("gen_ai.usage.input_tokens", "31"),
            ("gen_ai.usage.output_tokens", "7"),
            ("llm.outcome", "complete"),
            ("llm.pool", "gpu-small"),
            ("llm.prompt_tokens", "0"),
            ("llm.reason", "small-model"),
            ("llm.usage_source", "reported"),
        ]
    );
    let first = span.tag("llm.time_to_first_token").expect("a stream has a first token");
    assert!(first.parse::<u64>().is_ok(), "{first}");
    // The client's trace goes on, and the server's span will be a child of the proxy's.
    assert_eq!(span.parent_id, PARENT);
    let received = mesh.small.received();
    let traceparent = received.last().and_then(|request| request.header_text("traceparent"));
    assert_eq!(traceparent, Some(format!("00-{trace}-{}-01", span.span_id)));
}

async fn a_json_answer(mesh: &Mesh) {
    let trace = "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2";
    let usage = json!({"prompt": 200, "completion": 100, "cached": 50});
    mesh.large.set_script(script(json!({"usage": usage, "finish": "length"})));
    mesh.send(request(trace, &json!({"model": "gpt-4o", "messages": []}))).await;
    let span = mesh.span(trace).await;
    assert_eq!(
        ours(&span),
        [
            ("gen_ai.request.model", "llama-70b"),
            ("gen_ai.response.finish_reasons", "length"),
            ("gen_ai.usage.input_tokens", "200"),
            ("gen_ai.usage.output_tokens", "100"),
            ("llm.outcome", "complete"),
            ("llm.pool", "gpu-large"),
            ("llm.prompt_tokens", "0"),
            ("llm.reason", "default"),
            ("llm.usage_source", "reported"),
        ]
    );
    assert_eq!(span.tag("llm.time_to_first_token"), None, "no stream");
}

async fn a_refused_request(mesh: &Mesh) {
    let trace = "c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3c3";
    let servers = [&mesh.small, &mesh.large];
    let received = servers.map(|server| server.received().len());
    mesh.send(request(trace, &json!({"model": "gpt-9", "messages": []}))).await;
    let span = mesh.span(trace).await;
    assert_eq!(
        ours(&span),
        [
            ("gen_ai.request.model", "gpt-9"),
            ("llm.outcome", "refused"),
            ("llm.prompt_tokens", "0"),
            ("llm.reason", "unknown_model"),
        ]
    );
    assert_eq!(span.tag("http.status_code"), Some("404"));
    assert_eq!(servers.map(|server| server.received().len()), received, "nobody got it");
}

/// The transfer ends cleanly, and the answer is in its middle: there is a last callback.
async fn an_answer_that_ends_too_soon(mesh: &Mesh) {
    let trace = "d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4d4";
    mesh.small.set_script(script(json!({"fault": "truncate", "after_tokens": 2})));
    let body = json!({"model": "llama-8b", "stream": true, "messages": []});
    mesh.send(request(trace, &body)).await;
    let span = mesh.span(trace).await;
    assert_eq!(span.tag("llm.outcome"), Some("truncated"));
    assert_eq!(span.tag("llm.usage_source"), Some("aborted"));
    assert_eq!(span.tag("gen_ai.usage.output_tokens"), Some("2"));
}

async fn a_server_that_breaks_off(mesh: &Mesh) {
    let trace = "d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5d5";
    mesh.small.set_script(script(json!({"fault": "reset", "after_tokens": 2})));
    let body = json!({"model": "llama-8b", "stream": true, "messages": []});
    mesh.send(request(trace, &body)).await;
    let span = mesh.span(trace).await;
    assert_eq!((span.tag("llm.pool"), span.tag("llm.outcome")), (Some("gpu-small"), None));
    assert_eq!(span.tag("response_flags"), Some("UPE"));
    assert_eq!(mesh.logged(trace, "outcome").await, "truncated");
}

/// Envoy finishes the span before it writes its logs, where the filters learn that it is over: the span
/// has what was known of the request, and the log has the rest under the same trace.
async fn a_client_that_goes(mesh: &Mesh) {
    let trace = "e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5e5";
    mesh.large.set_script(script(json!({"text": "a b c d e f", "between_tokens": "400ms"})));
    let body = json!({"model": "llama-70b", "stream": true, "messages": []});
    let mut request = request(trace, &body);
    request.reset_after = Some(Duration::from_millis(600));
    let outcome = mesh.send(request).await;
    assert_eq!(outcome.ending, Ending::ClientReset, "{outcome:?}");
    let span = mesh.span(trace).await;
    assert_eq!(
        ours(&span),
        [
            ("gen_ai.request.model", "llama-70b"),
            ("llm.pool", "gpu-large"),
            ("llm.prompt_tokens", "0"),
            ("llm.reason", "default"),
        ]
    );
    assert_eq!(span.tag("response_flags"), Some("DC"));
    assert_eq!(mesh.logged(trace, "outcome").await, "aborted");
    assert_eq!(mesh.logged(trace, "usage_source").await, "aborted");
    // Every 400 milliseconds the server wrote one.
    let output = mesh.logged(trace, "output_tokens").await;
    assert!(matches!(output.as_str(), "1" | "2" | "3"), "{output}");
}

async fn a_client_without_a_trace(mesh: &Mesh) {
    mesh.small.set_script(Script::default());
    let mut request = request("", &json!({"model": "llama-8b", "messages": []}));
    request.headers.retain(|(name, _)| name != "traceparent");
    mesh.send(request).await;
    let received = mesh.small.received();
    let traceparent = received.last().and_then(|request| request.header_text("traceparent"));
    let traceparent = traceparent.expect("the proxy begins a trace");
    let mut ids = traceparent.split('-').skip(1);
    let span = mesh.span(ids.next().expect("a trace's id")).await;
    assert_eq!((span.parent_id.as_str(), ids.next()), ("", Some(span.span_id.as_str())));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_static_envoy_follows_every_request() {
    for version in [EnvoyVersion::V1_40, EnvoyVersion::V1_37] {
        follows_every_request(&of_envoy(), version).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_istio_makes_of_its_manifests_follows_every_request() {
    follows_every_request(&of_istio(), EnvoyVersion::V1_40).await;
}

/// A filter that wants its calls in the request's trace has to pass on the client's `traceparent` itself;
/// the proxy's own span it cannot name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_a_plugin_carries_no_trace_by_itself() {
    let Some(parts) = parts() else { return };
    let guest = parts.tracing_guest().unwrap_or_else(|error| panic!("{error}"));
    for version in [EnvoyVersion::V1_40, EnvoyVersion::V1_37] {
        a_call_carries_no_trace(&parts, &guest, version).await;
    }
}

async fn a_call_carries_no_trace(parts: &Parts, guest: &Path, version: EnvoyVersion) {
    let modules = [("llm_mesh.wasm".to_owned(), guest.to_owned())];
    let change = |bootstrap: &mut Value| {
        let manager = &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"]
            [0]["typed_config"];
        let plugin = &mut manager["http_filters"][0]["typed_config"]["config"];
        plugin["root_id"] = json!("a");
        let calls = json!([{"later": ["call", [{"resume": 0}]]}]);
        let rules = json!([{"on": "request_headers", "do": calls, "return": 1}]);
        let configuration = json!({"name": "a", "call": "gpu-large", "rules": rules});
        plugin["configuration"]["value"] = json!(configuration.to_string());
        manager["route_config"]["virtual_hosts"][0]["routes"] =
            json!([{"match": {"prefix": "/"}, "route": {"cluster": "gpu-small"}}]);
    };
    let manifest = of_envoy();
    let mesh = Mesh::of(parts, &manifest, version, modules.into(), change).await;
    let trace = "f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6f6";
    let outcome = mesh.send(request(trace, &json!({"model": "m", "messages": []}))).await;
    assert_eq!(outcome.status, Some(200), "{outcome:?}");
    // One span: the call has none.
    mesh.span(trace).await;
    let traceparent = |server: &UpstreamServer| {
        let received = server.received();
        assert_eq!(received.len(), 1, "{received:?}");
        received[0].header_text("traceparent")
    };
    assert!(traceparent(&mesh.small).is_some(), "the request itself has one");
    assert_eq!(traceparent(&mesh.large), None, "the call has none");
}

#[test]
fn the_file_that_traces_is_the_one_that_does_not_and_three_pieces() {
    let chain = tests::read(Path::new(tracing_manifest::CHAIN));
    let file = tests::read(Path::new(tracing_manifest::FILE));
    assert!(
        file == tracing_manifest::text(&chain),
        "{}: its first lines say how to make it",
        tracing_manifest::FILE
    );
}

#[test]
fn both_proxies_tag_the_same() {
    let tags = |manifest: Manifest| {
        let tree = manifest.tree.to_json().unwrap_or_else(|error| panic!("{error}"));
        let _ = Bootstrap::from_node(&manifest.tree).unwrap_or_else(|error| panic!("{error}"));
        let manager = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
        tree.pointer(manager).map(|m| m["tracing"]["custom_tags"].clone())
    };
    assert_eq!(tags(of_istio()), tags(of_envoy()));
}
