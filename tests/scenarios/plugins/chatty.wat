;; Logs lines from 1,000 bytes to 4 MB for each request.
(module
  (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (memory (export "memory") 80)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (local $length i32)
    (memory.fill (i32.const 65536) (i32.const 120) (i32.const 4200000))
    (local.set $length (i32.const 1000))
    (loop $longer
      (drop (call $log (i32.const 3) (i32.const 65536) (local.get $length)))
      (local.set $length (i32.mul (local.get $length) (i32.const 2)))
      (br_if $longer (i32.lt_u (local.get $length) (i32.const 4200000))))
    (i32.const 0)))
