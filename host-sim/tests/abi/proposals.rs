//! Which extensions of WebAssembly modules may use, and how bad ones end: the same in both hosts.

use std::{fs, path::Path};

use host_sim::{
    model::EnvoyVersion,
    parts::{Part, Without},
    scenario::{
        run::{Choice, Options, run},
        verdict::{Mark, Verdict},
        workbench::Workbench,
    },
};
use wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, MemorySection,
    MemoryType, Module, TagKind, TagSection, TagType, TypeSection, ValType,
};

/// How a module ends in the simulator, and on Envoy.
enum End {
    /// Requests pass.
    Passes,
    /// The first request is answered 503.
    FailsClosed,
    /// The proxy does not start; a part of what the simulator says, and of what Envoy says.
    Refused(&'static str, &'static str),
    /// Envoy plays it, the simulator refuses it: a part of what it says.
    OnlyEnvoy(&'static str),
}
use End::{FailsClosed, OnlyEnvoy, Passes, Refused};

const MEMORY: &str = r#"(memory (export "memory") 1)"#;
const PARSED: &str = "Failed to load Wasm bytecode";
const STARTED: &str = "Failed to create new Wasm instance";

/// Name, memory, what else is in the module, and the end of it. `$f` is called for each request.
const PROPOSALS: [(&str, &str, &str, End); 24] = [
    (
        "bulk memory",
        MEMORY,
        "(func $f (memory.fill (i32.const 0) (i32.const 0) (i32.const 1)))",
        Passes,
    ),
    (
        "multi-value",
        MEMORY,
        "(func $g (result i32 i32) i32.const 1 i32.const 2) (func $f call $g drop drop)",
        Passes,
    ),
    ("sign extension", MEMORY, "(func $f (drop (i32.extend8_s (i32.const 1))))", Passes),
    (
        "saturating conversions",
        MEMORY,
        "(func $f (drop (i32.trunc_sat_f32_s (f32.const 1))))",
        Passes,
    ),
    (
        "reference types",
        MEMORY,
        "(table $t 1 externref) (func $f (table.set $t (i32.const 0) (ref.null extern)))",
        Passes,
    ),
    (
        "typed function references",
        MEMORY,
        "(type $n (func)) (func $g) (elem declare func $g) (func $f (call_ref $n (ref.func $g)))",
        Passes,
    ),
    ("tail calls", MEMORY, "(func $g) (func $f (return_call $g))", Passes),
    (
        "extended constants",
        MEMORY,
        "(global $g i32 (i32.add (i32.const 1) (i32.const 2))) (func $f (drop (global.get $g)))",
        Passes,
    ),
    ("SIMD", MEMORY, "(func $f (drop (i32x4.splat (i32.const 1))))", Passes),
    (
        "relaxed SIMD",
        MEMORY,
        "(func $f (drop (i8x16.relaxed_swizzle (i32x4.splat (i32.const 1)) (i32x4.splat (i32.const 1)))))",
        Passes,
    ),
    (
        "several memories",
        MEMORY,
        "(memory $b 1) (func $f (drop (i32.load $b (i32.const 0))))",
        Passes,
    ),
    (
        "64-bit memory",
        r#"(memory (export "memory") i64 1)"#,
        "(func $f (drop (i32.load (i64.const 0))))",
        Passes,
    ),
    (
        "64-bit tables",
        MEMORY,
        "(table $t i64 1 funcref) (func $f (drop (table.get $t (i64.const 0))))",
        Passes,
    ),
    (
        "garbage collection",
        MEMORY,
        "(type $s (struct (field i32))) (func $f (drop (struct.new $s (i32.const 1))))",
        Passes,
    ),
    (
        "exceptions that are caught",
        MEMORY,
        "(tag $t (param i32)) (func $f (block $h (result i32) (try_table (catch $t $h) (throw $t (i32.const 7))) i32.const 1) drop)",
        Passes,
    ),
    (
        "an exception that nobody catches",
        MEMORY,
        "(tag $t (param i32)) (func $f (throw $t (i32.const 7)))",
        FailsClosed,
    ),
    (
        "atomic access",
        MEMORY,
        "(func $f (drop (i32.atomic.load (i32.const 0))) atomic.fence)",
        Passes,
    ),
    (
        "atomic waiting",
        MEMORY,
        "(func $f (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1))))",
        FailsClosed,
    ),
    (
        "memory of several threads",
        r#"(memory (export "memory") 1 2 shared)"#,
        "(func $f)",
        OnlyEnvoy("shared between threads"),
    ),
    (
        "custom page sizes",
        MEMORY,
        "(memory $b 1 (pagesize 1)) (func $f)",
        Refused("custom page sizes proposal", PARSED),
    ),
    (
        "wide arithmetic",
        MEMORY,
        "(func $f (i64.add128 (i64.const 1) (i64.const 1) (i64.const 1) (i64.const 1)) drop drop)",
        Refused("wide arithmetic", PARSED),
    ),
    (
        "stack switching",
        MEMORY,
        "(type $ft (func)) (type $ct (cont $ft)) (func $g) (elem declare func $g) (func $f (drop (cont.new $ct (ref.func $g))))",
        Refused("stack switching", PARSED),
    ),
    (
        "data outside of the memory",
        MEMORY,
        r#"(data (i32.const 65530) "0123456789") (func $f)"#,
        Refused(
            "plugin `plugin`: the module did not start: its start section, or the data",
            STARTED,
        ),
    ),
    (
        "a start section that traps",
        MEMORY,
        "(func $f) (func $s unreachable) (start $s)",
        Refused(
            "start section, or the data that it begins with, failed: wasm trap: wasm `unreachable`",
            STARTED,
        ),
    ),
];

/// The same, with the whole module.
const MODULES: [(&str, &str, End); 10] = [
    (
        "no ABI marker",
        r#"(memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 0)"#,
        Refused("exports no ABI version", "unknown Proxy-Wasm ABI version"),
    ),
    (
        "two ABI markers",
        r#"(func (export "proxy_abi_version_0_2_0")) (func (export "proxy_abi_version_0_2_1")) (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 0)"#,
        Passes,
    ),
    (
        "no allocator",
        r#"(func (export "proxy_abi_version_0_2_1")) (memory (export "memory") 1)"#,
        Refused("neither malloc nor", "missing malloc function"),
    ),
    (
        "an unknown import",
        r#"(import "env" "proxy_nonsense" (func)) (func (export "proxy_abi_version_0_2_1")) (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 0)"#,
        Refused("`env.proxy_nonsense`", "missing import"),
    ),
    (
        "an import of another type",
        r#"(import "env" "proxy_log" (func (param i32))) (func (export "proxy_abi_version_0_2_1")) (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 0)"#,
        Refused("`env.proxy_log` as (i32) -> ()", "import type mismatch"),
    ),
    (
        "an export of another type",
        r#"(func (export "proxy_on_request_headers") (param i32) (result i32) i32.const 0) (func (export "proxy_abi_version_0_2_1")) (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 0)"#,
        Refused("`proxy_on_request_headers` as (i32) -> (i32)", "Bad function signature"),
    ),
    (
        "more memory than there is",
        r#"(func (export "proxy_abi_version_0_2_1")) (memory (export "memory") 65536) (func (export "malloc") (param i32) (result i32) i32.const 0)"#,
        Refused("exceeds memory limits", STARTED),
    ),
    (
        "a trap in the first callback",
        r#"(func (export "proxy_on_context_create") (param i32 i32) unreachable) (func (export "proxy_on_vm_start") (param i32 i32) (result i32) i32.const 1) (func (export "proxy_on_configure") (param i32 i32) (result i32) i32.const 1) (func (export "proxy_abi_version_0_2_1")) (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 0)"#,
        FailsClosed,
    ),
    (
        "a trap in the second callback",
        r#"(func (export "proxy_on_vm_start") (param i32 i32) (result i32) unreachable) (func (export "proxy_abi_version_0_2_1")) (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 0)"#,
        Refused("proxy_on_vm_start failed", "proxy_on_vm_start failed"),
    ),
    (
        "a hostcall in the start section",
        r#"(import "env" "proxy_get_log_level" (func $l (param i32) (result i32))) (func $s (drop (call $l (i32.const 2)))) (start $s) (func (export "proxy_abi_version_0_2_1")) (memory (export "memory") 1) (func (export "malloc") (param i32) (result i32) i32.const 0)"#,
        Refused("in the module's start section, where Envoy itself crashes", "SIGSEGV"),
    ),
];

/// Exceptions as compilers wrote them before 2025.
fn legacy_exceptions() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([ValType::I32], [ValType::I32]);
    let mut functions = FunctionSection::new();
    functions.function(0).function(1);
    let mut memories = MemorySection::new();
    let small = MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    };
    memories.memory(small);
    let mut tags = TagSection::new();
    tags.tag(TagType { kind: TagKind::Exception, func_type_idx: 0 });
    let mut exports = ExportSection::new();
    exports.export("proxy_abi_version_0_2_1", ExportKind::Func, 0);
    exports.export("malloc", ExportKind::Func, 1);
    exports.export("memory", ExportKind::Memory, 0);
    let mut first = Function::new([]);
    first.instructions().try_(BlockType::Empty).throw(0).catch(0).end().end();
    let mut second = Function::new([]);
    second.instructions().i32_const(0).end();
    let mut code = CodeSection::new();
    code.function(&first).function(&second);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&tags);
    module.section(&exports).section(&code);
    module.finish()
}

struct Hosts {
    bench: Workbench,
    folder: tempfile::TempDir,
    envoy: bool,
}

impl Hosts {
    fn new() -> Self {
        let without = Without::from_env().unwrap();
        let envoy = !without.leaves_out(Part::Envoy);
        let bench = Workbench::here(without).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let scenario = "# A module.\nsteps: [{request: {get: /, give_up_after: 2s}, expect: {status: STATUS}}]\n";
        for status in ["200", "503"] {
            let text = scenario.replace("STATUS", status);
            fs::write(folder.path().join(format!("{status}.yaml")), text).unwrap();
        }
        Self { bench, folder, envoy }
    }

    fn play(&self, module: &Path, status: &str, hosts: Choice) -> Verdict {
        let options = Options {
            hosts,
            plugin: Some(module.to_owned()),
            envoy: Some(EnvoyVersion::V1_40),
            ..Options::default()
        };
        run(&self.folder.path().join(format!("{status}.yaml")), &options, &self.bench)
    }

    /// What is not as it should be, if anything.
    fn judge(&self, name: &str, code: &[u8], end: &End) -> Option<String> {
        let module = self.folder.path().join(format!("{}.wasm", name.replace(' ', "-")));
        fs::write(&module, code).unwrap();
        let plays = |status: &str, hosts: Choice| {
            let verdict = self.play(&module, status, hosts);
            (verdict.mark() != Mark::Passed).then(|| format!("{name}: {:?}", verdict.lines()))
        };
        let refuses = |said: &str, hosts: Choice| {
            let error = self.play(&module, "200", hosts).error.unwrap_or_default();
            (!error.contains(said)).then(|| format!("{name}: `{said}` is not in `{error}`"))
        };
        let both = if self.envoy { Choice::Both } else { Choice::Sim };
        let on_envoy = |check: &dyn Fn() -> Option<String>| self.envoy.then(check).flatten();
        match end {
            Passes => plays("200", both),
            FailsClosed => plays("503", both),
            Refused(here, envoy) => {
                refuses(here, Choice::Sim).or_else(|| on_envoy(&|| refuses(envoy, Choice::Envoy)))
            }
            OnlyEnvoy(here) => {
                refuses(here, Choice::Sim).or_else(|| on_envoy(&|| plays("200", Choice::Envoy)))
            }
        }
    }
}

#[test]
fn modules_use_what_v8_has_and_bad_ones_end_as_in_envoy() {
    let hosts = Hosts::new();
    let mut wrong = Vec::new();
    for (name, memory, parts, end) in &PROPOSALS {
        let code = format!(
            r#"(module {memory} (func (export "proxy_abi_version_0_2_1"))
            (func (export "malloc") (param i32) (result i32) (i32.const 1024))
            (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
                (call $f) (i32.const 0)) {parts})"#
        );
        wrong.extend(hosts.judge(name, &wat::parse_str(code).unwrap(), end));
    }
    for (name, parts, end) in &MODULES {
        let code = wat::parse_str(format!("(module {parts})")).unwrap();
        wrong.extend(hosts.judge(name, &code, end));
    }
    let legacy = OnlyEnvoy("exceptions in their older encoding");
    wrong.extend(hosts.judge("legacy exceptions", &legacy_exceptions(), &legacy));
    let corrupt = "Failed to parse corrupted Wasm module";
    let version = "unknown Proxy-Wasm ABI version";
    let cut = legacy_exceptions();
    for (name, bytes, end) in [
        ("nothing", &b""[..], Refused("plugin `plugin`: not a module: found an empty file", "")),
        ("text", b"(module)", Refused("found other bytes", corrupt)),
        ("a component", b"\0asm\x0d\0\x01\0", Refused("found a component", version)),
        (
            "half of a module",
            &cut[..cut.len() / 2],
            Refused("cannot compile the module", "Wasm VM failed"),
        ),
    ] {
        wrong.extend(hosts.judge(name, bytes, &end));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
