//! Responses that plugins and the proxy give by themselves.

use super::scene::{CONTINUE, Filter, Guests, PAUSE, Scene, default_answer};
use crate::{
    abi::Callback,
    host::{HostOptions, Protocol},
    model::{HeaderMap, LocalReply},
};

fn reply(status: u32, body: &str) -> LocalReply {
    LocalReply {
        status,
        body: body.into(),
        details: b"by test".to_vec(),
        headers: vec![(b"X-Why".to_vec(), b"test".to_vec())],
        grpc_status: -1,
    }
}

/// Answers every request in its headers; notes the response callbacks that it gets for that.
fn refuser() -> Guests {
    Guests::default()
        .plain("refuser", |world, callback| match callback {
            Callback::RequestHeaders { .. } => {
                world.send_local_response(reply(403, "no")).unwrap();
                CONTINUE
            }
            Callback::ResponseHeaders { .. } => {
                world.add_header(2, b"x-seen-by", b"refuser").unwrap();
                CONTINUE
            }
            _ => default_answer(callback),
        })
        .plain("behind", |world, callback| match callback {
            Callback::ResponseHeaders { .. } => {
                world.add_header(2, b"x-seen-by", b"behind").unwrap();
                CONTINUE
            }
            _ => default_answer(callback),
        })
}

#[test]
fn a_reply_from_request_headers_passes_its_own_plugin_and_not_those_that_saw_nothing() {
    let filters = [Filter("refuser", "refuser", ""), Filter("behind", "behind", "")];
    let mut scene = Scene::new(refuser(), &filters);
    let stream = scene.request(&[], false);
    let response = scene.response(stream);
    assert_eq!(response.status(), "403", "{}", scene.trace());
    assert_eq!(response.body, b"no");
    let seen: Vec<_> = response.headers.get_all(b"x-seen-by").collect();
    assert_eq!(seen, ["refuser"]);
    let names = ["content-type", "content-length", "x-why", "server", "connection"];
    let values = names.map(|name| response.headers.text(name).unwrap_or_default().to_owned());
    // The request is not complete, and HTTP/1 cannot skip it.
    assert_eq!(values, ["text/plain", "2", "test", "envoy", "close"]);
    assert_eq!(response.access.as_deref(), Some("403 - by_test"));
    assert!(scene.requests.is_empty());
    assert_eq!(scene.host.world().open_streams(), 0);
}

#[test]
fn a_grpc_request_gets_its_refusal_in_headers() {
    let mut scene = Scene::new(refuser(), &[Filter("refuser", "refuser", "")]);
    let stream = scene.open(Protocol::Http2);
    scene.send_headers(stream, &[("content-type", "application/grpc")], false);
    let response = scene.response(stream);
    let value = |name: &str| response.headers.text(name).map(str::to_owned);
    assert_eq!(response.status(), "200");
    assert_eq!(value("grpc-status").as_deref(), Some("7"));
    assert_eq!(value("grpc-message").as_deref(), Some("no"));
    assert!(response.ended && response.body.is_empty());
}

#[test]
fn a_reply_from_a_later_event_is_sent_at_once() {
    let guests = Guests::default().plain("later", |world, callback| match *callback {
        Callback::Configure { .. } => {
            world.register_queue(b"q").unwrap();
            Ok(Some(1))
        }
        Callback::RequestHeaders { context, .. } => {
            world.enqueue(1, &context.to_le_bytes()).unwrap();
            PAUSE
        }
        Callback::QueueReady { token, .. } => {
            let context = world.dequeue(token).unwrap();
            let context = u32::from_le_bytes(context.try_into().unwrap());
            world.set_effective_context(context).unwrap();
            world.send_local_response(reply(429, "")).unwrap();
            Ok(None)
        }
        _ => default_answer(callback),
    });
    let mut scene = Scene::new(guests, &[Filter("later", "later", "")]);
    let stream = scene.open(Protocol::Http2);
    scene.send_headers(stream, &[], false);
    scene.turn();
    let response = scene.response(stream);
    assert_eq!((response.status(), response.ended), ("429", true), "{}", scene.trace());
    assert!(!response.headers.contains(b"content-type"));
    assert_eq!(response.access.as_deref(), Some("429 - by_test"));
}

#[test]
fn a_reply_once_headers_have_left_cuts_the_stream() {
    let guests = Guests::default().plain("cutter", |world, callback| match callback {
        Callback::ResponseBody { .. } => {
            world.send_local_response(reply(500, "too late")).unwrap();
            CONTINUE
        }
        _ => default_answer(callback),
    });
    let mut scene = Scene::new(guests, &[Filter("cutter", "cutter", "")]);
    let stream = scene.request(&[], true);
    scene.answer(0, &[], false);
    scene.answer_data(0, "data", false);
    let response = scene.response(stream);
    assert_eq!(response.status(), "200");
    assert_eq!(response.reset.as_deref(), Some("local_reset"), "{}", scene.trace());
    assert_eq!(response.access.as_deref(), Some("200 - by_test"));
    assert!(scene.requests[0].reset);
}

#[test]
fn a_reply_from_response_headers_goes_straight_to_the_client() {
    let guests = Guests::default().plain("changer", |world, callback| match callback {
        Callback::ResponseHeaders { .. } => {
            world.send_local_response(reply(502, "bad")).unwrap();
            CONTINUE
        }
        _ => default_answer(callback),
    });
    let mut scene = Scene::new(guests, &[Filter("changer", "changer", "")]);
    let stream = scene.request(&[], true);
    scene.answer(0, &[("x-from", "server")], false);
    let response = scene.response(stream);
    assert_eq!((response.status(), response.ended), ("502", true), "{}", scene.trace());
    assert!(!response.headers.contains(b"x-from"));
    assert_eq!(scene.trace().matches("ResponseHeaders {").count(), 1);
}

fn buffering(limit: &str, action: fn() -> u32) -> Scene {
    let answer = action();
    let guests = Guests::default().with("holder", move || {
        Box::new(move |_: &mut _, callback: &Callback| match callback {
            Callback::RequestBody { end_of_stream: false, .. } => Ok(Some(answer)),
            Callback::ResponseBody { end_of_stream: false, .. } => Ok(Some(answer)),
            _ => default_answer(callback),
        })
    });
    let text = super::scene::file(&[Filter("holder", "holder", "")], "", limit);
    Scene::from_file(guests, &text, HostOptions::default())
}

#[test]
fn a_body_held_over_the_limit_is_413() {
    let mut scene = buffering("per_connection_buffer_limit_bytes: 10", || 1);
    let stream = scene.request(&[], false);
    scene.send(stream, "12345", false);
    assert_eq!(scene.response(stream).status(), "");
    scene.send(stream, "678901", false);
    let response = scene.response(stream);
    assert_eq!(response.status(), "413", "{}", scene.trace());
    assert_eq!(response.body, b"Payload Too Large");
    assert_eq!(response.access.as_deref(), Some("413 - request_payload_too_large"));
}

#[test]
fn a_body_held_with_a_watermark_stops_reading_instead() {
    let mut scene = buffering("per_connection_buffer_limit_bytes: 10", || 2);
    let stream = scene.request(&[], false);
    scene.send(stream, "12345678901", false);
    // One read takes no more than the limit; the next one goes over it.
    scene.turn();
    assert_eq!(scene.response(stream).reading, Some(false), "{}", scene.trace());
    // HTTP/1 is not read any more, so what would release the body never comes.
    scene.send(stream, "2", true);
    scene.turn();
    assert!(scene.requests[0].body.is_empty());

    // HTTP/2 has a window of its own and goes on.
    let stream = scene.open(Protocol::Http2);
    scene.send_headers(stream, &[], false);
    scene.send(stream, "12345678901", false);
    scene.turn();
    assert_eq!(scene.response(stream).reading, None);
    scene.send(stream, "2", true);
    scene.turn();
    assert_eq!(scene.requests[1].body, b"123456789012");
}

#[test]
fn a_large_piece_is_read_over_several_turns() {
    let guests = Guests::default().plain("quick", |world, callback| match callback {
        Callback::RequestBody { .. } => {
            world.send_local_response(reply(400, "enough")).unwrap();
            CONTINUE
        }
        _ => default_answer(callback),
    });
    let mut scene = Scene::new(guests, &[Filter("quick", "quick", "")]);
    let stream = scene.request(&[], false);
    scene.send(stream, &"x".repeat(1_000_000), true);
    let response = scene.response(stream);
    assert_eq!(response.status(), "400");
    assert_eq!(response.headers.text("connection"), Some("close"));
    let bodies = scene.trace().matches("RequestBody {").count();
    assert_eq!(bodies, 1, "{}", scene.trace());
}

#[test]
fn a_response_held_over_the_limit_after_its_headers_left_is_cut() {
    let mut scene = buffering("per_connection_buffer_limit_bytes: 10", || 1);
    let stream = scene.request(&[], true);
    scene.answer(0, &[], false);
    scene.answer_data(0, "123456789012", false);
    let response = scene.response(stream);
    assert_eq!(response.reset.as_deref(), Some("local_reset"), "{}", scene.trace());
    assert_eq!(response.access.as_deref(), Some("200 - response_payload_too_large"));
}

#[test]
fn a_response_without_status_is_a_502() {
    let guests = Guests::default().plain("thief", |world, callback| match callback {
        Callback::ResponseHeaders { .. } => {
            world.remove_header(2, b":status").unwrap();
            CONTINUE
        }
        _ => default_answer(callback),
    });
    let mut scene = Scene::new(guests, &[Filter("thief", "thief", "")]);
    let stream = scene.request(&[], true);
    scene.answer(0, &[], true);
    assert_eq!(scene.response(stream).status(), "502", "{}", scene.trace());
}

#[test]
fn a_reply_inside_its_own_reply_ends_the_stream_at_once() {
    let guests = Guests::default().plain("twice", |world, callback| match callback {
        Callback::RequestHeaders { .. } => {
            world.send_local_response(reply(403, "one")).unwrap();
            CONTINUE
        }
        Callback::ResponseHeaders { .. } => {
            world.send_local_response(reply(404, "two")).unwrap();
            CONTINUE
        }
        _ => default_answer(callback),
    });
    let mut scene = Scene::new(guests, &[Filter("twice", "twice", "")]);
    let stream = scene.open(Protocol::Http2);
    scene.send_headers(stream, &[(":method", "GET")], true);
    let response = scene.response(stream);
    assert_eq!((response.status(), &response.body[..]), ("404", &b"two"[..]));
    // Envoy tells the plugin of the first reply's body after that: DIFFERENCES.md.
    assert!(!scene.trace().contains("ResponseBody {"), "{}", scene.trace());
}

#[test]
fn expectations_are_answered_and_not_passed_on() {
    let mut scene = Scene::new(Guests::default(), &[]);
    let stream = scene.request(&[("expect", "100-continue")], false);
    assert_eq!(scene.response(stream).continues, 1);
    assert!(!scene.requests[0].headers.contains(b"expect"));
    let trailers: HeaderMap = [("x", "y")].into_iter().collect();
    scene.host.request_trailers(stream, trailers);
    scene.collect();
    // HTTP/1 trailers are dropped; the request ends all the same.
    assert!(scene.requests[0].ended && scene.requests[0].trailers.is_empty());
}
