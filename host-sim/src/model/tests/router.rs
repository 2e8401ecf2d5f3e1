//! The router and the connection manager around a chain without plugins.

use super::scene::{Guests, Scene};
use crate::{
    host::{HostOptions, Protocol},
    model::effect::UpstreamReset,
};

fn scene() -> Scene {
    Scene::new(Guests::default(), &[])
}

#[test]
fn a_response_comes_back_with_envoys_headers() {
    let mut scene = scene();
    let stream = scene.request(&[("x-envoy-max-retries", "3"), ("x-envoy-retry-on", "5xx")], false);
    scene.send(stream, "hello", true);
    let request = &scene.requests[0];
    assert_eq!(request.headers.text("x-envoy-expected-rq-timeout-ms"), Some("15000"));
    assert_eq!(request.headers.text("transfer-encoding"), Some("chunked"));
    assert_eq!(request.headers.text("x-forwarded-proto"), Some("http"));
    assert_eq!(request.headers.text("x-request-id").map(str::len), Some(36));
    assert!(!request.headers.contains(b"x-envoy-max-retries"));
    scene.wait_millis(7);
    scene.answer(0, &[("transfer-encoding", "chunked")], false);
    scene.answer_data(0, "wor", false);
    scene.answer_data(0, "ld", true);
    let response = scene.response(stream);
    assert_eq!(response.body, b"world");
    assert!(response.ended);
    let all: Vec<_> = response.headers.iter().map(|(name, _)| &name[..]).collect();
    let expected: [&[u8]; 5] =
        [b":status", b"x-envoy-upstream-service-time", b"date", b"server", b"transfer-encoding"];
    assert_eq!(all, expected);
    assert_eq!(response.headers.text("x-envoy-upstream-service-time"), Some("7"));
    assert_eq!(response.access.as_deref(), Some("200 - via_upstream"));
}

#[test]
fn a_route_may_lead_nowhere() {
    for (headers, status, body, access) in [
        (
            &[(":path", "/nowhere"), ("x-cluster", "no-such")][..],
            "503",
            "",
            "503 NC cluster_not_found",
        ),
        (&[(":path", "/nowhere")], "503", "", "503 NC cluster_not_found"),
        (
            &[(":path", "/nowhere"), ("x-cluster", "empty")],
            "503",
            "no healthy upstream",
            "503 UH no_healthy_upstream",
        ),
        (&[(":path", "/direct")], "204", "", "204 - direct_response"),
    ] {
        let mut scene = scene();
        let stream = scene.request(headers, true);
        let response = scene.response(stream);
        assert_eq!(response.status(), status, "{headers:?}");
        assert_eq!(String::from_utf8_lossy(&response.body), body);
        assert_eq!(response.access.as_deref(), Some(access));
    }
}

#[test]
fn failures_before_the_response_have_envoys_words() {
    for (reset, body, access) in [
        (
            UpstreamReset::ConnectFailure,
            "upstream connect error or disconnect/reset before headers. reset reason: remote \
             connection failure",
            "503 UF upstream_reset_before_response_started{remote_connection_failure|\
             delayed_connect_error:_Connection_refused}",
        ),
        (
            UpstreamReset::ConnectionTermination,
            "upstream connect error or disconnect/reset before headers. reset reason: connection \
             termination",
            "503 UC upstream_reset_before_response_started{connection_termination}",
        ),
    ] {
        let mut scene = scene();
        let stream = scene.request(&[], true);
        scene.host.reset_upstream(scene.requests[0].attempt, reset);
        scene.collect();
        let response = scene.response(stream);
        assert_eq!(response.status(), "503");
        assert_eq!(String::from_utf8_lossy(&response.body), body);
        assert_eq!(response.access.as_deref(), Some(access));
    }
}

#[test]
fn a_failure_after_headers_cuts_the_stream() {
    let mut scene = scene();
    let stream = scene.request(&[], true);
    scene.answer(0, &[], false);
    scene.answer_data(0, "part", false);
    scene.host.reset_upstream(scene.requests[0].attempt, UpstreamReset::ConnectionTermination);
    scene.collect();
    let response = scene.response(stream);
    assert_eq!(response.reset.as_deref(), Some("local_reset"));
    // In HTTP/1, a message that stops in the middle.
    let details = "200 UPE upstream_reset_after_response_started{protocol_error}";
    assert_eq!(response.access.as_deref(), Some(details));
}

#[test]
fn the_routes_timeout_runs_from_the_end_of_the_request() {
    let mut scene = scene();
    let stream = scene.request(&[], false);
    scene.wait_millis(20_000);
    scene.send(stream, "", true);
    scene.wait_millis(14_999);
    assert_eq!(scene.response(stream).status(), "");
    scene.wait_millis(1);
    let response = scene.response(stream);
    assert_eq!(response.status(), "504");
    assert_eq!(response.body, b"upstream request timeout");
    assert_eq!(response.access.as_deref(), Some("504 UT response_timeout"));
    assert!(scene.requests[0].reset);
}

#[test]
fn the_timeout_cuts_a_response_that_is_still_streaming() {
    let mut scene = scene();
    let stream = scene.request(&[], true);
    scene.answer(0, &[], false);
    scene.wait_millis(15_000);
    assert!(scene.response(stream).reset.is_some());
    assert_eq!(scene.response(stream).access.as_deref(), Some("200 UT response_timeout"));
}

#[test]
fn no_connection_in_time_is_a_failure() {
    let mut scene = scene();
    let peer = "127.0.0.1:1".parse().unwrap();
    let open = crate::host::OpenStream { listener: 0, worker: 0, protocol: Protocol::Http2, peer };
    let stream = scene.host.open_stream(open);
    let headers = [(":method", "GET"), (":path", "/"), (":authority", "x"), (":scheme", "http")];
    scene.host.request_headers(stream, headers.into_iter().collect(), true);
    while scene.host.poll().is_some() {}
    scene.responses.insert(stream, Default::default());
    scene.requests.push(Default::default());
    scene.requests[0].attempt = crate::model::effect::AttemptId(1);
    scene.wait_millis(5_000);
    let details = "503 UF upstream_reset_before_response_started{connection_timeout}";
    assert_eq!(scene.response(stream).access.as_deref(), Some(details), "{}", scene.trace());
}

#[test]
fn an_early_response_ends_the_exchange() {
    let mut scene = scene();
    let stream = scene.request(&[], false);
    scene.send(stream, "part", false);
    scene.answer(0, &[(":status", "401")], true);
    let response = scene.response(stream);
    assert_eq!((response.status(), response.ended), ("401", true));
    assert_eq!(response.headers.text("connection"), Some("close"));
    assert!(scene.requests[0].reset, "the rest of the request is not wanted");
    scene.send(stream, "more", true);
    assert_eq!(scene.host.world().open_streams(), 0);
}

#[test]
fn http10_is_refused_unless_it_is_accepted() {
    let mut scene = scene();
    let stream = scene.open(Protocol::Http10);
    scene.send_headers(stream, &[(":method", "GET")], true);
    assert_eq!(scene.response(stream).status(), "426");
    assert_eq!(scene.response(stream).access.as_deref(), Some("426 DPE low_version"));

    let manager = "http_protocol_options: {accept_http_10: true}";
    let text = super::scene::file(&[], manager, "");
    let mut scene = Scene::from_file(Guests::default(), &text, HostOptions::default());
    let stream = scene.open(Protocol::Http10);
    scene.send_headers(stream, &[(":method", "GET")], true);
    scene.answer(0, &[], false);
    scene.answer_data(0, "x", true);
    let response = scene.response(stream);
    assert_eq!(response.headers.text("connection"), Some("close"));
    assert!(!response.headers.contains(b"transfer-encoding"));
}

#[test]
fn an_upgrade_that_nobody_allows_is_403() {
    let mut scene = scene();
    let upgrade = [(":method", "GET"), ("connection", "upgrade"), ("upgrade", "websocket")];
    let stream = scene.request(&upgrade, false);
    assert_eq!(scene.response(stream).status(), "403");
    assert_eq!(scene.response(stream).access.as_deref(), Some("403 - upgrade_failed"));
}

#[test]
fn headers_from_an_edge_client_are_replaced() {
    let text = super::scene::file(&[], "use_remote_address: true", "");
    let mut scene = Scene::from_file(Guests::default(), &text, HostOptions::default());
    let forged = [
        ("x-request-id", "mine"),
        ("x-forwarded-proto", "https"),
        ("x-envoy-internal", "true"),
        ("x-envoy-decorator-operation", "mine"),
    ];
    scene.request(&forged, true);
    let headers = &scene.requests[0].headers;
    assert_ne!(headers.text("x-request-id"), Some("mine"));
    assert_eq!(headers.text("x-forwarded-proto"), Some("http"));
    assert_eq!(headers.text("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(headers.text("x-envoy-external-address"), Some("127.0.0.1"));
    assert!(!headers.contains(b"x-envoy-internal"));
    assert!(!headers.contains(b"x-envoy-decorator-operation"));
}
