//! Bytes get across, both ways, unchanged.

use host_sim::{
    abi::Callback,
    host::HostOptions,
    model::{Guest, World},
};

use crate::guest::{answer, bare, engine, host, module, on_start, spec};

const SHARED_DATA: &str = r#"
    (import "env" "proxy_get_shared_data"
        (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_shared_data"
        (func $set (param i32 i32 i32 i32 i32) (result i32)))"#;

/// Reads key `a` and writes what it got, wherever that is, to key `b`.
const COPY_A_TO_B: &str = r#"
    (data (i32.const 100) "ab")
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
        (i32.store (i32.const 0) (i32.const -1))
        (i32.store (i32.const 4) (i32.const -1))
        (if (result i32)
            (call $get (i32.const 100) (i32.const 1)
                (i32.const 0) (i32.const 4) (i32.const 8))
            (then (i32.const 99))
            (else (call $set (i32.const 101) (i32.const 1)
                (i32.load (i32.const 0)) (i32.load (i32.const 4)) (i32.const 0)))))"#;

#[test]
fn bytes_that_came_out_of_the_host_go_back_unchanged() {
    let mut world = World::default();
    world.set_shared_data(b"a", b"\xff\0any bytes", 0).unwrap();
    assert_eq!(answer(&mut world, &module(SHARED_DATA, COPY_A_TO_B)), Ok(0));
    assert_eq!(world.shared_data(b"b").unwrap().0, b"\xff\0any bytes");
}

#[test]
fn no_bytes_are_at_null_and_nothing_is_allocated_for_them() {
    let mut world = World::default();
    world.set_shared_data(b"a", b"", 0).unwrap();
    let body = r#"(data (i32.const 100) "a")
        (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
            (i32.store (i32.const 0) (i32.const -1))
            (i32.store (i32.const 4) (i32.const -1))
            (drop (call $get (i32.const 100) (i32.const 1)
                (i32.const 0) (i32.const 4) (i32.const 8)))
            (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 4))))"#;
    let code = bare(&format!(
        r#"{SHARED_DATA}
        (memory (export "memory") 1)
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) unreachable)
        {body}"#
    ));
    assert_eq!(answer(&mut world, &code), Ok(0));
}

#[test]
fn a_compare_and_swap_that_lost_is_told_as_8() {
    let mut world = World::default();
    world.set_shared_data(b"\0", b"theirs", 0).unwrap();
    let set = "(call $set (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 77))";
    assert_eq!(answer(&mut world, &on_start(SHARED_DATA, set)), Ok(8));
    assert_eq!(world.shared_data(b"\0").unwrap().0, b"theirs");
}

/// A module of which only the allocator matters; it copies key `a` to key `b`.
fn with_allocators(allocators: &str) -> std::sync::Arc<[u8]> {
    bare(&format!(
        r#"{SHARED_DATA}
        (memory (export "memory") 1)
        (func (export "proxy_abi_version_0_2_1"))
        {allocators}
        {COPY_A_TO_B}"#
    ))
}

fn copied_with(allocators: &str) -> Result<u32, host_sim::model::Trap> {
    let mut world = World::default();
    world.set_shared_data(b"a", b"value", 0).unwrap();
    answer(&mut world, &with_allocators(allocators))
}

#[test]
fn malloc_goes_before_the_abi_s_own_allocator() {
    let both = r#"
        (func (export "proxy_on_memory_allocate") (param i32) (result i32) unreachable)
        (func (export "malloc") (param i32) (result i32) (i32.const 512))"#;
    assert_eq!(copied_with(both), Ok(0));
}

#[test]
fn an_allocator_that_has_nothing_or_lies_fails_the_hostcall_only() {
    let answering = |pointer: i32| {
        format!(r#"(func (export "malloc") (param i32) (result i32) (i32.const {pointer}))"#)
    };
    // 99: the guest says that reading failed.
    assert_eq!(copied_with(&answering(0)), Ok(99));
    assert_eq!(copied_with(&answering(65_536)), Ok(99));
    assert_eq!(copied_with(&answering(65_531)), Ok(0));
}

#[test]
fn an_allocator_may_grow_the_memory() {
    let growing = r#"(func (export "malloc") (param i32) (result i32)
        (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))"#;
    assert_eq!(copied_with(growing), Ok(0));
}

#[test]
fn an_allocator_that_traps_lets_the_guest_return_and_fails_the_vm_then() {
    let mut world = World::default();
    world.set_shared_data(b"a", b"value", 0).unwrap();
    let body = r#"(data (i32.const 100) "ab")
        (func $malloc (export "malloc") (param i32) (result i32) unreachable)
        (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
            (drop (call $get (i32.const 100) (i32.const 1)
                (i32.const 0) (i32.const 4) (i32.const 8)))
            (call $set (i32.const 101) (i32.const 1)
                (i32.const 100) (i32.const 1) (i32.const 0)))"#;
    let code = bare(&format!(
        r#"{SHARED_DATA} (memory (export "memory") 1)
        (func (export "proxy_abi_version_0_2_1")) {body}"#
    ));
    let trap = answer(&mut world, &code).unwrap_err();
    assert!(trap.message.starts_with("its allocator: wasm trap"), "{}", trap.message);
    assert_eq!(world.shared_data(b"b").unwrap().0, b"a", "the guest went on after the hostcall");
}

#[test]
fn arguments_reach_the_guest_in_their_order() {
    let code = module(
        "",
        r#"(global $seen (mut i32) (i32.const 0))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
            (global.set $seen (i32.add (i32.add
                (i32.mul (local.get 1) (i32.const 1000))
                (i32.mul (local.get 2) (i32.const 100)))
                (i32.add (i32.mul (local.get 3) (i32.const 10)) (local.get 4)))))
        (func (export "proxy_on_done") (param i32) (result i32) (global.get $seen))"#,
    );
    let mut world = World::default();
    let mut vm = engine().instance(&mut world, &spec(&code)).unwrap();
    let response =
        Callback::HttpCallResponse { context: 9, token: 1, headers: 2, body_size: 3, trailers: 4 };
    assert_eq!(vm.call(&mut world, &response), Ok(Some(0)), "no answer, but it was called");
    assert_eq!(vm.call(&mut world, &Callback::Done { context: 9 }), Ok(Some(1234)));
}

#[test]
fn the_oldest_version_gets_its_configuration_while_it_is_configured() {
    let body = r#"(import "env" "proxy_get_configuration" (func $get (param i32 i32) (result i32)))
        (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "proxy_abi_version_0_1_0"))
        (func (export "malloc") (param i32) (result i32) (i32.const 512))
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $get (i32.const 0) (i32.const 4)))
            (drop (call $log (i32.const 2) (i32.load (i32.const 0)) (i32.load (i32.const 4))))
            (i32.const 1))"#;
    let host = host(&bare(body), &HostOptions::default());
    assert_eq!(host.world().logs()[0].message, "hello");
}
