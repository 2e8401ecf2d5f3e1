//! What runs before the first callback, and what it may call.

use host_sim::model::{EnvoyVersion, Guest, VmSpec, World};

use crate::guest::{START as START_CALL, answer, engine, module, spec};

const LOG: &str = r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#;
const SET: &str = r#"(import "env" "proxy_set_shared_data"
    (func $set (param i32 i32 i32 i32 i32) (result i32)))"#;
const SET_CALL: &str =
    "(drop (call $set (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))";
const LOG_CALL: &str = "(drop (call $log (i32.const 2) (i32.const 0) (i32.const 1)))";

/// Adds a digit to a number that `proxy_on_vm_start` answers.
const STEPS: &str = r#"(global $steps (mut i32) (i32.const 0))
    (func $step (param i32)
        (global.set $steps
            (i32.add (i32.mul (global.get $steps) (i32.const 10)) (local.get 0))))
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (global.get $steps))"#;

fn steps(functions: &str) -> u32 {
    answer(&mut World::default(), &module("", &format!("{STEPS} {functions}"))).unwrap()
}

const INITIALIZE: &str = r#"(func (export "_initialize") (call $step (i32.const 1)))"#;
const START: &str = r#"(func (export "_start") (call $step (i32.const 2)))"#;
const MAIN: &str =
    r#"(func (export "main") (param i32 i32) (result i32) (call $step (i32.const 3)) i32.const 0)"#;
const MAIN_VOID: &str =
    r#"(func (export "__main_void") (result i32) (call $step (i32.const 4)) i32.const 0)"#;

#[test]
fn a_reactor_is_initialized_and_its_main_follows() {
    assert_eq!(steps(&format!("{INITIALIZE} {START} {MAIN}")), 13);
    assert_eq!(steps(&format!("{INITIALIZE} {MAIN_VOID}")), 14);
    assert_eq!(steps(&format!("{INITIALIZE} {MAIN} {MAIN_VOID}")), 13);
    assert_eq!(steps(INITIALIZE), 1);
}

#[test]
fn a_main_without_parameters_is_called_since_1_39() {
    let code = module("", &format!("{STEPS} {INITIALIZE} {MAIN_VOID}"));
    let spec = VmSpec { envoy: EnvoyVersion::V1_37, ..spec(&code) };
    let mut world = World::default();
    let mut vm = engine().instance(&mut world, &spec).unwrap();
    assert_eq!(vm.call(&mut world, &START_CALL), Ok(Some(1)));
}

#[test]
fn a_command_is_started_and_its_main_is_its_own_business() {
    assert_eq!(steps(&format!("{START} {MAIN} {MAIN_VOID}")), 2);
    assert_eq!(steps(MAIN), 0);
}

fn start(imports: &str, call: &str) -> Result<(), String> {
    for export in ["_initialize", "_start"] {
        let code = module(imports, &format!(r#"(func (export "{export}") {call})"#));
        let vm = engine().instance(&mut World::default(), &spec(&code));
        vm.map_err(|error| error.to_string())?;
    }
    Ok(())
}

#[test]
fn logging_is_allowed_while_the_module_starts() {
    assert_eq!(start(LOG, LOG_CALL), Ok(()));
}

#[test]
fn other_hostcalls_trap_while_the_module_starts() {
    let text = start(SET, SET_CALL).unwrap_err();
    assert!(text.contains("the module did not start: `_initialize` failed"), "{text}");
    assert!(text.contains("restricted_callback: `proxy_set_shared_data` called while"), "{text}");
}

#[test]
fn other_hostcalls_are_allowed_afterwards() {
    let code = module(
        SET,
        &format!(
            r#"(func (export "_initialize"))
            (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
                {SET_CALL} i32.const 1)"#
        ),
    );
    assert_eq!(answer(&mut World::default(), &code), Ok(1));
}

#[test]
fn wasi_is_allowed_while_the_module_starts_but_not_all_of_it() {
    let import = |name: &str, parameters: &str| {
        format!(
            r#"(import "wasi_snapshot_preview1" "{name}"
                (func $call (param {parameters}) (result i32)))"#
        )
    };
    let environ = import("environ_sizes_get", "i32 i32");
    assert_eq!(start(&environ, "(drop (call $call (i32.const 0) (i32.const 4)))"), Ok(()));
    let close = import("fd_close", "i32");
    assert!(start(&close, "(drop (call $call (i32.const 1)))").is_err());
}

#[test]
fn an_allocator_may_log_and_nothing_else() {
    let get = r#"(import "env" "proxy_get_shared_data"
        (func $get (param i32 i32 i32 i32 i32) (result i32)))"#;
    let allocating = |import: &str, call: &str| {
        let code = module(
            &format!("{get} {import}"),
            &format!(
                r#"(func (export "malloc") (param i32) (result i32) {call} (i32.const 512))
                (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
                    (call $get (i32.const 0) (i32.const 1)
                        (i32.const 0) (i32.const 4) (i32.const 8)))"#
            ),
        );
        let mut world = World::default();
        world.set_shared_data(b"\0", b"value", 0).unwrap();
        answer(&mut world, &code)
    };
    assert_eq!(allocating(LOG, LOG_CALL), Ok(0));
    let trap = allocating(SET, SET_CALL).unwrap_err();
    assert!(trap.message.contains("called inside the guest's allocator"), "{}", trap.message);
}
