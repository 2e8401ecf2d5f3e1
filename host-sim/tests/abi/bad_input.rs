//! Whatever a module is or does, the user is told which plugin, where, and why; nothing hangs.

use std::sync::Arc;

use crate::guest::{bare, module, no_host};

/// A module whose `proxy_on_configure` does this.
fn configuring(parts: &str, body: &str) -> Arc<[u8]> {
    let configure = "(func (export \"proxy_on_configure\") (param i32 i32) (result i32)";
    module("", &format!("{parts} {configure} {body})"))
}

fn assert_told(code: &[u8], words: &[&str]) {
    let told = no_host(code);
    for word in words {
        assert!(told.contains(word), "`{word}` is not in: {told}");
    }
}

#[test]
fn a_corrupt_module_is_an_error_of_its_plugin() {
    assert_told(b"no module at all", &["plugin `p`: not a module: found other bytes"]);
    assert_told(b"", &["plugin `p`: not a module: found an empty file"]);
    let whole = configuring("", "i32.const 1");
    assert_told(&whole[..whole.len() / 2], &["plugin `p`: cannot compile the module"]);
}

#[test]
fn a_module_that_no_proxy_can_use_is_an_error_of_its_plugin() {
    assert_told(&bare("(memory (export \"memory\") 1)"), &["plugin `p`", "no ABI version"]);
    let import = module("(import \"env\" \"proxy_foo\" (func))", "");
    assert_told(&import, &["plugin `p`", "`env.proxy_foo`"]);
}

#[test]
fn a_start_that_traps_names_its_function() {
    let code = module("", "(func (export \"_initialize\") unreachable)");
    assert_told(&code, &["plugin `p`", "`_initialize` failed", "`unreachable`"]);
}

#[test]
fn an_endless_loop_names_its_callback() {
    let code = configuring("", "(loop $for_ever (br $for_ever)) unreachable");
    assert_told(&code, &["plugin `p`", "proxy_on_configure", "ran for longer than a call may"]);
    let start = module("", "(func (export \"_start\") (loop $for_ever (br $for_ever)))");
    assert_told(&start, &["plugin `p`", "`_start`", "ran for longer than a call may"]);
}

#[test]
fn memory_without_end_names_the_limit_and_the_callback() {
    let code = configuring(
        "",
        "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable",
    );
    assert_told(&code, &["plugin `p`", "proxy_on_configure", "could not grow beyond 8 MiB"]);
}

#[test]
fn a_module_that_is_larger_than_the_limit_from_its_start_is_refused() {
    let code = bare(
        "(func (export \"proxy_abi_version_0_2_1\")) (memory (export \"memory\") 1000)
        (func (export \"malloc\") (param i32) (result i32) (i32.const 8))",
    );
    assert_told(&code, &["plugin `p`", "memory"]);
}

#[test]
fn endless_recursion_names_its_callback() {
    let code = configuring(
        "(func $down (param i32) (result i32)
            (i32.add (i32.const 1) (call $down (local.get 0))))",
        "(call $down (i32.const 0))",
    );
    assert_told(&code, &["plugin `p`", "proxy_on_configure", "call stack exhausted"]);
}

#[test]
fn an_exception_that_nobody_catches_names_its_callback() {
    let code = configuring("(tag $oops)", "(throw $oops)");
    assert_told(&code, &["plugin `p`", "proxy_on_configure", "exception"]);
}

#[test]
fn an_endless_start_section_is_an_error_of_its_plugin() {
    let code = module("", "(func $s (loop $for_ever (br $for_ever))) (start $s)");
    assert_told(&code, &["plugin `p`", "start section", "ran for longer than a call may"]);
}

#[test]
fn an_allocator_with_wild_answers_is_an_error_of_its_plugin_and_no_panic() {
    for answer in ["-1", "0", "65535", "2147483647"] {
        let code = bare(&format!(
            "(import \"env\" \"proxy_get_buffer_bytes\"
                (func $get (param i32 i32 i32 i32 i32) (result i32)))
            (func (export \"proxy_abi_version_0_2_1\")) (memory (export \"memory\") 1)
            (func (export \"malloc\") (param i32) (result i32) (i32.const {answer}))
            (func (export \"proxy_on_configure\") (param i32 i32) (result i32)
                ;; InvalidMemoryAccess refuses the configuration.
                (i32.ne (i32.const 6) (call $get (i32.const 7) (i32.const 0) (i32.const 9)
                    (i32.const 0) (i32.const 4))))"
        ));
        assert_told(&code, &["plugin `p` refused its configuration"]);
    }
}
