//! The outage that `host-sim breaker` plays, on a real Envoy: the same file, with the filters and with Envoy's own
//! means in their place.

#![expect(clippy::expect_used, reason = "a test's own preparation may fail loudly")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use host_sim::bootstrap::{Rewrite, load_tree};
use host_sim::client::{ClientRequest, Ending, Outcome, exchange};
use host_sim::envoy::{EnvoyOptions, RunningEnvoy};
use host_sim::model::EnvoyVersion;
use host_sim::parts::{Features, Part, Parts, Without};
use host_sim::upstream::{Fault, Reply, Script, UpstreamServer};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifests/envoy/breaker.yaml");
/// How long clients wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is played: requests a second, and for how many seconds the server is well, bad, and well again.
#[derive(Clone, Copy)]
struct Play {
    rate: u32,
    seconds: [u32; 3],
    fault: &'static str,
}

/// What a run needs; none where the environment leaves Envoy out by name.
fn parts() -> Option<(PathBuf, PathBuf)> {
    if Without::from_env().expect("LLM_MESH_WITHOUT").leaves_out(Part::Envoy) {
        eprintln!("left out: envoy");
        return None;
    }
    let parts = Parts::here().expect("a workspace");
    let envoy = parts.envoy(EnvoyVersion::default()).expect("an Envoy");
    Some((envoy, parts.filters(&Features::Default).expect("the filters")))
}

fn reply(fault: Option<&str>) -> Script {
    let reply = Reply {
        text: Some("one two three four five six ".to_owned()),
        first_token_after: Duration::from_millis(100),
        between_tokens: Duration::from_millis(60),
        ..Reply::default()
    };
    Script::of(vec![match fault {
        Some("503") => Reply { status: 503, ..reply },
        // Behind the event that names the role, which is no token yet.
        Some("stall") => Reply { fault: Some(Fault::Stall), ..reply },
        Some(_) => Reply {
            body: Some(
                "data: {\"error\":{\"message\":\"out of memory\",\"type\":\"server_error\"}}\n\n"
                    .into(),
            ),
            headers: [("content-type".to_owned(), "text/event-stream".to_owned())].into(),
            ..reply
        },
        None => reply,
    }])
}

/// The file with free ports, these servers and this module.
fn bootstrap(servers: &[SocketAddr], module: PathBuf, with_filters: bool) -> Value {
    let rewrite = Rewrite {
        listeners: vec!["127.0.0.1:0".parse().expect("an address")],
        endpoints: [("gpu".to_owned(), servers.to_vec())].into(),
        modules: [("llm_mesh.wasm".to_owned(), module)].into(),
        ..Rewrite::default()
    };
    let tree = load_tree(FILE.as_ref()).and_then(|tree| rewrite.apply(&tree)).expect("a file");
    let mut json = tree.to_json().expect("JSON");
    if !with_filters {
        without_filters(&mut json);
    }
    json
}

/// The object at this place of the file.
fn at<'a>(file: &'a mut Value, place: &str) -> &'a mut Map<String, Value> {
    file.pointer_mut(place).and_then(Value::as_object_mut).expect("an object there")
}

const MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const ROUTE: &str = "/route_config/virtual_hosts/0/routes/0/route";
const CLUSTER: &str = "/static_resources/clusters/0";
const OPTIONS: &str =
    "/typed_extension_protocol_options/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// What `host-sim breaker --baseline envoy` does to the file.
fn without_filters(file: &mut Value) {
    let filters = at(file, MANAGER).get_mut("http_filters").and_then(Value::as_array_mut);
    let is_router =
        |filter: &Value| filter.get("name").is_some_and(|name| name == "envoy.filters.http.router");
    filters.expect("filters").retain(is_router);
    let retries = json!({
        "retry_on": "gateway-error,connect-failure,refused-stream",
        "num_retries": 2,
        "per_try_timeout": "2s",
    });
    at(file, &format!("{MANAGER}{ROUTE}")).insert("retry_policy".to_owned(), retries);
    at(file, &format!("{CLUSTER}{OPTIONS}")).remove("http_filters");
    let budget = json!({"budget_percent": {"value": 20}, "min_retry_concurrency": 3});
    let thresholds = format!("{CLUSTER}/circuit_breakers/thresholds/0");
    at(file, &thresholds).insert("retry_budget".to_owned(), budget);
    let cluster = at(file, CLUSTER);
    cluster.remove("load_balancing_policy");
    cluster.insert("lb_policy".to_owned(), json!("LEAST_REQUEST"));
    cluster.insert("outlier_detection".to_owned(), json!({"max_ejection_percent": 50}));
}

fn is_failure(outcome: &Outcome) -> bool {
    let has = |text: &str| outcome.body.windows(text.len()).any(|piece| piece == text.as_bytes());
    let whole = ["one ", "two ", "three ", "four ", "five ", "six "];
    outcome.status != Some(200)
        || outcome.ending != Ending::Complete
        || has("\"error\"")
        || !has("[DONE]")
        || !whole.iter().all(|token| has(token))
}

/// Requests, failures that clients saw, and requests that reached each server.
async fn play(play: Play, with_filters: bool) -> Option<(usize, usize, Vec<usize>)> {
    let (envoy, module) = tokio::task::spawn_blocking(parts).await.expect("no panic")?;
    let mut servers = Vec::new();
    for _ in 0..4 {
        servers.push(UpstreamServer::start(reply(None)).await.expect("a server"));
    }
    let addresses: Vec<SocketAddr> = servers.iter().map(UpstreamServer::address).collect();
    let options = EnvoyOptions { concurrency: 2, ..EnvoyOptions::default() };
    let bootstrap = bootstrap(&addresses, module, with_filters);
    let running = RunningEnvoy::start(&envoy, &bootstrap, &options).await.expect("an Envoy");
    let proxy = *running.listeners().values().next().expect("a listener");

    let [well, bad, again] = play.seconds;
    let seconds = |number: u32| Duration::from_secs(number.into());
    let begun = Instant::now();
    let mut clients = JoinSet::new();
    for number in 0..play.rate * (well + bad + again) {
        clients.spawn(async move {
            sleep_until(begun + seconds(1) * number / play.rate).await;
            let body = json!({
                "model": "llama-70b",
                "stream": true,
                "messages": [{"role": "user", "content": format!("Tell me of number {number}.")}],
            });
            let request = ClientRequest {
                give_up_after: PATIENCE,
                ..ClientRequest::post("/v1/chat/completions", body.to_string())
            };
            exchange(proxy, request).await
        });
    }
    let server = servers.first().expect("a server");
    sleep(seconds(well)).await;
    server.set_script(reply(Some(play.fault)));
    sleep(seconds(bad)).await;
    server.set_script(reply(None));
    let outcomes = clients.join_all().await;
    let failures = outcomes.iter().filter(|outcome| is_failure(outcome)).count();
    let reached = servers.iter().map(|server| server.received().len()).collect();
    running.stop().await;
    Some((outcomes.len(), failures, reached))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_envoy_with_the_filters_hides_errors_inside_a_200_which_alone_it_passes_on() {
    if let Ok(rate) = std::env::var("LLM_MESH_OUTAGE_RATE") {
        all_faults(rate.parse().expect("LLM_MESH_OUTAGE_RATE is a number")).await;
        return;
    }
    let outage = Play { rate: 40, seconds: [1, 3, 1], fault: "error_event" };
    let Some((requests, failures, _)) = play(outage, true).await else { return };
    let (_, alone, _) = play(outage, false).await.expect("an Envoy");
    assert_eq!(requests, 200);
    assert!(alone >= 20, "Envoy alone: {alone}");
    assert!(failures * 10 <= alone, "{failures} of {alone}");
}

/// The figures of `benches/README.md`: every fault, at so many requests a second. It takes minutes.
async fn all_faults(rate: u32) {
    for fault in ["503", "stall", "error_event"] {
        for with_filters in [true, false] {
            let outage = Play { rate, seconds: [5, 15, 5], fault };
            let Some((requests, failures, reached)) = play(outage, with_filters).await else {
                return;
            };
            let means = if with_filters { "filters" } else { "envoy" };
            println!("{fault:<12} {means:<8} {failures} of {requests}, at the servers {reached:?}");
        }
    }
}
