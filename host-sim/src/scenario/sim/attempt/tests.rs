use serde_json::json;

use super::*;

/// A request without a body at a server with one scripted reply.
fn attempt(http2: bool, reply: serde_json::Value) -> Attempt {
    let address = SocketAddr::from(([127, 0, 0, 1], 8001));
    let endpoint = Endpoint { cluster: "gpu".to_owned(), address, http2 };
    let mut attempt = Attempt::new(endpoint, Some(0));
    let mut script = Script::from_json(json!([reply])).unwrap();
    let headers: HeaderMap =
        [(":method", "POST"), (":scheme", "http"), (":path", "/v1/chat/completions")]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
    attempt.begin(&headers, true, &mut script, 0);
    attempt.plan_if_ready();
    attempt
}

/// Everything it does, each with whether it ends the response.
fn played(attempt: &mut Attempt) -> Vec<(&'static str, bool)> {
    std::iter::from_fn(|| attempt.serve())
        .map(|action| match action {
            Action::Headers(_, end) => ("headers", end),
            Action::Data(data, end) => (if data.is_empty() { "empty" } else { "data" }, end),
            Action::Trailers(_) => ("trailers", true),
            Action::Reset(UpstreamReset::RemoteReset) => ("reset", true),
            Action::Reset(UpstreamReset::ProtocolError) => ("broken", true),
            Action::Reset(_) => ("closed", true),
        })
        .collect()
}

#[test]
fn the_end_comes_apart_in_http1_and_with_the_last_byte_in_http2() {
    let reply = json!({"body": "hello"});
    let http1 = played(&mut attempt(false, reply.clone()));
    assert_eq!(http1, [("headers", false), ("data", false), ("empty", true)]);
    let http2 = played(&mut attempt(true, reply));
    assert_eq!(http2, [("headers", false), ("data", true)]);
}

#[test]
fn a_response_that_is_cut_short_is_a_broken_message_in_http1() {
    let reply = json!({"body": "hello", "fault": "reset"});
    assert_eq!(played(&mut attempt(false, reply.clone())).last(), Some(&("broken", true)));
    assert_eq!(played(&mut attempt(true, reply)).last(), Some(&("reset", true)));
    let before = json!({"fault": "reset_before_headers"});
    assert_eq!(played(&mut attempt(false, before)), [("closed", true)]);
}

#[test]
fn trailers_pass_in_http2_only() {
    let reply = json!({"body": "hello", "trailers": {"x-end": "1"}});
    assert_eq!(played(&mut attempt(true, reply.clone())).last(), Some(&("trailers", true)));
    assert_eq!(played(&mut attempt(false, reply)).last(), Some(&("empty", true)));
}

#[test]
fn a_server_that_is_not_read_waits_and_goes_on_where_it_stopped() {
    let mut attempt = attempt(false, json!({"body": "hello", "headers_after": "2s"}));
    assert_eq!(attempt.next_after(), Some(Duration::from_secs(2)));
    attempt.set_reading(false);
    assert!(attempt.serve().is_none());
    assert_eq!(attempt.next_after(), None, "nothing to schedule while nobody reads");
    assert!(attempt.set_reading(true));
    assert_eq!(attempt.next_after(), Some(Duration::ZERO), "its time has come already");
    assert_eq!(played(&mut attempt).len(), 3);
}

#[test]
fn what_the_host_gives_up_is_silent() {
    let mut attempt = attempt(false, json!({"body": "hello"}));
    attempt.serve();
    attempt.give_up(false);
    assert_eq!(attempt.next_after(), None);
    assert_eq!(played(&mut attempt), []);
}

#[test]
fn a_tunnel_sends_back_what_comes_through_it() {
    let mut attempt = attempt(false, json!({"reply": "tunnel"}));
    assert_eq!(played(&mut attempt), [("headers", false)]);
    attempt.take(Bytes::from_static(b"ping"), false);
    attempt.take(Bytes::new(), true);
    assert_eq!(played(&mut attempt), [("data", false), ("empty", false), ("empty", true)]);
}
