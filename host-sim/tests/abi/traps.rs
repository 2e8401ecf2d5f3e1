//! What is told about a guest that stopped.

use host_sim::{
    abi::Callback,
    model::{Guest, World},
};

use crate::guest::{START, answer, engine, impatient_engine, module, on_start, spec};

const LOG: &str = r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#;

#[test]
fn a_trap_names_the_reason_and_the_functions() {
    let code = module(
        "",
        r#"(func $deep unreachable)
        (func $middle call $deep)
        (func $start (export "proxy_on_vm_start") (param i32 i32) (result i32)
            call $middle i32.const 1)"#,
    );
    let trap = answer(&mut World::default(), &code).unwrap_err();
    assert_eq!(
        trap.message,
        "wasm trap: wasm `unreachable` instruction executed\n  \
         in deep\n  in middle\n  in start"
    );
}

#[test]
fn the_last_words_of_a_panic_come_first() {
    let code = module(
        LOG,
        r#"(data (i32.const 0) "panicked at src/lib.rs:7:9: no such pool")
        (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
            (drop (call $log (i32.const 5) (i32.const 0) (i32.const 40)))
            unreachable)"#,
    );
    let trap = answer(&mut World::default(), &code).unwrap_err();
    assert!(trap.message.starts_with("panicked at src/lib.rs:7:9: no such pool\nwasm trap:"));
}

#[test]
fn last_words_of_an_earlier_call_are_not_repeated() {
    let code = module(
        LOG,
        r#"(data (i32.const 0) "panicked at the disco, and caught")
        (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
            (call $log (i32.const 4) (i32.const 0) (i32.const 33)))
        (func (export "proxy_on_tick") (param i32) unreachable)"#,
    );
    let mut world = World::default();
    let mut vm = engine().instance(&mut world, &spec(&code)).unwrap();
    assert!(vm.call(&mut world, &START).is_ok());
    let trap = vm.call(&mut world, &Callback::Tick { context: 1 }).unwrap_err();
    assert!(!trap.message.contains("disco"), "{}", trap.message);
}

#[test]
fn an_endless_loop_ends_with_a_name() {
    let code = on_start("", "(loop $for_ever (br $for_ever)) unreachable");
    let mut world = World::default();
    let mut vm = impatient_engine().instance(&mut world, &spec(&code)).unwrap();
    let trap = vm.call(&mut world, &START).unwrap_err();
    assert!(trap.message.contains("ran for longer than a call may"), "{}", trap.message);
}

#[test]
fn a_guest_that_logs_for_ever_ends_with_a_name() {
    let proxy_log = module(
        LOG,
        r#"(func (export "proxy_on_vm_start") (param i32 i32) (result i32)
            (loop $for_ever
                (drop (call $log (i32.const 2) (i32.const 0) (i32.const 65536)))
                (br $for_ever))
            unreachable)"#,
    );
    // A list of as many pieces as fit says the same page again and again.
    let fd_write = module(
        r#"(import "wasi_snapshot_preview1" "fd_write"
            (func $write (param i32 i32 i32 i32) (result i32)))"#,
        r#"(func (export "proxy_on_vm_start") (param i32 i32) (result i32) (local $at i32)
            (loop $list
                (i32.store offset=4 (local.get $at) (i32.const 65536))
                (local.set $at (i32.add (local.get $at) (i32.const 8)))
                (br_if $list (i32.lt_u (local.get $at) (i32.const 65536))))
            (call $write (i32.const 1) (i32.const 0) (i32.const 8192) (i32.const 0)))"#,
    );
    for code in [proxy_log, fd_write] {
        let mut world = World::default();
        let trap = answer(&mut world, &code).unwrap_err();
        assert!(trap.message.starts_with("logged more than 64 MiB"), "{}", trap.message);
        let kept: usize = world.logs().iter().map(|line| line.message.len()).sum();
        assert!(kept <= 64 * 1024 * 1024, "{kept}");
    }
}

#[test]
fn an_endless_start_ends_too() {
    let code = module("", r#"(func (export "_initialize") (loop $for_ever (br $for_ever)))"#);
    let error = impatient_engine().instance(&mut World::default(), &spec(&code)).err().unwrap();
    assert!(error.to_string().contains("ran for longer"), "{error}");
}

#[test]
fn the_limit_is_for_one_call_and_not_for_all_of_them() {
    let code = on_start("", "i32.const 1");
    let mut world = World::default();
    let mut vm = impatient_engine().instance(&mut world, &spec(&code)).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(vm.call(&mut world, &START), Ok(Some(1)));
}

#[test]
fn endless_recursion_is_a_trap_of_the_guest() {
    let code = module(
        "",
        r#"(func $down (param i32) (result i32)
            (i32.add (i32.const 1) (call $down (local.get 0))))
        (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
            (call $down (i32.const 0)))"#,
    );
    let trap = answer(&mut World::default(), &code).unwrap_err();
    assert!(trap.message.contains("call stack exhausted"), "{}", trap.message);
}

#[test]
fn the_world_comes_back_from_a_trap_with_what_was_done_to_it() {
    let set = r#"(import "env" "proxy_set_shared_data"
        (func $set (param i32 i32 i32 i32 i32) (result i32)))"#;
    let code = on_start(
        set,
        "(drop (call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 3) (i32.const 0)))
        unreachable",
    );
    let mut world = World::default();
    world.set_shared_data(b"before", b"kept", 0).unwrap();
    answer(&mut world, &code).unwrap_err();
    assert_eq!(world.shared_data(b"\0").unwrap().0, [0; 3]);
    assert_eq!(world.shared_data(b"before").unwrap().0, b"kept");
}

#[test]
fn a_vm_that_failed_is_not_called_again() {
    let code = module(
        "",
        r#"(func (export "proxy_on_vm_start") (param i32 i32) (result i32) unreachable)
        (func (export "proxy_on_done") (param i32) (result i32) (i32.const 1))"#,
    );
    let mut world = World::default();
    let mut vm = engine().instance(&mut world, &spec(&code)).unwrap();
    assert!(vm.call(&mut world, &START).is_err());
    assert!(vm.call(&mut world, &Callback::Done { context: 1 }).is_err());
}

#[test]
fn memory_grows_to_a_gigabyte_and_not_beyond() {
    let grow = |pages: u32| {
        on_start("", &format!("(i32.eq (memory.grow (i32.const {pages})) (i32.const -1))"))
    };
    // The module starts with two pages; 16384 are a gigabyte.
    assert_eq!(answer(&mut World::default(), &grow(16_382)), Ok(0));
    assert_eq!(answer(&mut World::default(), &grow(16_383)), Ok(1));
}
