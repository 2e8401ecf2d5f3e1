//! The scripted server and the client, against each other over loopback: what one sends, the other sees.

#![expect(clippy::expect_used, reason = "a test's own preparation may fail loudly")]

use std::time::Duration;

use bytes::Bytes;
use host_sim::{
    client::{ClientRequest, Ending, Frame, Http, Outcome, exchange},
    fields::field,
    upstream::{Script, UpstreamServer},
};
use serde_json::{Value, json};

const CHAT: &str = "/v1/chat/completions";
const LIMIT: Duration = Duration::from_secs(5);

async fn server(script: Value) -> UpstreamServer {
    UpstreamServer::start(Script::from_json(script).expect("a script")).await.expect("a port")
}

fn chat(http: Http, body: &Value) -> ClientRequest {
    ClientRequest { http, give_up_after: LIMIT, ..ClientRequest::post(CHAT, body.to_string()) }
}

fn frames(pieces: &[&str], every: Duration) -> Vec<Frame> {
    let at = |index: usize| every * u32::try_from(index).expect("small");
    let frame = |(index, piece): (usize, &&str)| Frame {
        at: at(index),
        data: Bytes::copy_from_slice(piece.as_bytes()),
    };
    pieces.iter().enumerate().map(frame).collect()
}

fn text(outcome: &Outcome) -> String {
    String::from_utf8(outcome.body.to_vec()).expect("text")
}

const ALL: [Http; 3] = [Http::V1_0, Http::V1_1, Http::V2];

#[tokio::test]
async fn one_port_answers_every_protocol_and_records_what_arrived() {
    let server = server(json!([{}])).await;
    for http in ALL {
        let outcome = exchange(server.address(), chat(http, &json!({"model": "m"}))).await;
        assert_eq!((outcome.status, outcome.ending), (Some(200), Ending::Complete), "{http:?}");
        let answer: Value = serde_json::from_slice(&outcome.body).expect("JSON");
        assert_eq!(answer["model"], "m");
    }
    let received = server.received();
    assert_eq!(
        received.iter().map(|request| request.http2).collect::<Vec<_>>(),
        [false, false, true]
    );
    for request in &received {
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", CHAT));
        assert_eq!(request.authority, "localhost");
        assert_eq!(request.body, br#"{"model":"m"}"#);
        assert_eq!(request.header_text("content-length").as_deref(), Some("13"));
        assert!(request.ended);
    }
    assert_eq!(server.open_streams(), 0);
}

#[tokio::test]
async fn a_body_sent_byte_by_byte_chunked_or_not_arrives_whole() {
    let server = server(json!([{"reply": "echo"}])).await;
    let body = json!({"model": "m", "text": "x".repeat(200)}).to_string();
    let bytes: Vec<String> = body.chars().map(String::from).collect();
    let bytes: Vec<&str> = bytes.iter().map(String::as_str).collect();
    for http in [Http::V1_1, Http::V2] {
        for content_length in [true, false] {
            let request = ClientRequest {
                frames: frames(&bytes, Duration::ZERO),
                content_length,
                ..chat(http, &Value::Null)
            };
            let outcome = exchange(server.address(), request).await;
            assert_eq!(text(&outcome), body, "{http:?} {content_length}");
            let received = server.received();
            let last = received.last().expect("a request");
            assert_eq!(last.header("content-length").is_some(), content_length, "{http:?}");
            let chunked = http == Http::V1_1 && !content_length;
            assert_eq!(last.header("transfer-encoding").is_some(), chunked, "{http:?}");
        }
    }
}

#[tokio::test]
async fn pieces_of_a_body_leave_when_they_are_due() {
    let server = server(json!([{"answer_at": "request_headers", "headers_after": "300ms"}])).await;
    let pause = Duration::from_millis(100);
    let request =
        ClientRequest { frames: frames(&["{", "}"], pause), ..chat(Http::V1_1, &Value::Null) };
    let sending = tokio::spawn(exchange(server.address(), request));
    let first = server.received_when(LIMIT, |all| all.iter().any(|one| one.body == b"{")).await;
    assert!(!first[0].ended, "the second piece has not been sent yet");
    sending.await.expect("an outcome");
    let both = server.received_when(LIMIT, |all| all[0].ended).await;
    assert_eq!(both[0].body, b"{}");
}

#[tokio::test]
async fn trailers_cross_in_both_directions() {
    let server = server(json!([{"trailers": {"x-after": "answer"}}])).await;
    for http in [Http::V1_1, Http::V2] {
        let mut request = chat(http, &json!({}));
        request.trailers = vec![field("x-after", "request")];
        request.headers.push(field("te", "trailers"));
        let outcome = exchange(server.address(), request).await;
        let received = server.received();
        let sent = &received.last().expect("a request").trailers;
        assert_eq!(*sent, vec![field("x-after", "request")], "{http:?}");
        if http == Http::V2 {
            assert_eq!(outcome.trailers, vec![field("x-after", "answer")]);
        }
    }
}

#[tokio::test]
async fn get_and_head_may_carry_a_body() {
    let server = server(json!([{}])).await;
    for http in [Http::V1_1, Http::V2] {
        for method in ["GET", "HEAD"] {
            let request = ClientRequest { method: method.into(), ..chat(http, &json!({"a": 1})) };
            let outcome = exchange(server.address(), request).await;
            assert_eq!((outcome.status, outcome.ending), (Some(200), Ending::Complete));
            assert_eq!(outcome.body.is_empty(), method == "HEAD", "{http:?} {method}");
            assert_eq!(server.received().last().expect("a request").body, br#"{"a":1}"#);
        }
    }
}

#[tokio::test]
async fn a_body_waits_for_100_continue() {
    let server = server(json!([{}])).await;
    for http in [Http::V1_1, Http::V2] {
        let request = ClientRequest { expect_continue: true, ..chat(http, &json!({"a": 1})) };
        let outcome = exchange(server.address(), request).await;
        assert_eq!(outcome.status, Some(200), "{http:?}");
        let seen: &[u16] = if http == Http::V1_1 { &[100] } else { &[] };
        assert_eq!(outcome.interim, seen, "{http:?}");
        assert_eq!(server.received().last().expect("a request").body, br#"{"a":1}"#);
    }
}

#[tokio::test]
async fn a_stream_arrives_event_by_event_with_its_timing() {
    let script = json!([{"text": "a b c", "first_token_after": "60ms", "between_tokens": "20ms"}]);
    let server = server(script).await;
    for http in [Http::V1_1, Http::V2] {
        let outcome = exchange(server.address(), chat(http, &json!({"stream": true}))).await;
        assert_eq!(outcome.ending, Ending::Complete);
        assert!(text(&outcome).ends_with("data: [DONE]\n\n"));
        let headers = outcome.headers_after.expect("headers");
        let (last, _) = outcome.arrivals.last().expect("a body");
        assert!(*last - headers >= Duration::from_millis(95), "{:?}", outcome.arrivals);
        assert!(outcome.arrivals.len() >= 4, "each token leaves by itself: {:?}", outcome.arrivals);
    }
}

#[tokio::test]
async fn each_way_to_fail_looks_different_to_the_client() {
    for http in [Http::V1_1, Http::V2] {
        let expected = [
            ("reset_before_headers", None, Ending::Reset),
            ("reset", Some(200), if http == Http::V2 { Ending::Reset } else { Ending::Truncated }),
            ("close", Some(200), Ending::Truncated),
            ("truncate", Some(200), Ending::Complete),
            ("empty", Some(200), Ending::Complete),
            ("stall", Some(200), Ending::GaveUp),
            ("silence", None, Ending::GaveUp),
        ];
        for (fault, status, ending) in expected {
            let server = server(json!([{"fault": fault, "after_tokens": 2}])).await;
            let give_up_after =
                if ending == Ending::GaveUp { Duration::from_millis(150) } else { LIMIT };
            let request = ClientRequest {
                give_up_after,
                ..chat(http, &json!({"stream": true, "model": "m"}))
            };
            let outcome = exchange(server.address(), request).await;
            let found = (outcome.status, outcome.ending);
            assert_eq!(found, (status, ending), "{http:?} {fault}: {}", outcome.detail);
            let tokens = text(&outcome).matches("\"content\":\"").count();
            let expected = match fault {
                "reset" | "close" | "truncate" | "stall" => 3,
                _ => 0,
            };
            assert_eq!(tokens, expected, "{http:?} {fault}: the role and two tokens");
        }
    }
}

#[tokio::test]
async fn a_client_that_resets_is_seen_by_the_server() {
    for http in [Http::V1_1, Http::V2] {
        let server = server(json!([{}])).await;
        let request = ClientRequest {
            frames: frames(&["{\"model\"", ":1}"], Duration::from_secs(60)),
            reset_after: Some(Duration::from_millis(100)),
            ..chat(http, &Value::Null)
        };
        let outcome = exchange(server.address(), request).await;
        assert_eq!((outcome.status, outcome.ending), (None, Ending::ClientReset), "{http:?}");
        let received = server.received_when(LIMIT, |all| all[0].reset).await;
        assert!(received[0].reset && !received[0].ended, "{http:?}");
        assert_eq!(received[0].body, b"{\"model\"");
        assert_eq!(server.open_streams(), 0, "{http:?}");
    }
}

#[tokio::test]
async fn a_client_can_leave_in_the_middle_of_an_answer() {
    for http in [Http::V1_1, Http::V2] {
        let server = server(json!([{"fault": "stall", "after_tokens": 2}])).await;
        let request =
            ClientRequest { reset_after_bytes: Some(10), ..chat(http, &json!({"stream": true})) };
        let outcome = exchange(server.address(), request).await;
        assert_eq!((outcome.status, outcome.ending), (Some(200), Ending::ClientReset), "{http:?}");
        for _ in 0..100 {
            if server.open_streams() == 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(server.open_streams(), 0, "{http:?}: the server has noticed");
    }
}

#[tokio::test]
async fn what_goes_through_an_upgrade_or_connect_comes_back() {
    let server = server(json!([{"reply": "tunnel"}])).await;
    let upgrade = |http| ClientRequest {
        http,
        path: "/ws".to_owned(),
        headers: vec![field("connection", "upgrade"), field("upgrade", "websocket")],
        frames: frames(&["ping", "pong"], Duration::from_millis(20)),
        give_up_after: LIMIT,
        ..ClientRequest::default()
    };
    let connect = |http| ClientRequest {
        method: "CONNECT".to_owned(),
        path: String::new(),
        headers: Vec::new(),
        authority: "db.example.com:5432".to_owned(),
        ..upgrade(http)
    };
    for (request, status) in
        [(upgrade(Http::V1_1), 101), (connect(Http::V1_1), 200), (connect(Http::V2), 200)]
    {
        let what = format!("{} {:?}", request.method, request.http);
        let outcome = exchange(server.address(), request).await;
        assert_eq!(outcome.status, Some(status), "{what}: {}", outcome.detail);
        assert_eq!(text(&outcome), "pingpong", "{what}");
        assert_eq!(outcome.ending, Ending::Complete, "{what}");
    }
}

#[tokio::test]
async fn nobody_at_the_port_is_an_outcome_too() {
    let address = server(json!([])).await.address();
    // The server is dropped; give its task the chance to close the port.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let outcome = exchange(address, ClientRequest::default()).await;
    assert_eq!(outcome.ending, Ending::NotConnected);
}
