//! Pausing in request headers, with and without `allow_on_headers_stop_iteration`.

use super::scene::{Body, CONTINUE, Filter, Guests, PAUSE, Scene, default_answer};
use crate::{
    abi::{Callback, Status},
    model::World,
};

const KNOB: &str = "allow_on_headers_stop_iteration: true";

/// Pauses in headers, reads the whole body, routes by it.
fn reader() -> Body {
    Box::new(|world: &mut World, callback: &Callback| match *callback {
        Callback::RequestHeaders { end_of_stream: true, .. } => CONTINUE,
        Callback::RequestHeaders { .. } => PAUSE,
        Callback::RequestBody { end_of_stream: false, .. } => PAUSE,
        Callback::RequestBody { size, .. } => {
            let body = world.buffer_bytes(0, 0, size).unwrap();
            let pool = if body.starts_with(b"big") { "b" } else { "a" };
            world.replace_header(0, b"x-pool", pool.as_bytes()).unwrap();
            CONTINUE
        }
        _ => default_answer(callback),
    })
}

fn scene(more: &'static str) -> Scene {
    Scene::new(Guests::default().with("reader", reader), &[Filter("reader", "reader", more)])
}

#[test]
fn with_the_knob_the_body_chooses_the_route() {
    for pieces in [&["big one"][..], &["b", "i", "g", ""], &["big", " one"]] {
        let mut scene = scene(KNOB);
        let stream = scene.request(&[], false);
        for (place, piece) in pieces.iter().enumerate() {
            scene.send(stream, piece, place + 1 == pieces.len());
        }
        assert_eq!(scene.requests[0].cluster, "b", "{}", scene.trace());
        assert_eq!(String::from_utf8_lossy(&scene.requests[0].body), pieces.concat());
        assert!(scene.requests[0].ended);
    }
}

#[test]
fn without_the_knob_the_body_never_comes_and_the_stream_idles_out() {
    let mut scene = scene("");
    let stream = scene.request(&[], false);
    scene.send(stream, "big one", true);
    assert!(!scene.trace().contains("RequestBody"), "{}", scene.trace());
    scene.wait_millis(300_000);
    assert_eq!(scene.response(stream).status(), "504");
    assert_eq!(scene.response(stream).body, b"stream timeout");
    assert_eq!(scene.response(stream).access.as_deref(), Some("504 SI stream_idle_timeout"));
}

#[test]
fn a_continue_on_the_first_piece_lets_the_headers_go_with_it() {
    let guests = Guests::default().plain("eager", |world, callback| match callback {
        Callback::RequestHeaders { .. } => PAUSE,
        Callback::RequestBody { .. } => {
            // Still paused: the headers can be changed. After the answer they cannot.
            let changed = world.replace_header(0, b"x-pool", b"b");
            world.log(2, format!("{changed:?}").as_bytes()).unwrap();
            CONTINUE
        }
        _ => default_answer(callback),
    });
    let mut scene = Scene::new(guests, &[Filter("eager", "eager", KNOB)]);
    let stream = scene.request(&[], false);
    scene.send(stream, "one", false);
    assert_eq!(scene.requests[0].cluster, "b");
    assert_eq!(scene.requests[0].body, b"one");
    scene.send(stream, "two", true);
    assert_eq!(scene.requests[0].body, b"onetwo");
    assert!(scene.requests[0].ended);
    let lines: Vec<_> = scene.host.world().logs().iter().map(|line| &line.message).collect();
    // Headers paused by StopIteration stay reachable: nothing closed the window.
    // The end of an HTTP/1 body is a piece of its own.
    assert_eq!(lines, ["Ok(())", "Ok(())", "Ok(())"]);
}

#[test]
fn headers_are_out_of_reach_after_continue() {
    let guests = Guests::default().plain("late", |world, callback| match callback {
        Callback::RequestHeaders { .. } => CONTINUE,
        Callback::RequestBody { .. } => {
            assert_eq!(world.header_value(0, b":path"), Err(Status::BadArgument));
            assert_eq!(world.header_pairs(0), Ok(vec![]));
            assert_eq!(world.replace_header(0, b"x", b"y"), Err(Status::BadArgument));
            CONTINUE
        }
        Callback::Log { .. } => {
            assert_eq!(world.header_value(0, b":path"), Ok(b"/".to_vec()));
            assert_eq!(world.header_value(3, b"x"), Err(Status::NotFound));
            assert_eq!(world.replace_header(0, b"x", b"y"), Err(Status::BadArgument));
            Ok(None)
        }
        _ => default_answer(callback),
    });
    let mut scene = Scene::new(guests, &[Filter("late", "late", "")]);
    let stream = scene.request(&[], false);
    scene.send(stream, "one", true);
    scene.answer(0, &[], true);
    assert_eq!(scene.response(stream).access.as_deref(), Some("200 - via_upstream"));
    assert_eq!(scene.host.world().open_streams(), 0);
}
