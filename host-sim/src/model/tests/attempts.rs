//! Filters between the router and the servers.

use super::scene::{Body, CONTINUE, Filter, Guests, Notes, Scene, default_answer, file};
use crate::{
    abi::Callback,
    host::HostOptions,
    model::{EnvoyVersion, LocalReply, World},
};

/// A proxy with guest `down` before the router and guest `up` before the servers of cluster `a`.
fn scene(guests: Guests) -> Scene {
    scene_of(guests, EnvoyVersion::default())
}

fn scene_of(guests: Guests, envoy: EnvoyVersion) -> Scene {
    let code = crate::model::access_log::base64(b"up");
    let upstream = format!(
        r#"- name: a
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http_protocol_options: {{}}}}
        http_filters:
        - name: up
          typed_config:
            "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
            config:
              name: up
              root_id: up
              allow_on_headers_stop_iteration: true
              vm_config: {{runtime: envoy.wasm.runtime.v8, code: {{local: {{inline_bytes: "{code}"}}}}}}
        - name: codec
          typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec}}
"#
    );
    let text =
        file(&[Filter("down", "down", "")], "", "").replace("- name: a\n", &upstream).replace(
            "route: {cluster: a}",
            "route: {cluster: a, retry_policy: {retry_on: 5xx, num_retries: 2}}",
        );
    Scene::from_file(guests, &text, HostOptions { envoy, ..HostOptions::default() })
}

/// Guest `up`, and the names of the stream callbacks that it was called with.
fn noting(act: fn(&mut World, &Callback) -> Option<u32>) -> (Guests, Notes) {
    let notes = Notes::default();
    let told = notes.clone();
    let guests = Guests::default().plain("down", |_, callback| default_answer(callback));
    let guests = guests.with("up", move || {
        let told = told.clone();
        let body: Body = Box::new(move |world: &mut World, callback: &Callback| {
            match callback {
                Callback::VmStart { .. } | Callback::Configure { .. } => {
                    return default_answer(callback);
                }
                Callback::ContextCreate { parent: 0, .. } => {}
                _ => told.add(callback.export()),
            }
            match act(world, callback) {
                Some(answer) => Ok(Some(answer)),
                None => default_answer(callback),
            }
        });
        body
    });
    (guests, notes)
}

#[test]
fn every_attempt_has_contexts_of_its_own_and_no_log_phase() {
    let (guests, notes) = noting(|world, callback| {
        if let Callback::RequestHeaders { .. } = callback {
            world.add_header(0, b"x-tag", b"u").unwrap();
        }
        None
    });
    let mut scene = scene(guests);
    let stream = scene.request(&[], true);
    scene.answer(0, &[(":status", "503")], true);
    scene.wait_millis(30);
    scene.answer(1, &[], true);
    assert_eq!(scene.response(stream).status(), "200");
    let tags = |request: usize| scene.requests[request].headers.get_all(b"x-tag").count();
    assert_eq!((tags(0), tags(1)), (1, 2), "the map of request headers is one");
    let one = [
        "proxy_on_context_create",
        "proxy_on_request_headers",
        "proxy_on_response_headers",
        "proxy_on_done",
        "proxy_on_delete",
    ];
    assert_eq!(notes.take(), [one, one].concat());
    assert_eq!(scene.host.world().open_streams(), 0);
}

#[test]
fn a_status_that_is_rewritten_is_what_the_router_decides_by() {
    let (guests, _) = noting(|world, callback| {
        if let Callback::ResponseHeaders { .. } = callback {
            world.replace_header(2, b":status", b"503").unwrap();
        }
        None
    });
    let mut scene = scene(guests);
    let stream = scene.request(&[], true);
    for request in 0..3 {
        scene.answer(request, &[], true);
        scene.wait_millis(60);
    }
    assert_eq!(scene.response(stream).access.as_deref(), Some("503 URX via_upstream"));
}

#[test]
fn a_reply_from_there_ends_the_stream_and_not_the_attempt_alone() {
    let (guests, notes) = noting(|world, callback| {
        if let Callback::RequestHeaders { .. } = callback {
            let reply =
                LocalReply { status: 503, details: b"mine".to_vec(), ..LocalReply::default() };
            world.send_local_response(reply).unwrap();
        }
        None
    });
    let mut scene = scene(guests);
    let stream = scene.request(&[], true);
    assert_eq!(scene.response(stream).access.as_deref(), Some("503 - mine"));
    scene.wait_millis(100);
    assert!(scene.requests.len() == 1 && scene.requests[0].headers.is_empty());
    assert_eq!(notes.take().last().map(String::as_str), Some("proxy_on_delete"));
}

#[test]
fn held_headers_have_not_come_and_can_still_be_changed() {
    let (guests, _) = noting(|world, callback| match callback {
        Callback::ResponseHeaders { .. } => Some(1),
        Callback::ResponseBody { .. } => {
            let body = world.buffer_bytes(1, 0, 100).unwrap();
            if body.starts_with(b"error") {
                world.replace_header(2, b":status", b"503").unwrap();
            }
            CONTINUE.unwrap()
        }
        _ => None,
    });
    let mut scene = scene(guests);
    let stream = scene.request(&[], true);
    scene.answer(0, &[], false);
    assert_eq!(scene.response(stream).status(), "", "held");
    scene.answer_data(0, "error", false);
    scene.wait_millis(30);
    assert!(scene.requests[0].reset);
    scene.answer(1, &[], false);
    scene.answer_data(1, "good", true);
    let response = scene.response(stream);
    assert_eq!((response.status(), &response.body[..]), ("200", &b"good"[..]));
}

#[test]
fn an_older_envoy_breaks_on_a_held_answer_that_is_tried_again() {
    for (envoy, refusals) in [(EnvoyVersion::V1_36, 1), (EnvoyVersion::V1_37, 0)] {
        let (guests, _) = noting(|world, callback| match callback {
            Callback::ResponseHeaders { .. } => Some(1),
            Callback::ResponseBody { end_of_stream: false, .. } => Some(1),
            Callback::ResponseBody { .. } => {
                world.replace_header(2, b":status", b"503").unwrap();
                CONTINUE.unwrap()
            }
            _ => None,
        });
        let mut scene = scene_of(guests, envoy);
        scene.request(&[], true);
        scene.answer(0, &[], false);
        scene.answer_data(0, "held", true);
        assert_eq!(scene.host.take_refusals().len(), refusals, "{envoy:?}");
    }
}

#[test]
fn filter_state_is_the_streams_on_both_sides_of_the_router() {
    let notes = Notes::default();
    let told = notes.clone();
    let (guests, _) = noting(|world, callback| {
        if let Callback::RequestHeaders { .. } = callback {
            let down = world.property(b"down").unwrap();
            world.set_property(b"up", &[&down[..], b"!"].concat()).unwrap();
        }
        None
    });
    let guests = guests.with("down", move || {
        let told = told.clone();
        Box::new(move |world: &mut World, callback: &Callback| {
            match callback {
                Callback::RequestHeaders { .. } => world.set_property(b"down", b"fact").unwrap(),
                Callback::ResponseHeaders { .. } => {
                    told.add(String::from_utf8_lossy(&world.property(b"up").unwrap()));
                }
                _ => {}
            }
            default_answer(callback)
        })
    });
    let mut scene = scene(guests);
    scene.request(&[], true);
    scene.answer(0, &[], true);
    assert_eq!(notes.take(), ["fact!"]);
}
