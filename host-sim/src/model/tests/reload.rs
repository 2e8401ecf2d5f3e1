//! A new configuration while streams run.

use super::scene::{Body, CONTINUE, Filter, Guests, Notes, PAUSE, Scene, default_answer};
use crate::{abi::Callback, host::HostOptions, model::World};

/// Notes which of its configurations does what; a configuration that begins with `bad` is refused.
fn guests(notes: &Notes) -> Guests {
    let notes = notes.clone();
    Guests::default().with("mindful", move || {
        let notes = notes.clone();
        let mut names = std::collections::BTreeMap::new();
        let body: Body = Box::new(move |world: &mut World, callback: &Callback| match callback {
            Callback::Configure { context, size } => {
                let text = world.buffer_bytes(7, 0, *size).unwrap();
                let text = String::from_utf8_lossy(&text).into_owned();
                world.set_tick_period(1000).unwrap();
                let accepted = !text.starts_with("bad");
                names.insert(*context, text);
                Ok(Some(u32::from(accepted)))
            }
            Callback::Tick { context }
            | Callback::Done { context }
            | Callback::Delete { context }
                if names.contains_key(context) =>
            {
                notes.add(format!("{}: {}", names[context], callback.export()));
                Ok(Some(1))
            }
            Callback::ContextCreate { context, parent } if *parent != 0 => {
                notes.add(format!("{}: stream {context}", names[parent]));
                Ok(None)
            }
            Callback::RequestHeaders { .. } if world.header_value(0, b"x-hold").is_ok() => PAUSE,
            Callback::RequestHeaders { .. } => CONTINUE,
            _ => default_answer(callback),
        });
        body
    })
}

fn scene(notes: &Notes) -> Scene {
    let text = super::scene::file(&[Filter("one", "mindful", "")], "", "");
    Scene::from_file(guests(notes), &text, HostOptions::default())
}

fn reload(scene: &mut Scene, text: &str) -> Result<(), String> {
    let reloaded = scene.host.reload_plugin("one", text.as_bytes().into());
    reloaded.map_err(|error| error.to_string())
}

#[test]
fn without_streams_the_old_configuration_is_over_at_once() {
    let notes = Notes::default();
    let mut scene = scene(&notes);
    notes.take();
    reload(&mut scene, "new").unwrap();
    let over = ["one's own: proxy_on_done", "one's own: proxy_on_delete"];
    assert_eq!(notes.take(), [over, over].concat(), "on the main thread and on the worker");
    scene.wait_millis(1000);
    assert_eq!(notes.take(), ["new: proxy_on_tick", "new: proxy_on_tick"]);
    scene.request(&[], true);
    assert_eq!(notes.take(), ["new: stream 3"]);
}

#[test]
fn a_running_stream_keeps_its_configuration_ticking_until_it_ends() {
    let notes = Notes::default();
    let mut scene = scene(&notes);
    let held = scene.request(&[("x-hold", "1")], true);
    notes.take();
    reload(&mut scene, "new").unwrap();
    assert_eq!(notes.take().len(), 2, "only the main thread's old root is over");
    scene.wait_millis(1000);
    let ticks = notes.take();
    assert_eq!(ticks.iter().filter(|note| *note == "new: proxy_on_tick").count(), 2);
    assert_eq!(ticks.iter().filter(|note| *note == "one's own: proxy_on_tick").count(), 1);
    scene.host.reset_downstream(held);
    let after = notes.take();
    assert_eq!(after, ["one's own: proxy_on_done", "one's own: proxy_on_delete"]);
    scene.wait_millis(1000);
    assert_eq!(notes.take(), ["new: proxy_on_tick", "new: proxy_on_tick"]);
}

#[test]
fn a_refused_configuration_leaves_the_old_one_in_force() {
    let notes = Notes::default();
    let mut scene = scene(&notes);
    notes.take();
    let error = reload(&mut scene, "bad").unwrap_err();
    assert_eq!(error, "plugin `one` refused its configuration");
    scene.request(&[], true);
    assert_eq!(notes.take(), ["one's own: stream 2"]);
    let error = scene.host.reload_plugin("two", b"".as_slice().into()).unwrap_err();
    assert_eq!(error.to_string(), "found no plugin with root id `two`; allowed one");
}
