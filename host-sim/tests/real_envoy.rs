//! A real Envoy is found or fetched, started, asked and stopped.

#![expect(clippy::expect_used, reason = "a test's own preparation may fail loudly")]

use std::path::PathBuf;

use host_sim::{
    client::{ClientRequest, Ending, Http, exchange},
    envoy::{EnvoyOptions, RunningEnvoy, StartError},
    model::EnvoyVersion,
    parts::{Part, Parts, Without},
    upstream::{Script, UpstreamServer},
};
use serde_json::{Value, json};

/// The reference Envoy; `None` when the environment leaves it out by name.
async fn envoy() -> Option<PathBuf> {
    if Without::from_env().expect("LLM_MESH_WITHOUT").leaves_out(Part::Envoy) {
        eprintln!("left out: envoy");
        return None;
    }
    let find = || Parts::here().expect("a workspace").envoy(EnvoyVersion::default());
    let found = tokio::task::spawn_blocking(find).await.expect("no panic");
    Some(found.expect("an Envoy"))
}

fn listener(name: &str, route: &Value) -> Value {
    json!({
        "name": name,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": name,
                "http_protocol_options": {"accept_http_10": true},
                "route_config": {"virtual_hosts": [{
                    "name": "all", "domains": ["*"], "routes": [route],
                }]},
                "http_filters": [{"name": "router", "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                }}],
            },
        }]}],
    })
}

fn upstream_cluster(port: u16) -> Value {
    let address = json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    json!({
        "name": "llm", "type": "STATIC", "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "llm", "endpoints": [
            {"lb_endpoints": [{"endpoint": {"address": address}}]},
        ]},
    })
}

#[tokio::test]
async fn a_real_envoy_answers_by_itself_and_from_an_upstream_and_is_gone_afterwards() {
    let Some(binary) = envoy().await else { return };
    let script = json!([{"text": "a b c", "between_tokens": "5ms"}]);
    let script = Script::from_json(script).expect("a script");
    let upstream = UpstreamServer::start(script).await.expect("a port");
    let direct = json!({"match": {"prefix": "/"},
        "direct_response": {"status": 418, "body": {"inline_string": "short and stout"}}});
    let forward = json!({"match": {"prefix": "/"}, "route": {"cluster": "llm"}});
    let bootstrap = json!({"static_resources": {
        "listeners": [listener("direct", &direct), listener("forward", &forward)],
        "clusters": [upstream_cluster(upstream.address().port())],
    }});
    let envoy = RunningEnvoy::start(&binary, &bootstrap, &EnvoyOptions::default()).await;
    let envoy = envoy.unwrap_or_else(|error| panic!("{error}"));

    let outcome = exchange(envoy.listeners()["direct"], ClientRequest::default()).await;
    assert_eq!((outcome.status, outcome.ending), (Some(418), Ending::Complete));
    assert_eq!(outcome.body, "short and stout");
    for http in [Http::V1_0, Http::V1_1, Http::V2] {
        let body = r#"{"model":"m","stream":true}"#;
        let request = ClientRequest { http, ..ClientRequest::post("/v1/chat/completions", body) };
        let outcome = exchange(envoy.listeners()["forward"], request).await;
        assert_eq!((outcome.status, outcome.ending), (Some(200), Ending::Complete), "{http:?}");
        assert!(outcome.body.ends_with(b"data: [DONE]\n\n"), "{http:?}");
    }
    let received = upstream.received();
    assert_eq!(received.len(), 3);
    assert!(
        received.iter().all(|request| request.ended && request.header("x-request-id").is_some())
    );

    let metrics = envoy.metrics().await.expect("metrics");
    let direct = "envoy_http_downstream_rq_completed{envoy_http_conn_manager_prefix=\"direct\"}";
    assert_eq!(metrics.get(direct), Some(&1.0));
    let process = PathBuf::from(format!("/proc/{}", envoy.pid()));
    let proc_exists = PathBuf::from("/proc/self").exists();
    assert!(process.exists() || !proc_exists);
    drop(envoy);
    assert!(!process.exists(), "Envoy outlived its handle");
}

#[tokio::test]
async fn a_bootstrap_that_envoy_refuses_is_an_error_with_envoys_own_words() {
    let Some(binary) = envoy().await else { return };
    let bootstrap = json!({"static_resources": {"listners": []}});
    match RunningEnvoy::start(&binary, &bootstrap, &EnvoyOptions::default()).await {
        Err(error @ StartError::Exited { .. }) => {
            assert!(error.to_string().contains("listners"), "{error}");
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("started with a misspelt bootstrap"),
    }
}
