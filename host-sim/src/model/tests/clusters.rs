//! Which cluster and which endpoint an attempt goes to.

use super::scene::{Guests, Scene, file};
use crate::host::HostOptions;

/// A proxy with these clusters beside `a`, to which all requests go.
fn scene(route: &str, clusters: &str) -> Scene {
    let text = file(&[], "", "").replace("route: {cluster: a}", &format!("route: {{{route}}}"));
    Scene::from_file(Guests::default(), &format!("{text}{clusters}"), HostOptions::default())
}

fn endpoints(ports: &[u16]) -> String {
    let one = |port: &u16| {
        format!(
            "{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}"
        )
    };
    let all: Vec<String> = ports.iter().map(one).collect();
    let all = all.join(", ");
    format!("load_assignment: {{cluster_name: x, endpoints: [{{lb_endpoints: [{all}]}}]}}")
}

impl Scene {
    /// The port that the last attempt went to.
    fn last_port(&self) -> u16 {
        let trace = self.host.world().trace();
        let line = trace.iter().rev().find(|line| line.contains("to server: connect")).unwrap();
        line.rsplit(':').next().unwrap().parse().unwrap()
    }
}

const CHAIN: &str = r#"  - name: chain
    lb_policy: CLUSTER_PROVIDED
    cluster_type:
      name: envoy.clusters.composite
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.clusters.composite.v3.ClusterConfig
        clusters: [{name: a}, {name: b}]
"#;

#[test]
fn each_attempt_goes_to_the_next_member_and_behind_the_last_there_is_none() {
    let mut scene = scene("cluster: chain, retry_policy: {retry_on: 5xx, num_retries: 5}", CHAIN);
    let stream = scene.request(&[], true);
    for request in 0..2 {
        scene.answer(request, &[(":status", "503")], true);
        scene.wait_millis(60);
    }
    let clusters: Vec<&str> = scene.requests.iter().map(|one| one.cluster.as_str()).collect();
    assert_eq!(clusters, ["a", "b"]);
    assert_eq!(scene.response(stream).access.as_deref(), Some("503 UH no_healthy_upstream"));
}

#[test]
fn a_member_that_does_not_exist_is_refused() {
    let clusters = CHAIN.replace("{name: b}", "{name: c}");
    let text = format!("{}{clusters}", file(&[], "", ""));
    let tree = crate::yaml::parse("t.yaml", &text).unwrap().remove(0);
    let error = crate::bootstrap::Bootstrap::from_node(&tree).unwrap_err().to_string();
    assert!(error.contains("found member `c` of cluster `chain`"), "{error}");
}

#[test]
fn named_endpoints_are_used_up_by_attempts() {
    let named = format!(
        r#"  - name: named
    load_balancing_policy:
      policies:
      - typed_extension_config:
          name: override
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost
            override_host_sources: [{{header: X-Endpoint}}]
            fallback_policy: {{policies: [{{typed_extension_config: {{name: rr, typed_config: {{"@type": type.googleapis.com/envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin}}}}}}]}}
    {}
"#,
        endpoints(&[1, 2, 3])
    );
    let mut scene = scene("cluster: named, retry_policy: {retry_on: 5xx, num_retries: 3}", &named);
    scene.request(&[("x-endpoint", "127.0.0.1:3, 127.0.0.1:9,127.0.0.1:2")], true);
    let mut ports = vec![scene.last_port()];
    for request in 0..3 {
        scene.answer(request, &[(":status", "503")], true);
        scene.wait_millis(150);
        ports.push(scene.last_port());
    }
    assert_eq!(ports, [3, 2, 1, 2], "then the fallback, from its first endpoint on");
}

#[test]
fn a_hash_keeps_requests_together_and_spreads_the_others() {
    let hashed =
        format!("  - name: hashed\n    lb_policy: RING_HASH\n    {}\n", endpoints(&[1, 2, 3, 4]));
    let policy = "cluster: hashed, hash_policy: [{header: {header_name: x-s}, terminal: true}, \
                  {cookie: {name: c}}]";
    let mut scene = scene(policy, &hashed);
    let mut port = |headers: &[(&str, &str)]| {
        scene.request(headers, true);
        scene.last_port()
    };
    assert_eq!(port(&[("x-s", "1")]), port(&[("x-s", "1"), ("cookie", "c=2")]), "terminal");
    assert_eq!(port(&[("cookie", "a=b; c=7")]), port(&[("cookie", "c=\"7\"")]));
    let names: Vec<String> = (0..64).map(|number| number.to_string()).collect();
    let mut found: Vec<u16> = names.iter().map(|name| port(&[("x-s", name)])).collect();
    found.sort_unstable();
    found.dedup();
    assert_eq!(found, [1, 2, 3, 4]);
}

#[test]
fn an_endpoint_that_fails_in_a_row_is_left_out_and_comes_back() {
    let flaky = format!(
        "  - name: flaky\n    outlier_detection: {{consecutive_5xx: 2, interval: 1s, \
         base_ejection_time: 2s, max_ejection_percent: 50}}\n    {}\n",
        endpoints(&[1, 2])
    );
    let mut scene = scene("cluster: flaky", &flaky);
    let mut asked = 0;
    let mut ask = |scene: &mut Scene, status: &str| {
        scene.request(&[], true);
        let port = scene.last_port();
        scene.answer(asked, &[(":status", status)], true);
        asked += 1;
        port
    };
    // Port 1 fails twice in a row, port 2 with a success in between.
    for status in ["500", "500", "500", "200"] {
        ask(&mut scene, status);
    }
    let ports: Vec<u16> = (0..3).map(|_| ask(&mut scene, "500")).collect();
    assert_eq!(ports, [2, 2, 2], "and of two endpoints only one may be out");
    scene.wait_millis(2_000);
    let ports: Vec<u16> = (0..2).map(|_| ask(&mut scene, "500")).collect();
    assert!(ports.contains(&1), "{ports:?}");
}

#[test]
fn the_second_time_takes_twice_as_long() {
    let last = format!(
        "  - name: last\n    outlier_detection: {{consecutive_5xx: 1, interval: 1s, \
         base_ejection_time: 2s, max_ejection_percent: 100}}\n    \
         common_lb_config: {{healthy_panic_threshold: {{value: 0}}}}\n    {}\n",
        endpoints(&[1])
    );
    let mut scene = scene("cluster: last", &last);
    for (round, seconds) in [(0, 2), (1, 4)] {
        scene.request(&[], true);
        scene.answer(round, &[(":status", "500")], true);
        scene.wait_millis(seconds * 1_000 - 100);
        let refused = scene.request(&[], true);
        let line = "503 UH no_healthy_upstream";
        assert_eq!(scene.response(refused).access.as_deref(), Some(line), "round {round}");
        scene.wait_millis(100);
    }
    scene.request(&[], true);
    assert_eq!(scene.requests.len(), 3, "back again");
}

#[test]
fn a_copy_gets_the_whole_request_and_its_answer_is_not_heard() {
    let mut scene = scene("cluster: a, request_mirror_policies: [{cluster: b}]", "");
    let stream = scene.request(&[("x-own", "1")], false);
    scene.send(stream, "hello", true);
    let copy = &scene.requests[0];
    assert_eq!((copy.cluster.as_str(), &copy.body[..], copy.ended), ("b", &b"hello"[..], true));
    assert_eq!(copy.headers.text(":authority"), Some("example.com-shadow"));
    assert_eq!(copy.headers.text("x-own"), Some("1"));
    scene.answer(0, &[(":status", "500")], true);
    assert_eq!(scene.response(stream).status(), "");
    scene.answer(1, &[], true);
    assert_eq!(scene.response(stream).status(), "200");
    assert!(!scene.requests[0].reset);
}

#[test]
fn a_copy_of_a_request_that_is_cut_short_is_cut_short() {
    let mut scene = scene("cluster: a, request_mirror_policies: [{cluster: b}]", "");
    let stream = scene.request(&[], false);
    scene.send(stream, "hel", false);
    scene.host.reset_downstream(stream);
    scene.collect();
    assert!(scene.requests.iter().all(|request| request.reset));
    assert_eq!(scene.requests.len(), 2);
}

#[test]
fn as_many_requests_are_copied_as_the_fraction_says() {
    let half = "runtime_fraction: {default_value: {numerator: 50}}";
    let route = format!("cluster: a, request_mirror_policies: [{{cluster: b, {half}}}]");
    let mut scene = scene(&route, "");
    for _ in 0..200 {
        scene.request(&[], true);
    }
    let copies = scene.requests.iter().filter(|request| request.cluster == "b").count();
    assert!((70..130).contains(&copies), "{copies}");
}
