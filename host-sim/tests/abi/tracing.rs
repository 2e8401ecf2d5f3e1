//! What a trace says about hostcalls.

use host_sim::host::HostOptions;

use crate::guest::{host, module};

/// The trace of a plugin that does this when it is configured, as far as it is about hostcalls.
fn hostcalls(imports: &str, body: &str) -> Vec<String> {
    let configure = "(func (export \"proxy_on_configure\") (param i32 i32) (result i32)";
    let code = module(imports, &format!("{configure} {body} (i32.const 1))"));
    let host = host(&code, &HostOptions { trace: true, ..HostOptions::default() });
    let lines = host.world().trace().iter().filter(|line| line.contains("    proxy_"));
    let mut lines: Vec<_> =
        lines.map(|line| line.trim_start_matches("0.000000 ").to_owned()).collect();
    // The same on every VM: the canary, the main thread, the worker.
    assert_eq!(lines.len() % 3, 0);
    lines.truncate(lines.len() / 3);
    lines
}

#[test]
fn a_line_names_the_call_its_arguments_and_the_status() {
    let import = r#"(import "env" "proxy_set_shared_data"
        (func $set (param i32 i32 i32 i32 i32) (result i32)))
        (import "env" "proxy_get_property" (func $get (param i32 i32 i32 i32) (result i32)))"#;
    let lines = hostcalls(
        import,
        "(i32.store (i32.const 0) (i32.const 0x0079656b)) (i32.store (i32.const 4) (i32.const 0xff))
        (drop (call $set (i32.const 0) (i32.const 3) (i32.const 4) (i32.const 1) (i32.const 0)))
        (drop (call $get (i32.const 0) (i32.const 3) (i32.const 8) (i32.const 12)))
        (drop (call $get (i32.const -1) (i32.const 3) (i32.const 8) (i32.const 12)))",
    );
    assert_eq!(
        lines,
        [
            r"    proxy_set_shared_data(`key` `\xff` cas 0) = ok",
            "    proxy_get_property(`key`) = not_found",
            "    proxy_get_property() = invalid_memory_access",
        ]
    );
}

#[test]
fn a_list_of_pairs_that_is_too_long_counts_as_empty() {
    let import = r#"(import "env" "proxy_set_header_map_pairs"
        (func $set (param i32 i32 i32) (result i32)))"#;
    // One pair of no key and no value, and then one byte too many.
    let lines = hostcalls(
        import,
        "(i32.store (i32.const 0) (i32.const 1))
        (drop (call $set (i32.const 0) (i32.const 0) (i32.const 14)))
        (drop (call $set (i32.const 0) (i32.const 0) (i32.const 15)))",
    );
    assert_eq!(
        lines,
        [
            "    proxy_set_header_map_pairs(0 1 pairs) = bad_argument",
            "    proxy_set_header_map_pairs(0 0 pairs) = bad_argument",
        ]
    );
}

#[test]
fn bytes_are_shown_as_text_and_cut_when_long() {
    let import = r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#;
    let lines = hostcalls(
        import,
        "(memory.fill (i32.const 0) (i32.const 0x61) (i32.const 130))
        (drop (call $log (i32.const 2) (i32.const 0) (i32.const 130)))",
    );
    let shown = "a".repeat(120);
    assert_eq!(lines, [format!("    proxy_log(info `{shown}` and 10 bytes) = ok")]);
}
