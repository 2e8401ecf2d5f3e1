//! The live gateway in front of the scripted server: real sockets on both sides, no plugin in between.

#![expect(clippy::expect_used, reason = "a test's own preparation may fail loudly")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use host_sim::{
    bootstrap::Bootstrap,
    client::{ClientRequest, Ending, Frame, Http, Outcome, exchange},
    fields::field,
    serve::{Gateway, GatewayOptions, Notice},
    upstream::{Script, UpstreamServer},
    vm::{Engine, EngineOptions},
    yaml,
};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const LIMIT: Duration = Duration::from_secs(5);

struct Setup {
    upstream: UpstreamServer,
    gateway: Gateway,
    notices: Arc<Mutex<Vec<Notice>>>,
}

/// A gateway without plugins; `http2` says what it speaks to the server.
async fn setup(script: Value, http2: bool) -> Setup {
    let script = Script::from_json(script).expect("a script");
    let upstream = UpstreamServer::start(script).await.expect("a port");
    let options = if http2 {
        "typed_extension_protocol_options: {envoy.extensions.upstreams.http.v3.HttpProtocolOptions: \
         {\"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, \
         explicit_http_config: {http2_protocol_options: {}}}}"
    } else {
        ""
    };
    let file = format!(
        r#"
admin:
  address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}
static_resources:
  listeners:
  - name: main
    address: {{socket_address: {{address: 127.0.0.1, port_value: 0}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: main
          upgrade_configs: [{{upgrade_type: websocket}}]
          http_protocol_options: {{accept_http_10: true}}
          access_log:
          - name: stdout
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
              log_format: {{text_format_source: {{inline_string: "%RESPONSE_CODE% %RESPONSE_FLAGS%\n"}}}}
          http_filters:
          - name: router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {{path: /direct}}
                direct_response: {{status: 418, body: {{inline_string: short and stout}}}}
              - match: {{prefix: /}}
                route: {{cluster: llm, timeout: 0s}}
  clusters:
  - name: llm
    type: STATIC
    {options}
    load_assignment:
      cluster_name: llm
      endpoints:
      - lb_endpoints:
        - {{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}
"#,
        port = upstream.address().port(),
    );
    let documents = yaml::parse("test.yaml", &file).expect("YAML");
    let document = documents.first().expect("a document");
    let bootstrap = Bootstrap::from_node(document).expect("a bootstrap");
    let engine = Arc::new(Engine::new(EngineOptions::default()).expect("an engine"));
    let notices = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&notices);
    let note = move |notice| noted.lock().expect("no panic").push(notice);
    let gateway = Gateway::start(bootstrap, GatewayOptions::default(), engine, note).await;
    Setup { upstream, gateway: gateway.expect("a gateway"), notices }
}

impl Setup {
    async fn send(&self, request: ClientRequest) -> Outcome {
        let (_, address) = self.gateway.listeners().first().expect("a listener");
        exchange(*address, ClientRequest { give_up_after: LIMIT, ..request }).await
    }

    async fn access(&self) -> String {
        for _ in 0..200 {
            for notice in self.notices.lock().expect("no panic").iter() {
                if let Notice::Access(line) = notice {
                    return line.trim_end().to_owned();
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        String::new()
    }
}

fn chat(http: Http, body: &Value) -> ClientRequest {
    ClientRequest { http, ..ClientRequest::post(CHAT, body.to_string()) }
}

fn frames(pieces: &[Bytes], every: Duration) -> Vec<Frame> {
    let at = |index: usize| every * u32::try_from(index).expect("small");
    let frame = |(index, data): (usize, &Bytes)| Frame { at: at(index), data: data.clone() };
    pieces.iter().enumerate().map(frame).collect()
}

#[tokio::test]
async fn requests_and_streams_cross_in_every_protocol() {
    for http2 in [false, true] {
        let setup = setup(json!([{"text": "a b c", "between_tokens": "30ms"}]), http2).await;
        for http in [Http::V1_0, Http::V1_1, Http::V2] {
            let outcome = setup.send(chat(http, &json!({"model": "m", "stream": true}))).await;
            assert_eq!((outcome.status, outcome.ending), (Some(200), Ending::Complete), "{http:?}");
            assert!(outcome.body.ends_with(b"data: [DONE]\n\n"));
            let first = outcome.first_byte_after().expect("a body");
            assert!(outcome.took > first + Duration::from_millis(50), "it streams: {outcome:?}");
        }
        for request in setup.upstream.received() {
            assert_eq!(request.http2, http2);
            assert_eq!(request.body, br#"{"model":"m","stream":true}"#);
            assert_eq!(request.authority, "localhost");
            assert!(request.ended);
        }
        assert_eq!(setup.upstream.open_streams(), 0);
    }
}

#[tokio::test]
async fn large_bodies_cross_whole_in_both_directions() {
    let body = Bytes::from((0..3_000_000_u32).map(|at| (at % 251) as u8).collect::<Vec<u8>>());
    let setup = setup(json!([{"reply": "echo"}]), false).await;
    for http in [Http::V1_1, Http::V2] {
        for content_length in [true, false] {
            let request = ClientRequest {
                http,
                content_length,
                ..ClientRequest::post("/echo", body.clone())
            };
            let outcome = setup.send(request).await;
            assert_eq!((outcome.status, outcome.ending), (Some(200), Ending::Complete), "{http:?}");
            assert!(outcome.body == body, "{http:?}: {} bytes", outcome.body.len());
        }
    }
}

#[tokio::test]
async fn pieces_of_a_request_are_passed_on_as_they_come() {
    let setup = setup(json!([{}]), false).await;
    let pieces = [Bytes::from_static(b"{\"model\":"), Bytes::from_static(b"\"m\"}")];
    let request = ClientRequest {
        frames: frames(&pieces, Duration::from_millis(300)),
        ..chat(Http::V1_1, &Value::Null)
    };
    let sending = setup.send(request);
    let watching = setup
        .upstream
        .received_when(LIMIT, |all| all.first().is_some_and(|one| !one.body.is_empty()));
    let (outcome, seen) = tokio::join!(sending, watching);
    assert_eq!(seen[0].body, b"{\"model\":", "the first piece did not wait for the second");
    assert_eq!(outcome.status, Some(200));
}

#[tokio::test]
async fn a_broken_answer_is_broken_for_the_client_too() {
    for http in [Http::V1_1, Http::V2] {
        for http2 in [false, true] {
            let setup = setup(json!([{"fault": "reset", "after_tokens": 2}]), http2).await;
            let outcome = setup.send(chat(http, &json!({"stream": true}))).await;
            assert_eq!(outcome.status, Some(200));
            let broken = matches!(outcome.ending, Ending::Reset | Ending::Truncated);
            assert!(broken, "{http:?} {http2}: {:?}", outcome.ending);
        }
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_breaks_off_gives_503() {
    let setup = setup(json!([{"fault": "reset_before_headers"}]), false).await;
    let outcome = setup.send(chat(Http::V1_1, &json!({}))).await;
    assert_eq!((outcome.status, outcome.ending), (Some(503), Ending::Complete));
    let Setup { upstream, gateway, notices } = setup;
    drop(upstream);
    tokio::time::sleep(Duration::from_millis(50)).await;
    notices.lock().expect("no panic").clear();
    let (_, address) = gateway.listeners()[0].clone();
    let outcome = exchange(address, chat(Http::V2, &json!({}))).await;
    assert_eq!((outcome.status, outcome.ending), (Some(503), Ending::Complete));
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_attempt_and_is_logged() {
    for http in [Http::V1_1, Http::V2] {
        let setup = setup(json!([{"fault": "stall", "after_tokens": 2}]), false).await;
        let request =
            ClientRequest { reset_after_bytes: Some(10), ..chat(http, &json!({"stream": true})) };
        let outcome = setup.send(request).await;
        assert_eq!(outcome.ending, Ending::ClientReset);
        // Over HTTP/2 the client resets the stream, over HTTP/1 it can only close the connection.
        let expected = if http == Http::V2 { "200 DR" } else { "200 DC" };
        assert_eq!(setup.access().await, expected);
        for _ in 0..200 {
            if setup.upstream.open_streams() == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(setup.upstream.open_streams(), 0, "{http:?}: the server was told");
    }
}

#[tokio::test]
async fn the_proxy_answers_by_itself_where_a_route_says_so() {
    let setup = setup(json!([{}]), false).await;
    for http in [Http::V1_1, Http::V2] {
        let request =
            ClientRequest { http, path: "/direct".to_owned(), ..ClientRequest::default() };
        let outcome = setup.send(request).await;
        assert_eq!((outcome.status, &outcome.body[..]), (Some(418), &b"short and stout"[..]));
    }
    assert_eq!(setup.upstream.received().len(), 0);
}

#[tokio::test]
async fn a_websocket_passes_bytes_both_ways() {
    let setup = setup(json!([{"reply": "tunnel"}]), false).await;
    let request = ClientRequest {
        path: "/ws".to_owned(),
        headers: vec![field("connection", "upgrade"), field("upgrade", "websocket")],
        frames: frames(
            &[Bytes::from_static(b"ping"), Bytes::from_static(b"pong")],
            Duration::from_millis(30),
        ),
        ..ClientRequest::default()
    };
    let outcome = setup.send(request).await;
    assert_eq!((outcome.status, outcome.ending), (Some(101), Ending::Complete), "{outcome:?}");
    assert_eq!(outcome.body, "pingpong");
}

#[tokio::test]
async fn trailers_cross_over_http2() {
    let setup = setup(json!([{"trailers": {"x-after": "answer"}}]), true).await;
    let mut request = chat(Http::V2, &json!({}));
    request.trailers = vec![field("x-after", "request")];
    let outcome = setup.send(request).await;
    assert_eq!(outcome.trailers, vec![field("x-after", "answer")]);
    assert_eq!(setup.upstream.received()[0].trailers, vec![field("x-after", "request")]);
}

#[tokio::test]
async fn an_end_that_comes_after_the_announced_length_breaks_nothing() {
    let setup = setup(json!([{"headers_after": "150ms"}]), false).await;
    let mut request = chat(Http::V2, &Value::Null);
    let pieces = [Bytes::from_static(b"{}"), Bytes::new()];
    request.headers.push(field("content-length", "2"));
    request.frames = frames(&pieces, Duration::from_millis(50));
    for _ in 0..3 {
        assert_eq!(setup.send(request.clone()).await.status, Some(200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_the_client_cancels_never_looks_complete() {
    let setup = setup(json!([{}]), false).await;
    let mut request = chat(Http::V2, &Value::Null);
    request.frames = vec![Frame { at: LIMIT, data: Bytes::from_static(b"{}") }];
    request.content_length = false;
    request.reset_after = Some(Duration::from_millis(20));
    for _ in 0..20 {
        assert_eq!(setup.send(request.clone()).await.ending, Ending::ClientReset);
    }
    assert_eq!(setup.access().await, "0 DR");
    let received = setup.upstream.received();
    assert!(received.iter().all(|request| !request.ended), "{received:?}");
}

#[tokio::test]
async fn a_method_that_envoy_refuses_is_refused_by_the_live_gateway() {
    let setup = setup(json!([{}]), false).await;
    let request = ClientRequest { method: "FOO".to_owned(), ..ClientRequest::default() };
    assert_eq!(setup.send(request).await.status, Some(400));
}

/// Envoy's 400 has the body `Bad Request` and a line in the access log.
#[tokio::test]
async fn a_malformed_head_gets_the_librarys_bare_400_from_the_live_gateway() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let setup = setup(json!([{}]), false).await;
    let (_, address) = setup.gateway.listeners().first().expect("a listener");
    let mut client = tokio::net::TcpStream::connect(*address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nbad name: x\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn the_live_gateway_has_no_admin_interface() {
    let setup = setup(json!([{}]), false).await;
    let names: Vec<&str> = setup.gateway.listeners().iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(names, ["main"], "the listeners of the file, and no other");
}
