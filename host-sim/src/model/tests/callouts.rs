//! Requests that plugins send by themselves.

use bytes::Bytes;

use super::scene::{Filter, Guests, Notes, PAUSE, Scene, default_answer};
use crate::{
    abi::{Callback, Status},
    model::{GrpcCall, HeaderMap, HttpCall, World, effect::CalloutOutcome},
};

fn call(cluster: &str, timeout_ms: u32) -> HttpCall {
    let headers = [(":method", "GET"), (":path", "/c"), (":authority", "c")];
    HttpCall {
        upstream: cluster.into(),
        headers: headers.map(|(name, value)| (name.into(), value.into())).to_vec(),
        timeout_ms,
        ..HttpCall::default()
    }
}

/// Calls cluster `a` for each request and notes the answer; then lets the request go.
fn caller(notes: &Notes) -> Guests {
    let notes = notes.clone();
    Guests::default().with("caller", move || {
        let notes = notes.clone();
        let mut waiting = None;
        Box::new(move |world: &mut World, callback: &Callback| match *callback {
            Callback::RequestHeaders { context, .. } => {
                let token = world.http_call(call("a", 300)).unwrap();
                waiting = Some((token, context));
                PAUSE
            }
            Callback::HttpCallResponse { token, headers, body_size, trailers, .. } => {
                let status = world.header_value(6, b":status");
                let status = status.map(|value| String::from_utf8(value).unwrap());
                let body = world.buffer_bytes(4, 0, 1000).map(|body| body.len());
                let code = world.call_status().0;
                notes.add(format!(
                    "{headers} {body_size} {trailers} {status:?} {body:?} {code} {:?}",
                    world.header_value(7, b"x")
                ));
                let (wanted, context) = waiting.take().unwrap();
                assert_eq!(token, wanted);
                if world.set_effective_context(context).is_ok() {
                    world.continue_stream(0).unwrap();
                }
                Ok(None)
            }
            _ => default_answer(callback),
        })
    })
}

#[test]
fn each_outcome_is_told_in_its_own_way_and_the_request_goes_on() {
    let headers: HeaderMap = [(":status", "200"), ("x-a", "b")].into_iter().collect();
    let body = Bytes::from_static(b"hello");
    let answer = |trailers| CalloutOutcome::Response {
        headers: headers.clone(),
        body: body.clone(),
        trailers,
    };
    let trailers: HeaderMap = [("x", "y")].into_iter().collect();
    let no_trailers = "Err(BadArgument)";
    for (outcome, told) in [
        // The proxy's own client adds the time it took.
        (answer(HeaderMap::new()), format!("3 5 0 Ok(\"200\") Ok(5) 0 {no_trailers}")),
        (answer(trailers), "3 5 1 Ok(\"200\") Ok(5) 0 Ok([121])".to_owned()),
        (CalloutOutcome::ConnectFailure, format!("3 98 0 Ok(\"503\") Ok(98) 0 {no_trailers}")),
        (CalloutOutcome::NoResponse, format!("3 95 0 Ok(\"503\") Ok(95) 0 {no_trailers}")),
        (CalloutOutcome::RemoteReset, format!("3 85 0 Ok(\"503\") Ok(85) 0 {no_trailers}")),
        (CalloutOutcome::Reset, format!("0 0 0 Err(BadArgument) Err(NotFound) 11 {no_trailers}")),
    ] {
        let notes = Notes::default();
        let mut scene = Scene::new(caller(&notes), &[Filter("caller", "caller", "")]);
        scene.request(&[], true);
        // The connection stands with the next turn.
        assert!(scene.callouts.is_empty());
        scene.turn();
        let (id, sent) = scene.callouts[0].clone();
        assert_eq!(sent.text("x-envoy-expected-rq-timeout-ms"), Some("300"));
        scene.host.callout_response(id, outcome);
        scene.collect();
        assert_eq!(notes.take(), [told]);
        assert_eq!(scene.requests.len(), 1, "{}", scene.trace());
    }
}

#[test]
fn silence_ends_with_a_504_and_the_answer_is_no_longer_wanted() {
    let notes = Notes::default();
    let mut scene = Scene::new(caller(&notes), &[Filter("caller", "caller", "")]);
    scene.request(&[], true);
    scene.wait_millis(299);
    assert!(notes.take().is_empty());
    scene.wait_millis(1);
    assert_eq!(notes.take(), ["3 24 0 Ok(\"504\") Ok(24) 0 Err(BadArgument)"]);
    assert!(scene.callouts.is_empty(), "cancelled");
}

#[test]
fn an_answer_finds_its_root_context_also_when_the_stream_is_gone() {
    let notes = Notes::default();
    let mut scene = Scene::new(caller(&notes), &[Filter("caller", "caller", "")]);
    let stream = scene.request(&[], true);
    scene.turn();
    scene.host.reset_downstream(stream);
    let (id, _) = scene.callouts[0].clone();
    scene.host.callout_response(id, CalloutOutcome::Reset);
    scene.collect();
    assert_eq!(notes.take().len(), 1);
    assert!(scene.requests.is_empty());
}

#[test]
fn what_cannot_be_sent_is_refused_at_once() {
    let guests = Guests::default().plain("caller", |world, callback| {
        if let Callback::RequestHeaders { .. } = callback {
            let bad = Err(Status::BadArgument);
            assert_eq!(world.http_call(call("no-such", 300)), bad);
            assert_eq!(world.http_call(call("a", u32::MAX)), bad);
            let incomplete = HttpCall { headers: Vec::new(), ..call("a", 300) };
            assert_eq!(world.http_call(incomplete), bad);
            assert_eq!(world.http_call(call("empty", 300)), Err(Status::InternalFailure));
        }
        default_answer(callback)
    });
    let mut scene = Scene::new(guests, &[Filter("caller", "caller", "")]);
    scene.request(&[], true);
    assert!(scene.callouts.is_empty());
}

#[test]
fn a_grpc_call_that_is_cancelled_at_once_reaches_no_server() {
    let guests = Guests::default().plain("caller", |world, callback| {
        if let Callback::RequestHeaders { .. } = callback {
            let call = GrpcCall { service: b"a".to_vec(), timeout_ms: 300, ..GrpcCall::default() };
            let token = world.grpc_call(call).unwrap();
            world.grpc_cancel(token).unwrap();
        }
        default_answer(callback)
    });
    let mut scene = Scene::new(guests, &[Filter("caller", "caller", "")]);
    for requests in [1, 2] {
        scene.request(&[], true);
        let sent = scene.trace().matches("to server: headers").count();
        assert_eq!(sent, requests, "those of clients alone: {}", scene.trace());
    }
}
