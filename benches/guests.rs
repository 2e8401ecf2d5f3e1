//! Guests in WebAssembly text, for what the simulator costs.

/// What every guest has: memory, a marker, and an allocator that begins anew with each callback.
macro_rules! guest {
    ($($part:expr),*) => {
        concat!(
            r#"(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
  (import "env" "proxy_get_header_map_value" (func $header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_replace_header_map_value" (func $replace (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_shared_data" (func $shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_shared_data" (func $set_shared (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) ":path")
  (data (i32.const 32) "x-made")
  (data (i32.const 48) "plugin_root_id")
  (data (i32.const 64) "request\00path")
  (data (i32.const 96) "some words")
  (global $heap (mut i32) (i32.const 4096))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (if (i32.gt_u (i32.add (global.get $heap) (local.get $size)) (i32.const 65536))
      (then (global.set $heap (i32.const 4096))))
    (global.get $heap)
    (global.set $heap (i32.add (global.get $heap) (local.get $size))))
"#,
            $($part),*,
            ")"
        )
    };
}

/// A tick that does nothing.
pub const EMPTY_TICK: &str = guest!(r#"(func (export "proxy_on_tick") (param i32))"#);

/// Every callback of a request, and nothing in any of them.
pub const CHAIN: &str = guest!(
    r#"(func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_log") (param i32))
  (func (export "proxy_on_done") (param i32) (result i32) (i32.const 1))
  (func (export "proxy_on_delete") (param i32))"#
);

const FAMILY: &str = guest!(
    r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
    (drop (call $define (i32.const 0) (i32.const 32) (i32.const 6) (i32.const 8)))
    (drop (call $set_shared (i32.const 32) (i32.const 6) (i32.const 96) (i32.const 10) (i32.const 0)))
    (i32.const 1))
  (func (export "proxy_on_request_PHASE") (param i32 i32 i32) (result i32)
    (local $left i32)
    (local.set $left (i32.const COUNT))
    (loop $again
      (drop BODY)
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (i32.const 0))"#
);

/// A hostcall of each family.
pub const FAMILIES: [(&str, &str); 12] = [
    ("log, below the level", "(call $log (i32.const 0) (i32.const 96) (i32.const 10))"),
    ("clock", "(call $now (i32.const 8))"),
    (
        "header, read",
        "(call $header (i32.const 0) (i32.const 16) (i32.const 5) (i32.const 8) (i32.const 12))",
    ),
    ("headers, all", "(call $pairs (i32.const 0) (i32.const 8) (i32.const 12))"),
    (
        "header, replaced",
        "(call $replace (i32.const 0) (i32.const 32) (i32.const 6) (i32.const 96) (i32.const 10))",
    ),
    (
        "body, 12 bytes read",
        "(call $buffer (i32.const 0) (i32.const 0) (i32.const 12) (i32.const 8) (i32.const 12))",
    ),
    (
        "property of the plugin",
        "(call $property (i32.const 48) (i32.const 14) (i32.const 8) (i32.const 12))",
    ),
    (
        "property of the request",
        "(call $property (i32.const 64) (i32.const 12) (i32.const 8) (i32.const 12))",
    ),
    (
        "property, set",
        "(call $set_property (i32.const 32) (i32.const 6) (i32.const 96) (i32.const 10))",
    ),
    (
        "shared data, read",
        "(call $shared (i32.const 32) (i32.const 6) (i32.const 8) (i32.const 12) (i32.const 24))",
    ),
    (
        "shared data, set",
        "(call $set_shared (i32.const 32) (i32.const 6) (i32.const 96) (i32.const 10) (i32.const 0))",
    ),
    ("metric, incremented", "(call $increment (i32.load (i32.const 8)) (i64.const 1))"),
];

/// A guest that makes one hostcall so many times, where it can be made.
#[must_use]
pub fn family(body: &str, count: u64) -> String {
    // The number of the metric is where the others put their answers.
    let phase = if body.contains("$buffer") { "body" } else { "headers" };
    FAMILY.replace("PHASE", phase).replace("COUNT", &count.to_string()).replace("BODY", body)
}
