//! Attempts, and when another one follows.

use super::scene::{Filter, Guests, Scene, default_answer, file};
use crate::{
    abi::Callback,
    host::HostOptions,
    model::{
        GrpcCall,
        effect::{StreamId, UpstreamReset},
    },
};

/// A proxy whose route to cluster `a` has these further fields, and the cluster those.
fn scene(route: &str, cluster: &str) -> Scene {
    let manager = "use_remote_address: true\n          internal_address_config: \
                   {cidr_ranges: [{address_prefix: 127.0.0.0, prefix_len: 8}]}";
    let text = file(&[], manager, "")
        .replace("route: {cluster: a}", &format!("route: {{cluster: a, {route}}}"))
        .replace("- name: a\n", &format!("- name: a\n    {cluster}\n"));
    Scene::from_file(Guests::default(), &text, HostOptions::default())
}

const TWICE: &str = "retry_policy: {retry_on: 5xx, num_retries: 2}";

impl Scene {
    fn fails(&mut self, request: usize, status: &str) {
        self.answer(request, &[(":status", status)], true);
        // Longer than any back-off by default.
        self.wait_millis(250);
    }

    fn counter(&self, name: &str) -> u64 {
        let counted = self.host.world().cluster_counters();
        counted
            .filter(|(cluster, counter, _)| *cluster == "a" && *counter == name)
            .map(|c| c.2)
            .sum()
    }

    fn access(&self, stream: StreamId) -> &str {
        self.response(stream).access.as_deref().unwrap_or("")
    }
}

#[test]
fn the_whole_request_is_sent_again_to_every_attempt() {
    let mut scene = scene(TWICE, "");
    let stream = scene.request(&[("x-own", "1")], false);
    scene.send(stream, "hel", false);
    scene.send(stream, "lo", true);
    scene.fails(0, "503");
    scene.fails(1, "503");
    scene.answer(2, &[], true);
    for request in &scene.requests {
        assert_eq!((request.body.as_slice(), request.ended), (&b"hello"[..], true));
        assert_eq!(request.headers.text("x-own"), Some("1"));
    }
    assert_eq!(scene.response(stream).status(), "200");
    assert_eq!(scene.access(stream), "200 - via_upstream");
}

#[test]
fn a_body_that_still_arrives_reaches_the_attempt_that_is_under_way() {
    let mut scene = scene(TWICE, "");
    let stream = scene.request(&[], false);
    scene.send(stream, "one ", false);
    scene.answer(0, &[(":status", "503")], true);
    assert!(scene.requests[0].reset, "the rest of the request is not wanted there");
    scene.send(stream, "two ", false);
    scene.wait_millis(30);
    scene.send(stream, "three", true);
    assert_eq!(scene.requests[1].body, b"one two three");
    scene.answer(1, &[], true);
    assert_eq!(scene.response(stream).status(), "200");
}

#[test]
fn the_last_answer_is_the_clients_when_no_attempt_is_left() {
    let mut scene = scene(TWICE, "");
    let stream = scene.request(&[], true);
    for request in 0..3 {
        scene.fails(request, "503");
    }
    assert_eq!(scene.requests.len(), 3);
    assert_eq!(scene.access(stream), "503 URX via_upstream");
    assert_eq!(scene.counter("upstream_rq_retry"), 2);
    assert_eq!(scene.counter("upstream_rq_retry_limit_exceeded"), 1);
}

#[test]
fn back_offs_are_drawn_below_a_doubling_interval() {
    let mut waits = Vec::new();
    for seed in 0..40 {
        let text = file(&[], "", "").replace(
            "route: {cluster: a}",
            "route: {cluster: a, retry_policy: {retry_on: 5xx, num_retries: 9}}",
        );
        let options = HostOptions { seed, ..HostOptions::default() };
        let mut scene = Scene::from_file(Guests::default(), &text, options);
        scene.request(&[], true);
        let mut own = Vec::new();
        for request in 0..6 {
            scene.answer(request, &[(":status", "500")], true);
            let before = scene.host.now();
            while scene.requests.len() == request + 1 {
                let (next, _) = scene.host.next_deadline().unwrap();
                scene.host.advance_to(next);
                scene.collect();
            }
            own.push((scene.host.now() - before) / 1_000_000);
        }
        waits.push(own);
    }
    for (place, most) in [25, 50, 100, 200, 250, 250].into_iter().enumerate() {
        let longest = waits.iter().map(|own| own[place]).max().unwrap();
        assert!((most / 2..most).contains(&longest), "wait {place}: {longest} of {most}");
    }
    assert_ne!(waits[0], waits[1], "drawn anew for each seed");
}

#[test]
fn a_request_header_switches_retries_on_and_off() {
    for (more, attempts) in [
        (&[("x-envoy-max-retries", "0")][..], 1),
        (&[("x-envoy-max-retries", "1")], 2),
        (&[("x-envoy-max-retries", "x")], 3),
        (&[("x-envoy-retry-on", "reset")], 3),
    ] {
        let mut scene = scene(TWICE, "");
        scene.request(more, true);
        for request in 0..attempts {
            scene.fails(request, "500");
        }
        assert_eq!(scene.requests.len(), attempts, "{more:?}");
    }
    let mut scene = scene("timeout: 1s", "");
    scene.request(&[("x-envoy-retry-on", "retriable-4xx"), ("x-envoy-max-retries", "1")], true);
    scene.fails(0, "409");
    assert_eq!(scene.requests.len(), 2);
    assert!(!scene.requests[0].headers.contains(b"x-envoy-retry-on"));
}

#[test]
fn what_is_reset_is_retried_by_its_condition() {
    use UpstreamReset::{ConnectFailure, ConnectionTermination, RemoteRefused, RemoteReset};
    for (condition, reset, again) in [
        ("reset", RemoteReset, true),
        ("gateway-error", ConnectionTermination, true),
        ("connect-failure", ConnectionTermination, false),
        ("refused-stream", RemoteReset, false),
        ("refused-stream", RemoteRefused, true),
        ("retriable-status-codes", ConnectFailure, false),
        ("reset-before-request", RemoteReset, false),
    ] {
        let mut scene = scene(&format!("retry_policy: {{retry_on: {condition}}}"), "");
        scene.request(&[], true);
        scene.host.reset_upstream(scene.requests[0].attempt, reset);
        scene.wait_millis(30);
        assert_eq!(scene.requests.len(), if again { 2 } else { 1 }, "{condition} {reset:?}");
    }
}

#[test]
fn after_the_first_header_nothing_is_tried_again() {
    let mut scene = scene(TWICE, "");
    let stream = scene.request(&[], true);
    scene.answer(0, &[], false);
    scene.host.reset_upstream(scene.requests[0].attempt, UpstreamReset::RemoteReset);
    scene.wait_millis(300);
    assert_eq!(scene.requests.len(), 1);
    assert!(scene.response(stream).reset.is_some());
}

#[test]
fn a_body_over_the_limit_ends_the_right_to_retries_and_between_attempts_the_request() {
    let limit = "per_connection_buffer_limit_bytes: 4";
    let text = file(&[], "", limit)
        .replace("route: {cluster: a}", &format!("route: {{cluster: a, {TWICE}}}"));
    let mut scene = Scene::from_file(Guests::default(), &text, HostOptions::default());
    let stream = scene.request(&[], false);
    scene.send(stream, "123", false);
    scene.send(stream, "45", true);
    scene.fails(0, "503");
    assert_eq!((scene.requests.len(), scene.access(stream)), (1, "503 - via_upstream"));
    assert_eq!(scene.counter("retry_or_shadow_abandoned"), 1);

    let stream = scene.request(&[], false);
    scene.send(stream, "123", false);
    scene.answer(1, &[(":status", "503")], true);
    scene.send(stream, "45", false);
    let line = "507 - request_payload_exceeded_retry_buffer_limit";
    assert_eq!(scene.access(stream), line, "{}", scene.trace());
}

#[test]
fn a_client_that_leaves_ends_the_back_off() {
    let mut scene = scene(TWICE, "");
    let stream = scene.request(&[], true);
    scene.answer(0, &[(":status", "503")], true);
    scene.host.reset_downstream(stream);
    scene.wait_millis(100);
    assert_eq!(scene.requests.len(), 1);
    // And gives its place among the retries back.
    for _ in 0..3 {
        let before = scene.requests.len();
        scene.request(&[], true);
        scene.fails(before, "503");
        assert_eq!(scene.requests.len(), before + 2);
    }
}

#[test]
fn three_retries_are_under_way_at_most_by_default() {
    let mut scene = scene(TWICE, "");
    let streams: Vec<_> = (0..5).map(|_| scene.request(&[], true)).collect();
    for request in 0..5 {
        scene.answer(request, &[(":status", "503")], true);
    }
    scene.wait_millis(30);
    assert_eq!(scene.requests.len(), 8);
    assert_eq!(scene.access(streams[3]), "503 UO via_upstream");
    assert_eq!(scene.counter("upstream_rq_retry_overflow"), 2);
    scene.answer(5, &[], false);
    let later = scene.request(&[], true);
    scene.fails(8, "503");
    assert_eq!(scene.requests.len(), 10, "headers end a retry's place");
    assert_eq!(scene.access(later), "");
}

#[test]
fn what_a_plugin_calls_over_grpc_passes_a_circuit_breaker() {
    let guests = Guests::default().plain("caller", |world, callback| {
        if let Callback::RequestHeaders { .. } = callback {
            let call = GrpcCall { service: b"a".to_vec(), timeout_ms: 300, ..GrpcCall::default() };
            world.grpc_call(call).unwrap();
        }
        default_answer(callback)
    });
    let none = "- name: a\n    circuit_breakers: {thresholds: [{max_pending_requests: 0}]}\n";
    let text = file(&[Filter("caller", "caller", "")], "", "").replace("- name: a\n", none);
    let mut scene = Scene::from_file(guests, &text, HostOptions::default());
    let stream = scene.request(&[], true);
    assert!(scene.trace().contains("to server: connect a"), "{}", scene.trace());
    assert_eq!(scene.response(stream).status(), "503");
}

#[test]
fn turns_begin_at_the_first_endpoint() {
    let two = "lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 8000}}}}, ";
    let text = file(&[], "", "").replacen("lb_endpoints: [", two, 1);
    for seed in 0..8 {
        let options = HostOptions { seed, ..HostOptions::default() };
        let mut scene = Scene::from_file(Guests::default(), &text, options);
        let stream = scene.request(&[], true);
        scene.answer(0, &[], true);
        assert!(scene.response(stream).ended);
        assert!(scene.trace().contains("127.0.0.1:8000"), "{}", scene.trace());
        assert!(!scene.trace().contains("127.0.0.1:8001"));
    }
}

#[test]
fn an_attempt_waits_for_the_only_connection() {
    let limits = "circuit_breakers: {thresholds: [{max_connections: 1, max_pending_requests: 1}]}";
    let mut scene = scene(TWICE, limits);
    let first = scene.request(&[], true);
    let second = scene.request(&[], true);
    let third = scene.request(&[], true);
    assert_eq!(scene.requests.len(), 1);
    let line = "503 UO upstream_reset_before_response_started{overflow}";
    assert_eq!(scene.access(third), line);
    assert_eq!(scene.response(third).headers.text("x-envoy-overloaded"), Some("true"));
    scene.answer(0, &[], true);
    assert_eq!(scene.response(first).status(), "200");
    assert_eq!(scene.requests.len(), 2);
    scene.answer(1, &[], true);
    assert_eq!(scene.response(second).status(), "200");
}
