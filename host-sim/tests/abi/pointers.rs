//! Whatever numbers a guest passes, it gets a status.

use host_sim::model::World;

use crate::guest::{answer, on_start, status};

const OK: u32 = 0;
const BAD_ARGUMENT: u32 = 2;
const INVALID_MEMORY_ACCESS: u32 = 6;

const GET_SHARED_DATA: &str = r#"(import "env" "proxy_get_shared_data"
    (func $get (param i32 i32 i32 i32 i32) (result i32)))"#;
const SET_SHARED_DATA: &str = r#"(import "env" "proxy_set_shared_data"
    (func $set (param i32 i32 i32 i32 i32) (result i32)))"#;
const GET_HEADER: &str = r#"(import "env" "proxy_get_header_map_value"
    (func $get (param i32 i32 i32 i32 i32) (result i32)))"#;

/// Every hostcall of ABI 0.2.1 with its parameters, as the specification lists them.
const SIGNATURES: &[(&str, &str)] = &[
    ("proxy_log", "www"),
    ("proxy_get_log_level", "w"),
    ("proxy_get_current_time_nanoseconds", "w"),
    ("proxy_set_tick_period_milliseconds", "w"),
    ("proxy_get_property", "wwww"),
    ("proxy_set_property", "wwww"),
    ("proxy_continue_stream", "w"),
    ("proxy_close_stream", "w"),
    ("proxy_send_local_response", "wwwwwwww"),
    ("proxy_get_shared_data", "wwwww"),
    ("proxy_set_shared_data", "wwwww"),
    ("proxy_register_shared_queue", "www"),
    ("proxy_resolve_shared_queue", "wwwww"),
    ("proxy_dequeue_shared_queue", "www"),
    ("proxy_enqueue_shared_queue", "www"),
    ("proxy_get_header_map_value", "wwwww"),
    ("proxy_add_header_map_value", "wwwww"),
    ("proxy_replace_header_map_value", "wwwww"),
    ("proxy_remove_header_map_value", "www"),
    ("proxy_get_header_map_pairs", "www"),
    ("proxy_set_header_map_pairs", "www"),
    ("proxy_get_header_map_size", "ww"),
    ("proxy_get_buffer_status", "www"),
    ("proxy_get_buffer_bytes", "wwwww"),
    ("proxy_set_buffer_bytes", "wwwww"),
    ("proxy_http_call", "wwwwwwwwww"),
    ("proxy_grpc_call", "wwwwwwwwwwww"),
    ("proxy_grpc_stream", "wwwwwwwww"),
    ("proxy_grpc_send", "wwww"),
    ("proxy_grpc_cancel", "w"),
    ("proxy_grpc_close", "w"),
    ("proxy_define_metric", "wwww"),
    ("proxy_increment_metric", "wl"),
    ("proxy_record_metric", "wl"),
    ("proxy_get_metric", "ww"),
    ("proxy_get_status", "www"),
    ("proxy_set_effective_context", "w"),
    ("proxy_done", ""),
    ("proxy_call_foreign_function", "wwwwww"),
];

/// The text of an import of a hostcall, and of a call with one number everywhere.
pub(crate) fn import_and_call(name: &str, signature: &str, number: i32) -> (String, String) {
    let types: Vec<_> =
        signature.chars().map(|letter| if letter == 'l' { "i64" } else { "i32" }).collect();
    let arguments: Vec<_> = types.iter().map(|ty| format!("({ty}.const {number})")).collect();
    let types = types.join(" ");
    (
        format!(r#"(import "env" "{name}" (func $call (param {types}) (result i32)))"#),
        format!("(call $call {})", arguments.join(" ")),
    )
}

pub(crate) fn signatures() -> impl Iterator<Item = (&'static str, &'static str)> {
    SIGNATURES.iter().copied()
}

#[test]
fn no_hostcall_fails_for_numbers_that_are_no_pointers() {
    for (name, signature) in signatures() {
        for number in [-1, 0, 1, i32::MAX, i32::MIN, 131_071, 131_072] {
            let (import, call) = import_and_call(name, signature, number);
            let status = status(&import, &call);
            assert!(status <= 12, "{name} with {number} answered {status}");
        }
    }
}

#[test]
fn a_pointer_behind_the_memory_is_refused_even_for_no_bytes() {
    let read_at = |pointer: u32| {
        status(
            GET_HEADER,
            &format!(
                "(call $get (i32.const 0) (i32.const {pointer}) (i32.const 0) (i32.const 0) (i32.const 4))"
            ),
        )
    };
    assert_eq!(read_at(131_073), INVALID_MEMORY_ACCESS);
    assert_eq!(read_at(131_072), BAD_ARGUMENT, "at the end it is the header map that is missing");
}

#[test]
fn the_number_of_a_map_is_looked_at_before_any_pointer() {
    let with_map = |map: u32| {
        status(
            GET_HEADER,
            &format!(
                "(call $get (i32.const {map}) (i32.const -1) (i32.const 9) (i32.const 0) (i32.const 4))"
            ),
        )
    };
    assert_eq!(with_map(8), BAD_ARGUMENT);
    assert_eq!(with_map(7), INVALID_MEMORY_ACCESS);
}

#[test]
fn a_level_that_does_not_exist_is_refused_before_the_message_is_read() {
    let import = r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#;
    let log = |level| {
        status(import, &format!("(call $log (i32.const {level}) (i32.const -1) (i32.const 9))"))
    };
    assert_eq!(log(6), BAD_ARGUMENT);
    assert_eq!(log(5), INVALID_MEMORY_ACCESS);
}

#[test]
fn bytes_that_end_with_the_memory_are_read() {
    let set = |pointer: u32| {
        status(
            SET_SHARED_DATA,
            &format!(
                "(call $set (i32.const 0) (i32.const 1) (i32.const {pointer}) (i32.const 4) (i32.const 0))"
            ),
        )
    };
    assert_eq!(set(131_068), OK);
    assert_eq!(set(131_069), INVALID_MEMORY_ACCESS);
}

#[test]
fn a_result_that_cannot_be_written_is_a_bad_access_and_the_guest_goes_on() {
    let mut world = World::default();
    world.set_shared_data(b"\0", b"value", 0).unwrap();
    let get = "(call $get (i32.const 0) (i32.const 1) (i32.const -4) (i32.const 4) (i32.const 8))";
    assert_eq!(answer(&mut world, &on_start(GET_SHARED_DATA, get)), Ok(INVALID_MEMORY_ACCESS));
}
