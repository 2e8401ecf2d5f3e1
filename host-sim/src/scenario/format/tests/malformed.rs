//! What is wrong with a scenario is said with file, line, column, path, what was found and what is
//! allowed.

use super::*;

/// The message for a scenario that continues like this behind its first two lines.
fn refused(rest: &str) -> String {
    error(read_text(&format!("{HEAD}{rest}")))
}

/// What stands behind the first two lines, and how its message begins.
const CASES: [(&str, &str); 40] = [
    (
        "steps:\n  - request: {post: /x, http: 2, body: a, trailers: {te: gzip}}\n",
        "case.yaml:4:14: steps[0].request: found the trailer `te`; allowed trailers that the \
         client's library sends; let a plugin write it",
    ),
    (
        "steps:\n  - request: {post: /x, body: abc, headers: {content-length: \"2\"}}\n",
        "case.yaml:4:14: steps[0].request: found a content-length of 2 and a body of 3 bytes; \
         allowed as many bytes as are announced, because the library sends no more; write it \
         with `raw`",
    ),
    (
        "steps:\n  - request: {get: \"http://other/x\"}\n",
        "case.yaml:4:14: steps[0].request: found the path `http://other/x`; allowed a path from \
         `/` on without a fragment, or none with CONNECT; write it with `raw`",
    ),
    (
        "steps:\n  - request: {method: CONNECT, path: /x, http: 2}\n",
        "case.yaml:4:14: steps[0].request: found the path `/x`; allowed a path from `/` on \
         without a fragment, or none with CONNECT; write it with `raw`",
    ),
    ("steps: {}\n", "case.yaml:3:8: steps: found an object; allowed a list"),
    ("stepz: []\n", "case.yaml:2:1: `steps` is missing; add it"),
    (
        "steps:\n  - request: [get, /x]\n",
        "case.yaml:4:14: steps[0].request: found a list; allowed an object",
    ),
    (
        "steps:\n  - request: {path: /x}\n",
        "case.yaml:4:14: steps[0].request: found no method; allowed one of get, post, put, \
         delete, head, options, or `method` and `path`; add one",
    ),
    (
        "steps:\n  - request: {get: /x, path: /y}\n",
        "case.yaml:4:30: steps[0].request.path: found it beside `get`; allowed `get: PATH`, \
         or `method` and `path`; remove one",
    ),
    (
        "steps:\n  - at: 5\n    request: {get: /x}\n",
        "case.yaml:4:9: steps[0].at: found `5`, a number; allowed a duration with a unit, such \
         as `300us`, `2s` or `24h`",
    ),
    (
        "steps:\n  - request: {get: /x}\n    expect: {status: ok}\n",
        "case.yaml:5:22: steps[0].expect.status: found `ok`; allowed a whole number from 0 to \
         65535",
    ),
    (
        "steps:\n  - {request: {get: /x}, drain: graceful}\n",
        "case.yaml:4:33: steps[0].drain: found `request` and `drain`; allowed one of \
         `request`, `drain`, `update`; remove one",
    ),
    (
        "steps:\n  - request: {post: /x, body: abc, chunks: {frames: 0}}\n",
        "case.yaml:4:53: steps[0].request.chunks.frames: found `0`, a number; allowed a size \
         of at least one byte, such as `16KiB`",
    ),
    (
        "steps:\n  - request: {get: /x}\n    expect: {details: {matches: \"(\"}}\n",
        "case.yaml:5:33: steps[0].expect.details.matches: found `(`: unclosed group; allowed a \
         regular expression",
    ),
    (
        "upstreams:\n  gpu: [{}, {statsu: 503}]\nsteps: []\n",
        "case.yaml:4:22: upstreams.gpu[1].statsu: found unknown field `statsu`",
    ),
    (
        "upstreams:\n  gpu: [{status: 42}]\nsteps: []\n",
        "case.yaml:4:18: upstreams.gpu[0].status: found status 42; allowed 200 to 599",
    ),
    (
        "upstreams: {gpu: gone}\nsteps: []\n",
        "case.yaml:3:18: upstreams.gpu: found `gone`; allowed down",
    ),
    (
        "faults: [{at: 1s, clock_jump: {back: 1h}}]\nsteps: []\n",
        "case.yaml:3:31: faults[0].clock_jump: found `clock_jump`, which no Envoy can be made \
         to do; allowed it with `hosts: sim`; say `hosts: sim` and `because:`",
    ),
    (
        "faults: [{trap: {callback: on_request}}]\nsteps: []\n",
        "case.yaml:3:28: faults[0].trap.callback: found `on_request`; allowed \
         proxy_on_context_create",
    ),
    (
        "silence: {typo: because}\nsteps: []\n",
        "case.yaml:3:17: silence.typo: found a lint `typo`; allowed stream_never_ends",
    ),
    (
        "silence: {late_metric: \"\"}\nsteps: []\n",
        "case.yaml:3:24: silence.late_metric: found an empty string",
    ),
    (
        "plugin: {root_id: a}\nsteps: []\n",
        "case.yaml:3:9: plugin: found `envoy` and `plugin`; allowed one of `envoy`, `istio`, \
         `plugin`; remove one",
    ),
    (
        "since: \"1.39\"\nenvoys: [\"1.40\", \"1.37\"]\nsteps: []\n",
        "case.yaml:4:18: envoys[1]: found a version before the one that `since` names; allowed that one or a later one; remove one of the two",
    ),
    (
        "envoys: [1.35]\nsteps: []\n",
        "case.yaml:3:10: envoys[0]: found `1.35`, a number; allowed 1.36, 1.37, 1.39, 1.40",
    ),
    (
        "steps: []\nsteps: []\n",
        "case.yaml:4:1: not YAML: `steps` is here a second time, the first is in line 3; remove one",
    ),
    ("steps: [\n", "case.yaml:4:1: not YAML: "),
    ("steps: []\n", "case.yaml:3:8: steps: found no step; allowed one or more; add a `request`"),
    (
        "workers: 65\nsteps: []\n",
        "case.yaml:3:10: workers: found `65`, a number; allowed 1 to 64 worker threads",
    ),
    ("workers: 0\nsteps: []\n", "case.yaml:3:10: workers: found `0`, a number; allowed 1 to 64"),
    (
        "steps:\n  - request: {post: /x, body: {bytes: 100GiB}}\n",
        "case.yaml:4:39: steps[0].request.body.bytes: found a body of 107374182400 bytes; allowed \
         at most 64MiB (`BODY_MAX` in host-sim/src/scenario/format/bounds.rs); make it smaller",
    ),
    (
        "steps:\n  - {request: {get: /x}, concurrent: 1000000000}\n",
        "case.yaml:4:38: steps[0].concurrent: found 1000000000; allowed at most 1 to 250 times \
         (`CONCURRENT_MAX`",
    ),
    (
        "steps:\n  - {request: {get: /x}, repeat: 0}\n",
        "case.yaml:4:34: steps[0].repeat: found 0; allowed 1 to 10000 times; remove the step",
    ),
    (
        "steps:\n  - {request: {get: /x}, repeat: 6000}\n  - {request: {get: /x}, repeat: 6000}\n",
        "case.yaml:5:15: steps[1].request: found request number 12000 of the scenario; allowed",
    ),
    (
        "steps:\n  - {request: {post: /x, body: {bytes: 2MiB}, chunks: every_byte}}\n",
        "case.yaml:4:15: steps[0].request: found bodies in 2097152 pieces, with those before; \
         allowed at most 1,000,000 pieces (`PIECES_MAX`",
    ),
    (
        "steps:\n  - {request: {post: /x, body: {bytes: 64MiB}}, repeat: 17}\n",
        "case.yaml:4:15: steps[0].request: found bodies of 1140850688 bytes, with those before",
    ),
    (
        "steps:\n  - {at: 1000000h, request: {get: /x}}\n",
        "case.yaml:4:10: steps[0].at: found `1000000h`; allowed at most 60s on a real Envoy \
         (`WAIT_MAX` in host-sim/src/scenario/format/bounds.rs); make it shorter, or say",
    ),
    (
        "hosts: sim\nbecause: b\nsteps:\n  - {at: 25h, request: {get: /x}}\n",
        "case.yaml:6:10: steps[0].at: found `25h`; allowed at most 24h (`VIRTUAL_MAX`",
    ),
    (
        "steps:\n  - request: {post: /x, body: abc, chunks: {frames: 1, every: 30s}}\n",
        "case.yaml:4:14: steps[0].request: found a body in 3 pieces over more than 60s; allowed",
    ),
    (
        "upstreams:\n  gpu: [{headers_after: 1000000h}]\nsteps: []\n",
        "case.yaml:4:25: upstreams.gpu[0].headers_after: found `1000000h`; a server waits",
    ),
    (
        "steps:\n  - request: {post: /x, body_file: wire}\n",
        "case.yaml:4:36: steps[0].request.body_file: found `wire`, which is a folder; allowed a file",
    ),
];

#[test]
fn every_mistake_has_its_place_and_what_is_allowed() {
    let wrong: Vec<String> = CASES
        .iter()
        .map(|(text, expected)| (refused(text), expected))
        .filter(|(message, expected)| !message.starts_with(**expected))
        .map(|(message, expected)| format!("{message}\n{expected}\n"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_scenario_without_a_configuration_says_how_to_give_it_one() {
    assert_eq!(
        error(read_text("# Something.\nsteps: []\n")),
        "case.yaml:2:1: found none of them; allowed one of `envoy`, `istio`, `plugin`; add it, or \
         name a module with `--plugin FILE.wasm`"
    );
}

#[test]
fn a_module_of_the_command_line_is_for_scenarios_that_leave_it_open() {
    let read = |text: &str| {
        let module = Some(Path::new("mine.wasm"));
        super::super::read_text(Path::new("case.yaml"), text, module)
    };
    let open = "# Something.\nplugin: {root_id: r, file: gone.wasm}\nsteps: [{drain: graceful}]\n";
    let open = read(open).unwrap();
    let crate::scenario::Target::Plugin(plugin) = open.target else { panic!("a plugin") };
    assert_eq!(plugin.file.as_deref(), Some(Path::new("mine.wasm")));
    assert_eq!(plugin.root_id, "r");
    let message = read("# Something.\nenvoy: chain.yaml\nsteps: []\n").unwrap_err().to_string();
    assert!(message.starts_with("case.yaml:2:8: envoy: found `envoy` together with `--plugin`"));
}

/// The message for a file of these bytes.
fn refused_bytes(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("case.yaml");
    fs::write(&file, bytes).unwrap();
    let message = read(&file).unwrap_err().to_string();
    message.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn a_file_that_is_no_scenario_at_all_has_a_place_too() {
    for (bytes, expected) in [
        (&b""[..], "case.yaml:1:1: found no comment in the first line"),
        (b"# x\n", "case.yaml:1:1: found a file of comments; allowed one document, with `steps`"),
        (b"# x\n--- \na: 1\n---\nb: 1\n", "case.yaml:5:1: found a second document; allowed one"),
        (b"# x\nab\xff\n", "case.yaml:2:3: cannot be read: a byte that is not UTF-8; save"),
        (b"# x\n- a\n", "case.yaml:2:1: found a list; allowed an object"),
    ] {
        let message = refused_bytes(bytes);
        assert!(message.starts_with(expected), "{message}\n{expected}");
    }
}

#[test]
fn a_byte_order_mark_is_no_mistake() {
    let text = format!("\u{feff}{HEAD}steps: [{{drain: graceful}}]\n");
    assert_eq!(read_text(&text).unwrap().sentence, "Something behaves.");
}
