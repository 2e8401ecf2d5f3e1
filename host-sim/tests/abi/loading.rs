//! Which modules are refused, and what the user is told.

use host_sim::{
    abi::Callback,
    model::{EnvoyVersion, Guest, VmSpec, World},
};

use crate::guest::{bare, engine, load, module, refusal, spec};

const MARKER: &str = r#"(func (export "proxy_abi_version_0_2_1"))"#;
const MEMORY: &str = r#"(memory (export "memory") 1)"#;
const MALLOC: &str = r#"(func (export "malloc") (param i32) (result i32) (i32.const 8))"#;

#[test]
fn every_unknown_import_is_named() {
    let code = module(
        r#"(import "env" "proxy_foo" (func)) (import "env" "proxy_bar" (func (param i32)))"#,
        "",
    );
    let text = refusal(&code);
    assert!(text.contains("`env.proxy_foo`, which ABI 0.2.1 does not define"), "{text}");
    assert!(text.contains("`env.proxy_bar`"), "{text}");
}

#[test]
fn an_import_of_another_version_says_which() {
    let code = bare(&format!(
        r#"(import "env" "proxy_get_log_level" (func (param i32) (result i32)))
        (func (export "proxy_abi_version_0_2_0")) {MEMORY} {MALLOC}"#
    ));
    let text = refusal(&code);
    assert!(text.contains("came with ABI 0.2.1, and the module says 0.2.0"), "{text}");
}

#[test]
fn an_import_with_another_type_shows_both_types() {
    let code = module(r#"(import "env" "proxy_done" (func (param i64)))"#, "");
    let text = refusal(&code);
    assert!(
        text.contains("`env.proxy_done` as (i64) -> (), which the host has as () -> (i32)"),
        "{text}"
    );
}

#[test]
fn an_imported_memory_is_refused_by_name() {
    let code = bare(&format!(r#"(import "env" "memory" (memory 1)) {MARKER} {MEMORY} {MALLOC}"#));
    // Two memories: the text format allows it, and so does the engine.
    let text = refusal(&code);
    assert!(text.contains("`env.memory`, which is no function"), "{text}");
}

#[test]
fn a_module_that_says_no_version_is_refused() {
    let text = refusal(&bare(&format!("{MEMORY} {MALLOC}")));
    assert!(text.contains("exports no ABI version"), "{text}");
}

#[test]
fn a_version_that_is_no_function_says_nothing() {
    let parts = r#"(global (export "proxy_abi_version_0_2_1") i32 (i32.const 0))"#;
    let text = refusal(&bare(&format!("{parts} {MEMORY} {MALLOC}")));
    assert!(text.contains("exports no ABI version"), "{text}");
}

#[test]
fn a_module_without_memory_is_refused() {
    let text = refusal(&bare(&format!("{MARKER} {MALLOC}")));
    assert!(text.contains("exports no memory"), "{text}");
}

#[test]
fn a_memory_under_another_name_serves() {
    let memory = r#"(memory (export "heap") 1)"#;
    assert!(load(&bare(&format!("{MARKER} {memory} {MALLOC}"))).is_ok());
}

#[test]
fn a_module_without_an_allocator_is_refused() {
    let text = refusal(&bare(&format!("{MARKER} {MEMORY}")));
    assert!(text.contains("neither malloc nor proxy_on_memory_allocate"), "{text}");
}

#[test]
fn a_callback_of_another_type_is_refused() {
    let code = module("", r#"(func (export "proxy_on_tick"))"#);
    let text = refusal(&code);
    assert!(text.contains("`proxy_on_tick` as () -> (); ABI 0.2.1 has (i32) -> ()"), "{text}");
}

#[test]
fn a_callback_that_answers_too_much_is_refused() {
    let code = module("", r#"(func (export "proxy_on_log") (param i32) (result i32) i32.const 1)"#);
    assert!(refusal(&code).contains("`proxy_on_log` as (i32) -> (i32)"));
}

#[test]
fn headers_have_two_parameters_in_the_oldest_version() {
    let headers = r#"(func (export "proxy_on_request_headers") (param i32 i32) (result i32)
        (i32.const 1))"#;
    let marker = r#"(func (export "proxy_abi_version_0_1_0"))"#;
    let mut vm = load(&bare(&format!("{marker} {MEMORY} {MALLOC} {headers}"))).unwrap();
    let call = Callback::RequestHeaders { context: 2, count: 3, end_of_stream: true };
    assert_eq!(vm.call(&mut World::default(), &call), Ok(Some(1)));
    assert!(refusal(&bare(&format!("{MARKER} {MEMORY} {MALLOC} {headers}"))).contains("headers"));
}

#[test]
fn an_export_that_is_absent_or_no_function_is_not_called() {
    let code = module("", r#"(global (export "proxy_on_tick") i32 (i32.const 0))"#);
    let mut vm = load(&code).unwrap();
    let mut world = World::default();
    assert_eq!(vm.call(&mut world, &Callback::Tick { context: 1 }), Ok(None));
    assert_eq!(vm.call(&mut world, &Callback::Done { context: 1 }), Ok(None));
}

#[test]
fn bytes_that_are_no_module_are_refused() {
    let text = refusal(&b"not wasm"[..].into());
    assert!(text.starts_with("not a module: found other bytes"), "{text}");
}

#[test]
fn the_rest_of_wasi_came_with_envoy_1_39() {
    let code = module(
        r#"(import "wasi_snapshot_preview1" "fd_readdir"
            (func (param i32 i32 i32 i64 i32) (result i32)))"#,
        "",
    );
    let loads = |envoy| {
        let spec = VmSpec { envoy, ..spec(&code) };
        engine().instance(&mut World::default(), &spec).map(drop)
    };
    assert!(loads(EnvoyVersion::V1_40).is_ok());
    assert!(loads(EnvoyVersion::V1_39).is_ok());
    let text = loads(EnvoyVersion::V1_37).unwrap_err().to_string();
    assert!(text.contains("`wasi_snapshot_preview1.fd_readdir`, which this Envoy does not link"));
}

#[test]
fn an_engine_can_be_shared_by_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<host_sim::vm::Engine>();
}
