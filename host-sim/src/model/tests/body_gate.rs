//! The body gate: routing by the body with two plain plugins in two VMs.
//!
//! The first plugin reads each piece of the body as it passes; the second, right behind it, holds the
//! request. When the first has decided, it puts the decision on the second one's queue, and the second
//! sets the routing header and lets the request go, on a later turn of the event loop.

use std::collections::BTreeMap;

use super::scene::{Body, CONTINUE, Filter, Guests, PAUSE, Scene, default_answer};
use crate::{
    abi::Callback,
    host::{HostOptions, Protocol},
    model::World,
};

/// Sends `context:pool` to the gate's queue, as soon as the body says `big`, or at its end.
fn decider() -> Body {
    let mut seen: BTreeMap<u32, Option<Vec<u8>>> = BTreeMap::new();
    Box::new(move |world: &mut World, callback: &Callback| match *callback {
        Callback::RequestHeaders { context, end_of_stream, .. } => {
            seen.insert(context, (!end_of_stream).then(Vec::new));
            CONTINUE
        }
        Callback::RequestBody { context, size, end_of_stream } => {
            let bytes = world.buffer_bytes(0, 0, size).unwrap();
            let state = seen.get_mut(&context).unwrap();
            if let Some(body) = state {
                body.extend_from_slice(&bytes);
                let big = String::from_utf8_lossy(body).contains("big");
                if big || end_of_stream {
                    *state = None;
                    decide(world, if big { "b" } else { "a" });
                }
            }
            CONTINUE
        }
        Callback::RequestTrailers { context, .. } => {
            if let Some(Some(_)) = seen.remove(&context) {
                decide(world, "a");
            }
            CONTINUE
        }
        _ => default_answer(callback),
    })
}

fn decide(world: &mut World, pool: &str) {
    let gate = String::from_utf8(world.property(b"gate").unwrap()).unwrap();
    let (token, context) = gate.split_once(':').unwrap();
    world.enqueue(token.parse().unwrap(), format!("{context}:{pool}").as_bytes()).unwrap();
}

fn gate() -> Body {
    let mut token = 0;
    Box::new(move |world: &mut World, callback: &Callback| match *callback {
        Callback::Configure { .. } => {
            // The last registrant of a name hears of it, so each root context draws its own.
            let mut name = [0; 8];
            world.random_bytes(&mut name);
            token = world.register_queue(&name).unwrap();
            Ok(Some(1))
        }
        Callback::RequestHeaders { context, end_of_stream, .. } => {
            if end_of_stream || world.header_value(0, b"upgrade").is_ok() {
                return CONTINUE;
            }
            world.set_property(b"gate", format!("{token}:{context}").as_bytes()).unwrap();
            PAUSE
        }
        Callback::QueueReady { token, .. } => {
            let message = String::from_utf8(world.dequeue(token).unwrap()).unwrap();
            let (context, pool) = message.split_once(':').unwrap();
            if world.set_effective_context(context.parse().unwrap()).is_ok() {
                world.replace_header(0, b"x-pool", pool.as_bytes()).unwrap();
                world.continue_stream(0).unwrap();
            }
            Ok(None)
        }
        _ => default_answer(callback),
    })
}

fn scene(workers: usize) -> Scene {
    let guests = Guests::default().with("decider", decider).with("gate", gate);
    let filters = [Filter("decider", "decider", ""), Filter("gate", "gate", "")];
    let text = super::scene::file(&filters, "upgrade_configs: [{upgrade_type: websocket}]", "");
    Scene::from_file(guests, &text, HostOptions { workers, ..HostOptions::default() })
}

#[test]
fn the_route_follows_the_body_and_the_body_arrives_whole() {
    for protocol in [Protocol::Http11, Protocol::Http2] {
        for (pieces, cluster) in [
            (vec!["a big model"], "b"),
            (vec!["a small model"], "a"),
            (vec!["a b", "ig", " model", ""], "b"),
            (vec!["sm", "all", ""], "a"),
        ] {
            let mut scene = scene(1);
            let stream = scene.open(protocol);
            scene.send_headers(stream, &[], false);
            for (place, piece) in pieces.iter().enumerate() {
                scene.send(stream, piece, place + 1 == pieces.len());
            }
            assert!(scene.requests.is_empty(), "nothing goes on before the queue is heard");
            scene.turn();
            let request = &scene.requests[0];
            assert_eq!(request.cluster, cluster, "{pieces:?}\n{}", scene.trace());
            assert_eq!(String::from_utf8_lossy(&request.body), pieces.concat());
            assert!(request.ended, "{pieces:?}\n{}", scene.trace());
            assert_eq!(request.headers.text("x-pool"), Some(cluster));
        }
    }
}

#[test]
fn the_gate_gets_what_it_held_in_one_callback_once_it_is_resumed() {
    let mut scene = scene(1);
    let stream = scene.open(Protocol::Http2);
    scene.send_headers(stream, &[], false);
    scene.send(stream, "a b", false);
    scene.send(stream, "ig", true);
    scene.turn();
    let trace = scene.trace();
    let of_gate = |line: &&str| line.contains(" vm7 RequestBody {");
    let calls: Vec<_> = trace.lines().filter(of_gate).collect();
    assert_eq!(calls.len(), 1, "{trace}");
    assert!(calls[0].contains("size: 5, end_of_stream: true"), "{calls:?}");
}

#[test]
fn a_decision_on_the_first_piece_lets_the_rest_stream_by() {
    let mut scene = scene(1);
    let stream = scene.request(&[], false);
    scene.send(stream, "big, and", false);
    scene.turn();
    assert_eq!(scene.requests[0].body, b"big, and");
    assert!(!scene.requests[0].ended);
    scene.send(stream, " more", false);
    assert_eq!(scene.requests[0].body, b"big, and more");
    scene.send(stream, "", true);
    assert!(scene.requests[0].ended);
}

#[test]
fn a_request_without_a_body_passes_at_once() {
    let mut scene = scene(1);
    scene.request(&[(":method", "GET")], true);
    assert!(scene.requests[0].ended);
    assert_eq!(scene.requests[0].cluster, "a");
}

#[test]
fn each_worker_has_a_gate_of_its_own() {
    let mut scene = scene(3);
    for worker in 0..3 {
        let stream = scene.open_on(worker, Protocol::Http11);
        scene.send_headers(stream, &[], false);
        scene.send(stream, "big", true);
        scene.turn();
    }
    let delivered: Vec<_> = scene.requests.iter().map(|request| request.cluster.as_str()).collect();
    assert_eq!(delivered, ["b", "b", "b"], "{}", scene.trace());
}

#[test]
fn a_client_that_leaves_while_paused_ends_both_contexts() {
    let mut scene = scene(1);
    let stream = scene.request(&[], false);
    scene.send(stream, "big", false);
    scene.host.reset_downstream(stream);
    scene.turn();
    assert!(scene.requests.is_empty());
    let ends = scene.trace().matches("Delete {").count();
    assert_eq!(ends, 2, "{}", scene.trace());
    assert_eq!(scene.host.world().open_streams(), 0);
    let access = scene.response(stream).access.clone();
    assert_eq!(access.as_deref(), Some("0 DC downstream_remote_disconnect"));
}

#[test]
fn trailers_release_the_request_and_follow_it() {
    let mut scene = scene(1);
    let stream = scene.open(Protocol::Http2);
    scene.send_headers(stream, &[], false);
    scene.send(stream, "big", false);
    scene.turn();
    scene.host.request_trailers(stream, [("x-sum", "1")].into_iter().collect());
    scene.turn();
    let request = &scene.requests[0];
    assert_eq!(request.body, b"big");
    assert_eq!(request.trailers.text("x-sum"), Some("1"), "{}", scene.trace());
}

#[test]
fn trailers_alone_can_be_the_end_that_decides() {
    let mut scene = scene(1);
    let stream = scene.open(Protocol::Http2);
    scene.send_headers(stream, &[], false);
    scene.send(stream, "small", false);
    scene.host.request_trailers(stream, [("x-sum", "1")].into_iter().collect());
    scene.turn();
    // Server `a` speaks HTTP/1, where trailers are dropped and the end remains.
    assert_eq!(scene.requests[0].body, b"small", "{}", scene.trace());
    assert!(scene.requests[0].ended && scene.requests[0].trailers.is_empty());
}

#[test]
fn a_websocket_passes_the_gate_and_both_directions_flow() {
    let mut scene = scene(1);
    let upgrade = [(":method", "GET"), ("connection", "Upgrade"), ("upgrade", "websocket")];
    let stream = scene.request(&upgrade, false);
    assert_eq!(scene.requests[0].headers.text("upgrade"), Some("websocket"));
    let switch = [(":status", "101"), ("connection", "Upgrade"), ("upgrade", "websocket")];
    scene.answer(0, &switch, false);
    scene.answer_data(0, "hello", false);
    assert_eq!(scene.response(stream).status(), "101");
    assert_eq!(scene.response(stream).body, b"hello");
}

#[test]
fn a_long_body_comes_in_a_first_read_of_64_kib_and_then_all_at_once() {
    let mut scene = scene(1);
    let stream = scene.request(&[], false);
    scene.send(stream, &"x".repeat(200_000), true);
    scene.turn();
    let trace = scene.trace();
    let pieces = trace.lines().filter(|line| line.contains("RequestBody { context: 2,"));
    let sizes: Vec<&str> =
        pieces.filter_map(|line| line.split("size: ").nth(1)?.split(',').next()).collect();
    assert_eq!(sizes[..3], ["65536", "134464", "0"], "{trace}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let run = || {
        let mut scene = scene(2);
        let stream = scene.request(&[], false);
        scene.send(stream, "big", true);
        scene.turn();
        scene.answer(0, &[], true);
        scene.trace()
    };
    assert_eq!(run(), run());
}
