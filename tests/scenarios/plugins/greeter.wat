;; Greets: adds `x-hello` to responses, with what it was configured with; leaves a note in filter
;; state; says so when the wall clock has gone back since the request before.
(module
  (import "env" "proxy_get_buffer_bytes"
    (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_header_map_value"
    (func $get (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_add_header_map_value"
    (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_property" (func $set_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))

  (memory (export "memory") 1)
  (data (i32.const 16) "x-hello")
  (data (i32.const 32) "greeting")
  (data (i32.const 48) "x-clock-went-back")
  (data (i32.const 80) ":path")
  (data (i32.const 96) "x-unread")
  ;; 200: pointer and length of what the host gave last; 208: of the greeting; 216, 224: clocks.
  (global $next (mut i32) (i32.const 1024))

  (func (export "proxy_abi_version_0_2_1"))

  (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (global.get $next))
    (global.set $next (i32.add (global.get $next) (local.get $size)))
    (local.get $at))

  (func (export "proxy_on_configure") (param i32) (param $size i32) (result i32)
    ;; 7: the plugin's configuration.
    (drop (call $buffer (i32.const 7) (i32.const 0) (local.get $size) (i32.const 208) (i32.const 212)))
    (i32.const 1))

  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    ;; 0: request headers. What cannot be read is told to the server.
    (if (call $get (i32.const 0) (i32.const 80) (i32.const 5) (i32.const 200) (i32.const 204))
      (then
        (drop (call $add (i32.const 0) (i32.const 96) (i32.const 8) (i32.const 80) (i32.const 5)))))
    (drop (call $set_property
      (i32.const 32) (i32.const 8) (i32.load (i32.const 208)) (i32.load (i32.const 212))))
    (i32.const 0))

  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
    (drop (call $now (i32.const 224)))
    (if (i64.lt_u (i64.load (i32.const 224)) (i64.load (i32.const 216)))
      (then
        (drop (call $add (i32.const 2) (i32.const 48) (i32.const 17) (i32.const 16) (i32.const 7)))))
    (i64.store (i32.const 216) (i64.load (i32.const 224)))
    ;; 2: response headers.
    (drop (call $add (i32.const 2) (i32.const 16) (i32.const 7)
      (i32.load (i32.const 208)) (i32.load (i32.const 212))))
    (i32.const 0)))
