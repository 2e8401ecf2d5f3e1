//! A new configuration while streams run.

use std::{collections::BTreeMap, sync::Arc};

use super::scene::{Body, CONTINUE, Filter, Guests, Notes, PAUSE, Scene, default_answer, file};
use crate::{
    abi::Callback,
    host::{HostOptions, Protocol},
    model::{Trap, World},
};

/// Notes the life of its root contexts, each under the text of its configuration.
fn guests(notes: &Notes) -> Guests {
    let notes = notes.clone();
    Guests::default().with("guest", move || {
        let notes = notes.clone();
        let mut texts: BTreeMap<u32, String> = BTreeMap::new();
        let mut parents: BTreeMap<u32, u32> = BTreeMap::new();
        let body: Body = Box::new(move |world: &mut World, callback: &Callback| {
            let root = texts.get(&callback.context()).cloned();
            match (callback, root) {
                (Callback::Configure { context, size }, _) => {
                    let text = world.buffer_bytes(7, 0, *size).unwrap();
                    let text = String::from_utf8_lossy(&text).into_owned();
                    let accepted = !text.starts_with("bad");
                    notes.add(format!("configure {text}"));
                    texts.insert(*context, text);
                    world.set_tick_period(1000).unwrap();
                    Ok(Some(u32::from(accepted)))
                }
                (Callback::ContextCreate { context, parent }, _) => {
                    parents.insert(*context, *parent);
                    Ok(None)
                }
                (Callback::RequestHeaders { context, .. }, _) => {
                    if world.header_value(0, b"x-trap").is_ok() {
                        return Err(Trap::new("boom"));
                    }
                    let ruler = &texts[&parents[context]];
                    world.replace_header(0, b"x-ruled-by", ruler.as_bytes()).unwrap();
                    if world.header_value(0, b"x-hold").is_ok() { PAUSE } else { CONTINUE }
                }
                (Callback::Tick { .. }, Some(root)) => {
                    notes.add(format!("tick {root}"));
                    if root == "slow" {
                        // Refused, unless `on_done` has asked for time.
                        let _ = world.done();
                    }
                    Ok(None)
                }
                (Callback::Done { .. }, Some(root)) => {
                    notes.add(format!("done {root}"));
                    Ok(Some(u32::from(root != "slow")))
                }
                (Callback::Delete { .. }, Some(root)) => {
                    notes.add(format!("delete {root}"));
                    Ok(None)
                }
                _ => default_answer(callback),
            }
        });
        body
    })
}

/// One plugin, whose first configuration is `one's own`.
fn scene(notes: &Notes, workers: usize) -> Scene {
    let options = HostOptions { workers, ..HostOptions::default() };
    Scene::from_file(guests(notes), &file(&[Filter("one", "guest", "")], "", ""), options)
}

fn reload(scene: &mut Scene, text: &str) -> Result<(), String> {
    let reloaded = scene.host.reload_plugin(0, Arc::from(text.as_bytes()));
    scene.collect();
    reloaded.map_err(|error| error.to_string())
}

fn ruler(scene: &Scene, request: usize) -> &str {
    scene.requests[request].headers.text("x-ruled-by").unwrap()
}

#[test]
fn a_new_configuration_rules_new_streams_in_the_same_vms() {
    let notes = Notes::default();
    let mut scene = scene(&notes, 2);
    scene.request(&[], true);
    scene.answer(0, &[], true);
    notes.take();
    reload(&mut scene, "new").unwrap();
    // The canary, the main thread, two workers; then the old root contexts end.
    let mut expected = vec!["configure new"; 4];
    expected.extend(["done one's own", "delete one's own"].repeat(3));
    assert_eq!(notes.take(), expected);
    scene.request(&[], true);
    assert_eq!((ruler(&scene, 0), ruler(&scene, 1)), ("one's own", "new"));
    let made = |line: &&String| line.contains(" w0 vm") && line.contains("is made");
    assert_eq!(scene.host.world().trace().iter().filter(made).count(), 1);
    scene.wait_millis(1000);
    assert_eq!(notes.take(), ["tick new"; 3]);
}

#[test]
fn a_running_stream_keeps_its_root_context_which_ticks_until_the_stream_ends() {
    let notes = Notes::default();
    let mut scene = scene(&notes, 1);
    scene.request(&[], true);
    notes.take();
    reload(&mut scene, "new").unwrap();
    let ends_on_main = ["done one's own", "delete one's own"];
    assert_eq!(notes.take()[3..], ends_on_main);
    scene.wait_millis(1000);
    assert_eq!(notes.take(), ["tick one's own", "tick new", "tick new"]);
    scene.answer(0, &[], true);
    assert_eq!(notes.take(), ["done one's own", "delete one's own"]);
    scene.wait_millis(1000);
    assert_eq!(notes.take(), ["tick new", "tick new"]);
}

#[test]
fn the_last_of_several_streams_ends_the_old_root_context_once() {
    let notes = Notes::default();
    let mut scene = scene(&notes, 1);
    scene.request(&[], true);
    let held = scene.request(&[("x-hold", "1")], false);
    reload(&mut scene, "new").unwrap();
    notes.take();
    scene.answer(0, &[], true);
    assert_eq!(notes.take(), [""; 0]);
    scene.host.reset_downstream(held);
    assert_eq!(notes.take(), ["done one's own", "delete one's own"]);
}

#[test]
fn a_refused_configuration_leaves_the_old_one_in_force_and_is_not_tried_again() {
    let notes = Notes::default();
    let mut scene = scene(&notes, 1);
    notes.take();
    let refused = Err("plugin `one` refused its configuration".to_owned());
    assert_eq!(reload(&mut scene, "bad"), refused);
    assert_eq!(reload(&mut scene, "bad"), refused);
    assert_eq!(notes.take(), ["configure bad"]);
    assert_eq!(&*scene.host.plugin_configurations("one").unwrap()[0].configuration, b"one's own");
    scene.request(&[], true);
    assert_eq!(ruler(&scene, 0), "one's own");
    reload(&mut scene, "good").unwrap();
    scene.request(&[], true);
    assert_eq!(ruler(&scene, 1), "good");
}

#[test]
fn going_back_finds_the_root_context_that_a_stream_has_kept_alive() {
    let notes = Notes::default();
    let mut scene = scene(&notes, 1);
    scene.request(&[], true);
    reload(&mut scene, "new").unwrap();
    notes.take();
    reload(&mut scene, "one's own").unwrap();
    // Only the main thread had let go of it.
    let ends = ["done new", "delete new"].repeat(2);
    assert_eq!(notes.take(), [&["configure one's own"][..], &ends].concat());
    scene.answer(0, &[], true);
    assert_eq!(notes.take(), [""; 0]);
    scene.request(&[], true);
    assert_eq!(ruler(&scene, 1), "one's own");
}

#[test]
fn a_root_context_that_asks_for_time_goes_when_it_says_so() {
    let notes = Notes::default();
    let mut scene = scene(&notes, 1);
    reload(&mut scene, "slow").unwrap();
    notes.take();
    reload(&mut scene, "new").unwrap();
    assert_eq!(notes.take()[3..], ["done slow", "done slow"]);
    scene.wait_millis(1000);
    let ticks = notes.take();
    assert_eq!(ticks.iter().filter(|note| *note == "delete slow").count(), 2, "{ticks:?}");
    scene.wait_millis(1000);
    assert_eq!(notes.take(), ["tick new", "tick new"]);
}

#[test]
fn a_new_configuration_brings_back_a_worker_whose_vm_is_dead() {
    let notes = Notes::default();
    let mut scene = scene(&notes, 1);
    let trapped = scene.request(&[("x-trap", "1")], true);
    assert_eq!(scene.response(trapped).status(), "503");
    reload(&mut scene, "new").unwrap();
    scene.request(&[], true);
    assert_eq!(ruler(&scene, 0), "new", "{}", scene.trace());
}

#[test]
fn a_drain_closes_http_1_connections_with_their_responses() {
    let notes = Notes::default();
    let mut scene = scene(&notes, 1);
    let old = scene.request(&[], true);
    let new = scene.open(Protocol::Http2);
    scene.send_headers(new, &[], true);
    scene.host.drain();
    scene.answer(0, &[], true);
    scene.answer(1, &[], true);
    assert_eq!(scene.response(old).headers.text("connection"), Some("close"));
    assert_eq!(scene.response(new).headers.text("connection"), None);
}

#[test]
fn an_unknown_plugin_is_named_with_those_there_are() {
    let scene = scene(&Notes::default(), 1);
    let error = scene.host.plugin_configurations("two").unwrap_err();
    assert_eq!(error.to_string(), "found no plugin with root id `two`; allowed one");
}
