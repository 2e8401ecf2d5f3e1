//! What a plugin sends by itself crosses real sockets in the live gateway.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use host_sim::{
    abi::AbiVersion,
    bootstrap::Bootstrap,
    client::{ClientRequest, exchange},
    serve::{Gateway, GatewayOptions, Notice},
    upstream::{Script, UpstreamServer},
};
use serde_json::json;

use crate::{
    guest::engine,
    probe::{script, wat},
};

/// Calls both ways, and lets the request go when the last answer is here.
const GUEST: &str = r#"
request_headers -> 1:
  keep ctx $1
  proxy_http_call "other" {:method GET :path /call :authority a} "" {} 5000 >t = 0
http_call_response:
  proxy_get_buffer_bytes 4 0 100 @bytes = 0 "called"
  proxy_grpc_call "grpc" "pkg.Service" "Method" {x-mine yes} "hello" 5000 >t = 0
grpc_receive:
  proxy_get_buffer_bytes 5 0 100 @bytes = 0 "hi"
  proxy_grpc_stream "grpc" "pkg.Service" "Stream" {} >s = 0
  proxy_grpc_send $s "one" 1 = 0
grpc_receive_trailing_metadata:
  proxy_get_header_map_value 5 "grpc-status" @bytes = 0 "7"
grpc_close:
  show $3 = 7
  proxy_set_effective_context $ctx = 0
  proxy_continue_stream 0 = 0
"#;

async fn server(script: serde_json::Value) -> UpstreamServer {
    UpstreamServer::start(Script::from_json(script).unwrap()).await.unwrap()
}

#[tokio::test]
async fn calls_and_streams_of_a_plugin_cross_real_sockets() {
    let grpc = json!({"content-type": "application/grpc"});
    let other = server(json!([{"body": "called"}])).await;
    let rpc = server(json!([
        {"body": "\0\0\0\0\u{2}hi", "headers": grpc, "trailers": {"grpc-status": "0"}},
        {"body": "", "headers": grpc, "trailers": {"grpc-status": "7"}},
    ]))
    .await;
    let own = server(json!([{"body": "served"}])).await;
    let folder = tempfile::tempdir().unwrap();
    let module = folder.path().join("guest.wasm");
    let sections = script::read(GUEST.lines(), 1);
    fs::write(&module, wat::module(&sections, AbiVersion::V0_2_1)).unwrap();
    let probes = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/abi/probes/bootstrap.yaml");
    let mut text = fs::read_to_string(probes).unwrap();
    text = text.replace("GUEST", module.to_str().unwrap()).replace("10000", "0");
    for (port, server) in [("8001", &own), ("8002", &other), ("8003", &rpc)] {
        text = text.replace(port, &server.address().port().to_string());
    }
    let file = folder.path().join("envoy.yaml");
    fs::write(&file, text).unwrap();
    let bootstrap = Bootstrap::load(&file).unwrap();
    let notices = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&notices);
    let gateway =
        Gateway::start(bootstrap, GatewayOptions::default(), Arc::new(engine()), move |notice| {
            kept.lock().unwrap().push(notice)
        });
    let gateway = gateway.await.unwrap();
    let address = gateway.listeners()[0].1;
    let sent = exchange(address, ClientRequest::default());
    let outcome = tokio::time::timeout(Duration::from_secs(10), sent).await.unwrap();
    assert_eq!((outcome.status, &outcome.body[..]), (Some(200), &b"served"[..]));
    let seen = format!("{:?}", notices.lock().unwrap());
    for answer in ["0 \\\"called\\\"", "0 \\\"hi\\\"", "0 \\\"7\\\""] {
        assert!(seen.contains(answer), "{answer} is not in {seen}");
    }
    assert!(!notices.lock().unwrap().iter().any(|one| matches!(one, Notice::NotModelled(_))));
    let received = rpc.received();
    assert_eq!(received[0].path, "/pkg.Service/Method");
    assert_eq!(received[0].body, b"\0\0\0\0\x05hello");
    assert_eq!(received[1].body, b"\0\0\0\0\x03one");
}
