//! What Envoy has and the model has not is refused by name.

use super::scene::{CONTINUE, Filter, Guests, Notes, Scene, default_answer};
use crate::{
    abi::Callback,
    model::{GrpcStream, HttpCall, World},
};

/// What is refused of this call, made when the request's headers come.
fn refusal(call: impl Fn(&mut World) + Clone + Send + Sync + 'static) -> String {
    let notes = Notes::default();
    let of_guest = notes.clone();
    let guests = Guests::default().with("asker", move || {
        let (notes, call) = (of_guest.clone(), call.clone());
        Box::new(move |world: &mut World, callback: &Callback| match callback {
            Callback::RequestHeaders { .. } => {
                call(world);
                notes.add(world.take_refusals().join("; "));
                CONTINUE
            }
            _ => default_answer(callback),
        })
    });
    let mut scene = Scene::new(guests, &[Filter("asker", "asker", "")]);
    scene.request(&[], true);
    notes.take().concat()
}

#[test]
fn what_the_model_has_not_is_refused_by_name() {
    let foreign = |name: &'static [u8], arguments: &'static [u8]| {
        refusal(move |world| _ = world.foreign_function(name, arguments))
    };
    for name in [&b"sign"[..], b"verify_signature", b"expr_create", b"expr_evaluate"] {
        let refused = foreign(name, b"");
        let name = String::from_utf8_lossy(name);
        assert!(refused.contains(&format!("foreign function {name}: ")), "{refused}");
    }
    let acted_on = foreign(b"set_envoy_filter_state", b"\x0a\x17envoy.tcp_proxy.cluster\x12\x01v");
    assert!(acted_on.contains("object `envoy.tcp_proxy.cluster`"), "{acted_on}");
    let outlives = foreign(b"declare_property", b"\x0a\x01n\x28\x02");
    assert!(outlives.contains("outlive their stream"), "{outlives}");
    let typed = foreign(b"declare_property", b"\x0a\x01n\x18\x03");
    assert!(typed.contains("FlatBuffers and Protobuf"), "{typed}");
    for header in [&b"x-envoy-retry-on"[..], b"x-envoy-upstream-stream-duration-ms"] {
        let mut headers: Vec<(Vec<u8>, Vec<u8>)> =
            [(":method", "GET"), (":path", "/"), (":authority", "c")]
                .map(|(name, value)| (name.into(), value.into()))
                .to_vec();
        let value = if header.ends_with(b"on") { "5xx" } else { "9" };
        headers.push((header.into(), value.into()));
        let call =
            HttpCall { upstream: b"a".to_vec(), headers, timeout_ms: 9, ..HttpCall::default() };
        let refused = refusal(move |world| _ = world.http_call(call.clone()));
        assert!(refused.contains("not modelled"), "{refused}");
    }
    let property = refusal(|world| _ = world.property(b"xds\0node"));
    assert!(property.contains("xds.node beyond"), "{property}");
}

#[test]
fn what_is_modelled_is_not_refused() {
    let refused = refusal(|world| {
        for name in [&b"clear_route_cache"[..], b"compress", b"nonsense"] {
            _ = world.foreign_function(name, b"");
        }
        _ = world.property(b"xds\0node\0id");
        _ = world.property(b"upstream\0local_address");
    });
    assert_eq!(refused, "");
}

#[test]
fn what_crashes_envoy_or_reenters_a_guest_is_refused_by_name() {
    let stream = |service: &'static [u8]| {
        refusal(move |world| {
            let service = service.to_vec();
            _ = world.grpc_stream(GrpcStream { service, ..GrpcStream::default() });
        })
    };
    let empty = stream(b"\x0a\x07\x0a\x05empty");
    assert!(empty.contains("proxy_grpc_stream to empty, which has no endpoint"), "{empty}");
    assert!(stream(b"").contains("names no target"));
    // The name of a cluster may be a message, too: an unknown field of four bytes.
    assert!(stream(b"empty").contains("names no target"));
    assert_eq!(stream(b"a"), "");
    let response = refusal(|world| _ = world.continue_stream(1));
    assert!(response.contains("continuing a response before there is one"), "{response}");
}
