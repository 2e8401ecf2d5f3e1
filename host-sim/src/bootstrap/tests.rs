use std::path::PathBuf;

use super::*;
use crate::yaml::parse;

mod credentials;
mod refusals;
mod rewriting;
mod sample;

use sample::*;

fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_envoy_manifest_is_read() {
    let folder = workspace().join("manifests/envoy");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let bootstrap = Bootstrap::load(&path).unwrap_or_else(|error| panic!("{error}"));
        let manager = &bootstrap.listeners[0].manager;
        let FilterKind::Wasm(plugin) = &manager.http_filters[0].kind else { panic!("no plugin") };
        assert_eq!(plugin.root_id, "llm-mesh");
        assert!(matches!(plugin.failure_policy, FailurePolicy::FailReload(_)));
        let json: serde_json::Value = serde_json::from_slice(&plugin.configuration).unwrap();
        assert_eq!(json["version"], 1);
        assert_eq!(bootstrap.stats_tags.len(), 18);
        count += 1;
    }
    assert!(count >= 3, "{count}");
}

#[test]
fn defaults_are_envoys() {
    let bootstrap = read(MINIMAL).unwrap();
    let listener = &bootstrap.listeners[0];
    assert_eq!(listener.buffer_limit, 1 << 20);
    assert_eq!(listener.manager.stream_idle_timeout, Some(Duration::from_secs(300)));
    assert_eq!(listener.manager.request_timeout, None);
    assert!(listener.manager.generate_request_id);
    let cluster = bootstrap.cluster("a").unwrap();
    assert_eq!(cluster.connect_timeout, Duration::from_secs(5));
    assert_eq!(cluster.protocol, UpstreamProtocol::Http1);
    let Some(route::Action::Forward(forward)) =
        listener.manager.route_config.routes().next().map(|route| route.action.clone())
    else {
        panic!("forwards")
    };
    assert_eq!(forward.timeout, Some(Duration::from_secs(15)));
    assert_eq!(forward.idle_timeout, None);
}

#[test]
fn zero_switches_a_timeout_off() {
    let text = MINIMAL
        .replace("stat_prefix: s", "stat_prefix: s\n          stream_idle_timeout: 0s")
        .replace("{cluster: a}", "{cluster: a, timeout: 0s, idle_timeout: 0s}");
    let bootstrap = read(&text).unwrap();
    let manager = &bootstrap.listeners[0].manager;
    assert_eq!(manager.stream_idle_timeout, None);
    let route::Action::Forward(forward) = &manager.route_config.routes().next().unwrap().action
    else {
        panic!("forwards")
    };
    assert_eq!((forward.timeout, forward.idle_timeout), (None, Some(None)));
}

#[test]
fn a_plugin_is_read_with_its_vm() {
    let bootstrap = read(&with_plugin(
        "name: p\nroot_id: r\nfailure_policy: FAIL_RELOAD\nreload_config: {backoff: {base_interval: 0.5s}}\n\
         vm_config:\n  vm_id: v\n  runtime: envoy.wasm.runtime.v8\n  allow_precompiled: true\n  \
         code: {local: {inline_bytes: AGFzbQ==}}\n  \
         configuration: {'@type': type.googleapis.com/google.protobuf.BytesValue, value: aGk=}\n  \
         environment_variables: {key_values: {A: '1'}}\n\
         configuration: {'@type': type.googleapis.com/google.protobuf.Struct, value: {a: b}}\n",
    ))
    .unwrap();
    let FilterKind::Wasm(plugin) = &bootstrap.listeners[0].manager.http_filters[0].kind else {
        panic!("a plugin")
    };
    assert_eq!(plugin.vm.code, Code::Inline(b"\0asm"[..].into()));
    assert_eq!(&*plugin.vm.configuration, b"hi");
    assert_eq!(plugin.vm.environment["A"], "1");
    assert_eq!(&*plugin.configuration, b"\x0a\x08\x0a\x01a\x12\x03\x1a\x01b");
    let FailurePolicy::FailReload(backoff) = plugin.failure_policy else { panic!("reloads") };
    assert_eq!(backoff.base_interval, Duration::from_millis(500));
    assert_eq!(backoff.max_interval, Duration::from_secs(5));
    assert!(!plugin.allow_on_headers_stop_iteration);
}

#[test]
fn a_file_with_a_merge_key_is_refused_as_envoy_refuses_it() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = MINIMAL
        .replace("{name: a, type: STATIC}", "&a {name: a, type: STATIC}\n  - {<<: *a, name: b}");
    std::fs::write(file.path(), text).unwrap();
    let message = Bootstrap::load(file.path()).unwrap_err().to_string();
    assert!(
        message.ends_with(
            ":21:6: not YAML: a merge key, which Envoy does not read; write the fields out"
        ),
        "{message}"
    );
}

proptest::proptest! {
    /// A manifest with one character changed is read or refused, never a panic.
    #[test]
    fn no_edit_of_a_manifest_makes_the_reader_panic(at in 0_usize..6000, with in "[-:{}\\[\\],'\"#% a0]?") {
        let text = include_str!("../../../manifests/envoy/chain.yaml");
        let at = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let end = (at + 1..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(at);
        let text = format!("{}{with}{}", &text[..at], &text[end..]);
        if let Ok(documents) = parse("f", &text) {
            for document in documents {
                let _ = Bootstrap::from_node(&document);
            }
        }
    }
}
