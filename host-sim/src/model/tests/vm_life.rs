//! VMs: how many there are, what a trap does, who comes back.

use super::scene::{Body, CONTINUE, Filter, Guests, Notes, PAUSE, Scene, default_answer};
use crate::{
    abi::{Callback, Status},
    host::HostOptions,
    model::{EnvoyVersion, Trap, World},
};

/// Notes its life; traps on requests that say so; ticks.
fn guests(notes: &Notes) -> Guests {
    let notes = notes.clone();
    Guests::default().with("fragile", move || {
        let notes = notes.clone();
        let body: Body = Box::new(move |world: &mut World, callback: &Callback| match callback {
            Callback::Configure { size, .. } => {
                let text = world.buffer_bytes(7, 0, *size).unwrap();
                notes.add(format!("configure {}", String::from_utf8_lossy(&text)));
                world.set_tick_period(1000).unwrap();
                Ok(Some(u32::from(!text.starts_with(b"bad"))))
            }
            Callback::Tick { .. } => {
                assert_eq!(world.buffer_bytes(7, 0, 9), Err(Status::NotFound));
                notes.add("tick");
                Ok(None)
            }
            Callback::RequestHeaders { .. } if world.header_value(0, b"x-trap").is_ok() => {
                Err(Trap::new("boom"))
            }
            Callback::RequestHeaders { .. } if world.header_value(0, b"x-hold").is_ok() => PAUSE,
            Callback::RequestHeaders { .. } => CONTINUE,
            Callback::Log { .. } | Callback::Delete { .. } => {
                notes.add(callback.export());
                Ok(None)
            }
            _ => default_answer(callback),
        });
        body
    })
}

fn scene(notes: &Notes, workers: usize, filters: &[Filter]) -> Scene {
    let options = HostOptions { workers, ..HostOptions::default() };
    scene_with(notes, filters, options)
}

fn scene_with(notes: &Notes, filters: &[Filter], options: HostOptions) -> Scene {
    Scene::from_file(guests(notes), &super::scene::file(filters, "", ""), options)
}

#[test]
fn n_workers_configure_n_plus_2_times_and_tick_n_plus_1_times() {
    let notes = Notes::default();
    let mut scene = scene(&notes, 3, &[Filter("one", "fragile", "")]);
    assert_eq!(notes.take(), vec!["configure one's own"; 5]);
    scene.wait_millis(1000);
    assert_eq!(notes.take(), vec!["tick"; 4]);
    scene.wait_millis(2000);
    assert_eq!(notes.take(), vec!["tick"; 8]);
}

#[test]
fn plugins_with_one_environment_share_a_vm_and_others_do_not() {
    let vms = |more: &'static str, envoy| {
        let filters = [Filter("one", "fragile", ""), Filter("two", "fragile", more)];
        let options = HostOptions { envoy, ..HostOptions::default() };
        let scene = scene_with(&Notes::default(), &filters, options);
        let made = |line: &&String| line.contains(" w0 vm") && line.contains("is made");
        scene.host.world().trace().iter().filter(made).count()
    };
    assert_eq!(vms("", EnvoyVersion::V1_40), 1);
    let environment = "vm_config: {runtime: envoy.wasm.runtime.v8, code: {local: {inline_bytes: \
                       \"ZnJhZ2lsZQ==\"}}, environment_variables: {key_values: {A: b}}}";
    assert_eq!(vms(environment, EnvoyVersion::V1_39), 2);
    // Seen in the number of VMs that a real 1.37 made.
    assert_eq!(vms(environment, EnvoyVersion::V1_37), 1);
}

#[test]
fn a_refused_configuration_is_a_start_error_with_the_plugins_name() {
    let notes = Notes::default();
    let text = super::scene::file(&[Filter("bad", "fragile", "")], "", "");
    let error = Scene::try_new(guests(&notes), &text, HostOptions::default()).err().unwrap();
    assert_eq!(error.to_string(), "plugin `bad` refused its configuration");
}

#[test]
fn a_trap_fails_the_stream_and_closes_its_worker_for_ever() {
    let notes = Notes::default();
    let mut scene = scene(&notes, 2, &[Filter("one", "fragile", "")]);
    notes.take();
    let held = scene.request(&[("x-hold", "1")], false);
    let trapped = scene.request(&[("x-trap", "1")], true);
    assert_eq!(scene.response(trapped).status(), "503", "{}", scene.trace());
    assert_eq!(scene.response(trapped).access.as_deref(), Some("503 - wasm_fail_stream"));
    let later = scene.request(&[], true);
    assert_eq!(scene.response(later).access.as_deref(), Some("503 - wasm_fail_stream"));
    // The other stream hangs: nothing calls its dead plugin. The next piece does, but is held.
    assert_eq!(scene.response(held).status(), "");
    scene.wait_millis(300_000);
    assert_eq!(scene.response(held).status(), "503", "{}", scene.trace());
    // The other worker has its own VM, and its ticks go on beside those of the main thread.
    let other = scene.open_on(1, crate::host::Protocol::Http11);
    scene.send_headers(other, &[], true);
    assert_eq!(scene.requests.len(), 1);
    let notes = notes.take();
    assert_eq!(notes.iter().filter(|note| *note == "tick").count(), 2 * 300);
    assert!(!notes.iter().any(|note| note.contains("log") || note.contains("delete")));
}

#[test]
fn fail_reload_comes_back_after_its_back_off() {
    let notes = Notes::default();
    let mut scene = scene(&notes, 1, &[Filter("one", "fragile", "failure_policy: FAIL_RELOAD")]);
    scene.wait_millis(5000);
    notes.take();
    scene.request(&[("x-trap", "1")], true);
    // The VM was made five seconds ago, so the next stream may make it again at once.
    let first = scene.request(&[], true);
    assert_eq!(scene.response(first).status(), "", "{}", scene.trace());
    assert_eq!(scene.requests.len(), 1);
    assert_eq!(notes.take(), ["configure one's own"]);
    scene.request(&[("x-trap", "1")], true);
    let second = scene.request(&[], true);
    assert_eq!(scene.response(second).access.as_deref(), Some("503 - wasm_fail_stream"));
    scene.wait_millis(1500);
    let third = scene.request(&[], true);
    assert_eq!(scene.response(third).status(), "");
    assert_eq!(scene.requests.len(), 2);
}

#[test]
fn fail_open_does_without_the_filter_after_the_stream_that_trapped() {
    let notes = Notes::default();
    let mut scene = scene(&notes, 1, &[Filter("one", "fragile", "failure_policy: FAIL_OPEN")]);
    let trapped = scene.request(&[("x-trap", "1")], true);
    assert_eq!(scene.response(trapped).status(), "503");
    scene.request(&[("x-trap", "1")], true);
    assert_eq!(scene.requests.len(), 1, "{}", scene.trace());
}

#[test]
fn streams_end_with_log_done_delete() {
    let notes = Notes::default();
    let mut scene = scene(&notes, 1, &[Filter("one", "fragile", "")]);
    notes.take();
    scene.request(&[], true);
    scene.answer(0, &[], true);
    assert_eq!(notes.take(), ["proxy_on_log", "proxy_on_delete"]);
    let ends: Vec<_> = scene
        .host
        .world()
        .trace()
        .iter()
        .filter(|line| ["Log {", "Done {", "Delete {"].iter().any(|end| line.contains(end)))
        .map(|line| line.split_whitespace().nth(3).unwrap())
        .collect();
    assert_eq!(ends, ["Log", "Done", "Delete"]);
}
