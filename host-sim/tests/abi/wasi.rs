//! WASI as Envoy has it: a clock, random bytes, a log, and errors.

use host_sim::{
    abi::AbiVersion,
    model::{EnvoyVersion, World},
};

use crate::guest::{answer, engine, on_start, status};

/// A call of WASI whose parameters are all words.
fn errno(name: &str, arguments: &[i64]) -> u32 {
    errno_of(name, &arguments.iter().map(|number| ("i32", *number)).collect::<Vec<_>>())
}

fn errno_of(name: &str, arguments: &[(&str, i64)]) -> u32 {
    let types: Vec<_> = arguments.iter().map(|(ty, _)| *ty).collect();
    let values: Vec<_> =
        arguments.iter().map(|(ty, number)| format!("({ty}.const {number})")).collect();
    let import = format!(
        r#"(import "wasi_snapshot_preview1" "{name}" (func $call (param {}) (result i32)))"#,
        types.join(" ")
    );
    status(&import, &format!("(call $call {})", values.join(" ")))
}

#[test]
fn all_of_preview_1_is_linked_under_both_names_since_1_39() {
    let engine = engine();
    let count = |envoy, module: &str| {
        let names = engine.imports(AbiVersion::V0_2_1, envoy).unwrap();
        names.iter().filter(|name| name.starts_with(&format!("{module}."))).count()
    };
    for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
        assert_eq!(count(EnvoyVersion::V1_40, module), 45);
        assert_eq!(count(EnvoyVersion::V1_37, module), 20);
    }
}

#[test]
fn there_are_two_clocks_and_no_others() {
    let clock = |id| errno_of("clock_time_get", &[("i32", id), ("i64", 0), ("i32", 0)]);
    assert_eq!((clock(0), clock(1), clock(2), clock(3)), (0, 0, 58, 58));
    assert_eq!(errno("clock_res_get", &[0, 0]), 0);
    assert_eq!(errno("clock_res_get", &[2, 0]), 58);
}

#[test]
fn a_clock_that_cannot_be_written_is_a_fault() {
    assert_eq!(errno_of("clock_time_get", &[("i32", 0), ("i64", 0), ("i32", -4)]), 21);
}

#[test]
fn random_bytes_come_in_pieces_of_64_kib_at_most() {
    assert_eq!(errno("random_get", &[0, 65_536]), 0);
    assert_eq!(errno("random_get", &[0, 65_537]), 28);
    assert_eq!(errno("random_get", &[-1, 0]), 0);
    assert_eq!(errno("random_get", &[131_071, 2]), 21);
}

#[test]
fn files_answer_as_in_envoy() {
    assert_eq!(errno("fd_read", &[0, 0, 0, 0]), 52);
    assert_eq!(errno("fd_close", &[3]), 0);
    assert_eq!(errno("fd_fdstat_get", &[1, 0]), 0);
    assert_eq!(errno("fd_fdstat_get", &[3, 0]), 8);
    assert_eq!(errno("fd_fdstat_set_flags", &[1, 0]), 52);
    assert_eq!(errno("fd_prestat_get", &[3, 0]), 8);
    assert_eq!(errno("fd_prestat_dir_name", &[3, 0, 0]), 52);
    assert_eq!(errno("fd_filestat_get", &[1, 0]), 8);
    assert_eq!(errno("path_filestat_get", &[3, 0, 0, 0, 0]), 58);
    assert_eq!(errno("fd_sync", &[1]), 0);
    assert_eq!(errno("fd_sync", &[5]), 8);
    assert_eq!(errno("fd_renumber", &[1, 2]), 58);
    assert_eq!(errno("sock_shutdown", &[3, 0]), 58);
    assert_eq!(errno("poll_oneoff", &[0, 0, 1, 0]), 0);
    let cookie = [("i32", 3), ("i32", 0), ("i32", 0), ("i64", 0), ("i32", 0)];
    assert_eq!(errno_of("fd_readdir", &cookie), 20);
}

#[test]
fn only_the_two_outputs_can_be_written() {
    assert_eq!(errno("fd_write", &[1, 64, 0, 0]), 0);
    assert_eq!(errno("fd_write", &[3, 64, 0, 0]), 8);
    assert_eq!(errno("fd_write", &[1, -8, 1, 0]), 21);
}

/// Writes two pieces to an output and answers how many bytes that were.
fn written(world: &mut World, fd: u32) -> u32 {
    let import = r#"(import "wasi_snapshot_preview1" "fd_write"
        (func $write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 64) "\80\00\00\00\06\00\00\00\90\00\00\00\07\00\00\00")
        (data (i32.const 128) "hello ")
        (data (i32.const 144) "world\n\n")
        (func (export "proxy_abi_version_0_2_1"))
        (func (export "malloc") (param i32) (result i32) (i32.const 512))
        (func (export "proxy_on_vm_start") (param i32 i32) (result i32)"#;
    let call = format!(
        "(drop (call $write (i32.const {fd}) (i32.const 64) (i32.const 2) (i32.const 0)))
        (i32.load (i32.const 0)))"
    );
    answer(world, &crate::guest::bare(&format!("{import} {call}"))).unwrap()
}

#[test]
fn what_is_written_is_logged_in_one_line_without_the_last_newline() {
    let mut world = World::default();
    assert_eq!(written(&mut world, 1), 13);
    assert_eq!(written(&mut world, 2), 13);
    let logs: Vec<_> =
        world.logs().iter().map(|line| (line.level, line.message.as_str())).collect();
    assert_eq!(logs, [(2, "hello world\n"), (4, "hello world\n")]);
}

#[test]
fn there_are_no_arguments() {
    let import = r#"(import "wasi_snapshot_preview1" "args_sizes_get"
        (func $sizes (param i32 i32) (result i32)))"#;
    let code = on_start(
        import,
        "(i32.store (i32.const 0) (i32.const -1)) (i32.store (i32.const 4) (i32.const -1))
        (drop (call $sizes (i32.const 0) (i32.const 4)))
        (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 4)))",
    );
    assert_eq!(answer(&mut World::default(), &code), Ok(0));
}

#[test]
fn an_exit_lets_the_guest_go_on() {
    let import = r#"(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))"#;
    assert_eq!(status(import, "(call $exit (i32.const 1)) (i32.const 5)"), 5);
}
