//! Each lint: a guest that makes the mistake is caught, one that does the same work well is not.

use super::scene::{Body, CONTINUE, Filter, Guests, PAUSE, Scene, default_answer};
use crate::{
    abi::Callback,
    host::HostOptions,
    model::{GrpcCall, HttpCall, LocalReply, Trap, World, lint::Lint},
};

type Answer = Result<Option<u32>, Trap>;

/// A proxy with one guest, one request with a body that is answered, and an end.
fn found_by(guest: fn(&mut World, &Callback) -> Answer) -> Vec<&'static str> {
    let mut scene =
        Scene::new(Guests::default().plain("guest", guest), &[Filter("p", "guest", "")]);
    let stream = scene.request(&[("content-length", "4")], false);
    scene.send(stream, "body", true);
    scene.turn();
    if let Some((call, _)) = scene.callouts.pop() {
        let headers = [(":status", "200")].into_iter().collect();
        let outcome = crate::model::effect::CalloutOutcome::Response {
            headers,
            body: bytes::Bytes::new(),
            trailers: crate::model::HeaderMap::new(),
        };
        scene.host.callout_response(call, outcome);
        scene.collect();
    }
    scene.wait_millis(50);
    if !scene.requests.is_empty() && scene.requests[0].ended {
        scene.answer(0, &[("content-length", "2")], false);
        scene.answer_data(0, "ok", true);
    }
    ends(&mut scene)
}

fn ends(scene: &mut Scene) -> Vec<&'static str> {
    scene.host.lint_what_is_left();
    scene.host.world().lints().iter().map(|finding| finding.lint.name()).collect()
}

/// Pauses the request, and does what is asked when the tick comes.
fn on_tick(world: &mut World, callback: &Callback, act: fn(&mut World)) -> Answer {
    match callback {
        Callback::Configure { .. } => {
            world.set_tick_period(10).unwrap();
            Ok(Some(1))
        }
        Callback::RequestHeaders { context, .. } => {
            let context = context.to_string();
            let (_, cas) = world.shared_data(b"waiting").unwrap_or_default();
            world.set_shared_data(b"waiting", context.as_bytes(), cas).unwrap();
            PAUSE
        }
        Callback::Tick { .. } => {
            if let Ok((context, cas)) = world.shared_data(b"waiting")
                && let Ok(context) = String::from_utf8_lossy(&context).parse()
                && world.set_effective_context(context).is_ok()
            {
                act(world);
                world.set_shared_data(b"waiting", b"", cas).unwrap();
            }
            CONTINUE
        }
        _ => default_answer(callback),
    }
}

#[test]
fn a_request_that_nothing_ever_resumes_is_found_and_one_that_a_tick_resumes_is_not() {
    let found = found_by(|_, callback| match callback {
        Callback::RequestHeaders { .. } => PAUSE,
        _ => default_answer(callback),
    });
    assert_eq!(found, ["stream_never_ends"]);
    let found = found_by(|world, callback| {
        on_tick(world, callback, |world| world.continue_stream(0).unwrap())
    });
    assert_eq!(found, [] as [&str; 0]);
}

#[test]
fn resuming_what_is_not_held_and_resuming_twice_are_found() {
    let early = found_by(|world, callback| match callback {
        Callback::RequestHeaders { .. } => {
            world.continue_stream(0).unwrap();
            CONTINUE
        }
        _ => default_answer(callback),
    });
    assert_eq!(early, ["resume_without_pause"]);
    let twice = found_by(|world, callback| {
        on_tick(world, callback, |world| {
            world.continue_stream(0).unwrap();
            world.continue_stream(0).unwrap();
        })
    });
    assert_eq!(twice, ["resume_without_pause"]);
}

#[test]
fn a_second_answer_to_one_stream_is_found() {
    let found = found_by(|world, callback| match callback {
        Callback::RequestHeaders { .. } => {
            world.send_local_response(LocalReply::text(403, "no", "one")).unwrap();
            world.send_local_response(LocalReply::text(404, "no", "two")).unwrap();
            PAUSE
        }
        _ => default_answer(callback),
    });
    assert_eq!(found, ["second_local_reply"]);
    let once = found_by(|world, callback| match callback {
        Callback::RequestHeaders { .. } => {
            world.send_local_response(LocalReply::text(403, "no", "one")).unwrap();
            PAUSE
        }
        _ => default_answer(callback),
    });
    assert_eq!(once, [] as [&str; 0]);
}

#[test]
fn headers_out_of_reach_are_found_by_who_reads_and_by_who_changes() {
    let reads = found_by(|world, callback| match callback {
        Callback::RequestBody { .. } => {
            assert!(world.header_value(0, b"host").is_err());
            CONTINUE
        }
        _ => default_answer(callback),
    });
    let changes = found_by(|world, callback| match callback {
        Callback::ResponseBody { .. } => {
            assert!(world.replace_header(2, b"x", b"y").is_err());
            CONTINUE
        }
        _ => default_answer(callback),
    });
    assert_eq!([reads, changes], [["headers_outside_window"], ["headers_outside_window"]]);
    let well = found_by(|world, callback| match callback {
        Callback::RequestHeaders { .. } => {
            world.header_value(0, b":path").unwrap();
            CONTINUE
        }
        // Asking for trailers is how a plugin learns that there are none; a log reads everything.
        Callback::RequestBody { .. } => {
            assert!(world.header_value(1, b"x").is_err());
            CONTINUE
        }
        Callback::Log { .. } => {
            world.header_value(0, b":path").unwrap();
            CONTINUE
        }
        _ => default_answer(callback),
    });
    assert_eq!(well, [] as [&str; 0]);
}

#[test]
fn a_body_that_outgrows_its_announced_length_is_found_unless_the_header_is_removed() {
    fn doubled(world: &mut World, callback: &Callback, removes: bool) -> Answer {
        match callback {
            Callback::RequestHeaders { .. } if removes => {
                world.remove_header(0, b"content-length").unwrap();
                CONTINUE
            }
            Callback::RequestBody { size, .. } => {
                world.set_buffer_bytes(0, 0, *size, b"twice the body").unwrap();
                CONTINUE
            }
            _ => default_answer(callback),
        }
    }
    assert_eq!(found_by(|world, callback| doubled(world, callback, false)), ["content_length"]);
    assert_eq!(found_by(|world, callback| doubled(world, callback, true)), [] as [&str; 0]);
}

#[test]
fn a_metric_defined_twice_for_requests_is_found_and_once_is_not() {
    let again = found_by(|world, callback| match callback {
        Callback::RequestHeaders { .. } | Callback::RequestBody { .. } => {
            world.define_metric(0, b"requests").unwrap();
            CONTINUE
        }
        _ => default_answer(callback),
    });
    assert_eq!(again, ["late_metric"]);
    let once = found_by(|world, callback| match callback {
        Callback::VmStart { .. } | Callback::Configure { .. } => {
            world.define_metric(0, b"requests").unwrap();
            Ok(Some(1))
        }
        Callback::RequestHeaders { .. } => {
            world.define_metric(0, b"errors").unwrap();
            CONTINUE
        }
        _ => default_answer(callback),
    });
    assert_eq!(once, [] as [&str; 0]);
}

#[test]
fn metrics_without_end_are_found() {
    let many = found_by(|world, callback| match callback {
        Callback::RequestHeaders { .. } => {
            for client in 0..10_001 {
                world.define_metric(0, format!("requests_of_{client}").as_bytes()).unwrap();
            }
            CONTINUE
        }
        _ => default_answer(callback),
    });
    assert_eq!(many, ["late_metric"]);
}

#[test]
fn a_call_that_may_wait_for_ever_is_found() {
    fn calls(world: &mut World, callback: &Callback, timeout_ms: u32) -> Answer {
        let pair = |name: &str, value: &str| (name.into(), value.into());
        match callback {
            Callback::RequestHeaders { .. } => {
                let headers =
                    vec![pair(":method", "GET"), pair(":path", "/"), pair(":authority", "b")];
                let call = HttpCall {
                    upstream: b"b".to_vec(),
                    headers,
                    body: Vec::new(),
                    trailers: Vec::new(),
                    timeout_ms,
                };
                world.http_call(call).unwrap();
                CONTINUE
            }
            _ => default_answer(callback),
        }
    }
    assert_eq!(found_by(|world, callback| calls(world, callback, 0)), ["call_without_timeout"]);
    assert_eq!(found_by(|world, callback| calls(world, callback, 500)), [] as [&str; 0]);
    let grpc = found_by(|world, callback| match callback {
        Callback::RequestHeaders { .. } => {
            let call = GrpcCall { service_name: b"x.Y".to_vec(), ..GrpcCall::default() };
            assert!(world.grpc_call(call).is_err(), "no such cluster, and yet no timeout");
            CONTINUE
        }
        _ => default_answer(callback),
    });
    assert_eq!(grpc, ["call_without_timeout"]);
}

/// A new configuration; the old one's `on_done` and what it does about its tick are the test's.
fn reloaded(guest: fn(&mut World, &Callback) -> Answer) -> Vec<&'static str> {
    let mut scene =
        Scene::new(Guests::default().plain("guest", guest), &[Filter("p", "guest", "")]);
    scene.host.reload_plugin(0, b"new".to_vec().into()).unwrap();
    scene.wait_millis(50);
    let mut found = ends(&mut scene);
    found.dedup();
    found
}

#[test]
fn an_old_configuration_that_never_takes_leave_is_found_and_its_tick_too() {
    fn guest(world: &mut World, callback: &Callback, stops: bool, leaves: bool) -> Answer {
        match callback {
            Callback::Configure { .. } => {
                world.set_tick_period(10).unwrap();
                Ok(Some(1))
            }
            Callback::Done { .. } => {
                if stops {
                    world.set_tick_period(0).unwrap();
                }
                Ok(Some(0))
            }
            Callback::Tick { .. } => {
                if leaves {
                    let _ = world.done();
                }
                CONTINUE
            }
            _ => default_answer(callback),
        }
    }
    let mut both = reloaded(|world, callback| guest(world, callback, false, false));
    both.sort_unstable();
    both.dedup();
    assert_eq!(both, ["context_leaked", "tick_leaked"]);
    let mut context = reloaded(|world, callback| guest(world, callback, true, false));
    context.dedup();
    assert_eq!(context, ["context_leaked"]);
    let well = reloaded(|world, callback| guest(world, callback, false, true));
    assert_eq!(well, [] as [&str; 0]);
}

#[test]
fn two_plugins_with_one_queue_name_are_found_and_two_threads_of_one_plugin_are_not() {
    fn registers(name: &'static str) -> Body {
        Box::new(move |world: &mut World, callback: &Callback| match callback {
            Callback::Configure { .. } => {
                world.register_queue(name.as_bytes()).unwrap();
                Ok(Some(1))
            }
            _ => default_answer(callback),
        })
    }
    let found = |second: &'static str| {
        let guests = Guests::default()
            .with("one", || registers("jobs"))
            .with("two", move || registers(second));
        let text = super::scene::file(&[Filter("p", "one", ""), Filter("q", "two", "")], "", "");
        let options = HostOptions { workers: 2, ..HostOptions::default() };
        let mut scene = Scene::from_file(guests, &text, options);
        let mut found = ends(&mut scene);
        found.dedup();
        found
    };
    assert_eq!(found("jobs"), ["queue_name_collision"]);
    assert_eq!(found("other-jobs"), [] as [&str; 0]);
}

#[test]
fn every_lint_has_a_name_of_its_own() {
    let mut names = Lint::ALL.map(Lint::name).to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Lint::ALL.len());
}
