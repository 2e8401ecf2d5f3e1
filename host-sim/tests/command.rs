//! The command as a shell sees it: exit codes, what stands on which output, a closed pipe.

#![expect(clippy::expect_used, reason = "a test's own preparation may fail loudly")]

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The command in a folder that has a plugin and no workspace around it.
fn host_sim(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_host-sim"));
    command.args(arguments).current_dir(folder).env("XDG_CACHE_HOME", folder);
    command
}

fn folder(guest: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let plugin = format!(
        r#"(module (func (export "proxy_abi_version_0_2_1")) (memory (export "memory") 1)
        (func (export "malloc") (param i32) (result i32) (i32.const 8)) {guest})"#
    );
    let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    file("guest.wat", &plugin);
    file("broken.wat", "(module\n  (func (i32.nonsense)))\n");
    let step = "steps: [{request: {get: /a}";
    file("good.yaml", &format!("# Good.\nplugin: guest.wat\n{step}, expect: {{status: 200}}}}]\n"));
    file("bad.yaml", &format!("# Bad.\nplugin: guest.wat\n{step}, expect: {{status: 201}}}}]\n"));
    file("any.yaml", &format!("# Any.\nplugin: guest.wat\n{step}}}]\n"));
    file("text.yaml", &format!("# Text.\nplugin: broken.wat\n{step}}}]\n"));
    file(
        "name.yaml",
        "# Names.\nplugin: guest.wat\nsteps: [{request: {get: /a}, expect: {upstream_requests: {gpu: 0}}}]\n",
    );
    file(
        "place.yaml",
        "# Names.\nplugin: guest.wat\nsteps: [{request: {get: /a, headers: {to: 'endpoint(nope, 9)'}}}]\n",
    );
    file(
        "behind.yaml",
        "# Behind.\nplugin: guest.wat\nsteps: [{request: {raw: ['GET / HTTP/1.1', 'host: x'], body: GET}}]\n",
    );
    folder
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn exit_codes_tell_a_failed_check_from_wrong_use() {
    let folder = folder("");
    let code =
        |arguments: &[&str]| said(&host_sim(folder.path(), arguments).output().expect("it runs")).0;
    assert_eq!(code(&["run", "good.yaml"]), Some(0));
    assert_eq!(code(&["run", "bad.yaml"]), Some(1));
    assert_eq!(code(&["run", "nowhere.yaml"]), Some(2));
    assert_eq!(code(&["run", "good.yaml", "--workers", "65"]), Some(2));
    assert_eq!(code(&["fuzz", "--cases", "0"]), Some(2));
    assert_eq!(code(&["serve", "--config", "nowhere.yaml"]), Some(2));
    for command in ["run", "fuzz", "abi", "count", "schema", "serve", "demo", "upstream"] {
        assert_eq!(code(&[command, "--help"]), Some(0), "{command}");
    }
}

#[test]
fn a_mistake_is_said_once_with_its_place() {
    let folder = folder("");
    for (arguments, words) in [
        (["run", "text.yaml"], "broken.wat:2:10: unknown operator"),
        (
            ["run", "name.yaml"],
            "steps[0].expect.upstream_requests: found cluster `gpu`; allowed upstream",
        ),
        (
            ["run", "place.yaml"],
            "steps[0].request.headers.to: found `endpoint(nope, 9)`; allowed endpoint(upstream,0)",
        ),
        (["run", "behind.yaml"], "step 1: found 3 bytes behind the end of the `raw` request"),
        (["run", "nowhere.yaml"], "nowhere.yaml: No such file or directory"),
    ] {
        let output = host_sim(folder.path(), &arguments).output().expect("it runs");
        let (_, stdout, stderr) = said(&output);
        let all = stdout + &stderr;
        assert!(all.contains(words), "`{words}` is not in:\n{all}");
        assert!(all.matches("No such file").count() < 2, "{all}");
    }
}

#[test]
fn a_plugin_that_never_comes_back_fails_the_scenario_whatever_it_expects() {
    let headers = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (loop $for_ever (br $for_ever)) unreachable)"#;
    let folder = folder(headers);
    let output = host_sim(folder.path(), &["run", "any.yaml"]).output().expect("it runs");
    let (code, stdout, _) = said(&output);
    assert_eq!(code, Some(1));
    let words =
        "a plugin never comes back; Function: proxy_on_request_headers failed: ran for longer";
    assert!(stdout.contains(words), "{stdout}");
}

#[test]
fn results_are_objects_on_lines_where_that_is_asked_for_and_nothing_else() {
    let folder = folder("");
    for arguments in [&["run", "good.yaml", "--format", "json"][..], &["abi", "--format", "json"]] {
        let output = host_sim(folder.path(), arguments).output().expect("it runs");
        let (code, stdout, _) = said(&output);
        assert_eq!(code, Some(0));
        assert!(stdout.lines().count() > 0);
        for line in stdout.lines() {
            let object: serde_json::Value = serde_json::from_str(line).expect(line);
            assert!(object.is_object());
        }
    }
}

#[test]
fn a_reader_that_leaves_ends_the_command_without_a_panic() {
    let folder = folder("");
    for arguments in [&["run", "good.yaml"][..], &["abi"], &["schema"]] {
        // The reader has left before the command begins, so that nothing depends on who is faster.
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = host_sim(folder.path(), arguments);
        let mut child = command.stdout(writer).stderr(Stdio::piped()).spawn().expect("it starts");
        let mut stderr = String::new();
        child.stderr.take().expect("piped").read_to_string(&mut stderr).expect("text");
        assert_eq!(child.wait().expect("it ends").code(), Some(141), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}
