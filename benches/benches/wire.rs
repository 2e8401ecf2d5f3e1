//! How fast request bodies are scanned, natively and as wasm in wasmtime.
//!
//! `cargo bench -p benches --bench wire` builds what it measures, and ends with a table of speeds
//! and of the ratio of wasm to native. Bodies are fed in pieces of 16 KiB, as Envoy's buffers hand
//! them over. "Scan" includes the estimate of tokens; "walk" is the scanner alone, whose text goes to
//! a sink that only adds up lengths.
//!
//! "Native" in the table is a program built for the processor at hand (`scan-native`), because that
//! is what a wasm engine builds, too. "Portable" is the benchmark itself, built for any x86-64,
//! which has no shuffle of bytes; nothing is shipped that way. Each number is of the fastest of many
//! short turns: that is what other work on the machine distorts least. Criterion's report, before
//! the table, has the distributions; `-- table` leaves it out.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to report")]

use std::hint::black_box;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use benches::corpora::{self, Text};
use criterion::{Criterion, Throughput};
use wasmtime::{Engine, Linker, Module, Store, TypedFunc};

#[path = "../guests/scan/rounds.rs"]
mod rounds;

const PIECE: usize = 16 * 1024;

const BODIES: [(&str, Text, usize); 7] = [
    ("mixed-1K", Text::Mixed, 1),
    ("mixed-16K", Text::Mixed, 16),
    ("mixed-256K", Text::Mixed, 256),
    ("english-16K", Text::English, 16),
    ("code-16K", Text::Code, 16),
    ("chinese-16K", Text::Chinese, 16),
    ("escaped-chinese-16K", Text::EscapedChinese, 16),
];

/// What is done to each body: the name of the guest's function, and the same function here.
type Work = (&'static str, fn(&[u8], usize, usize) -> u64);
const WORKS: [Work; 2] = [("scan", rounds::scan), ("walk", rounds::walk)];

/// How many turns each side has for the table, and how many bytes it scans in a turn.
const TURNS: u64 = 1_000;
const TURN_BYTES: u64 = 512 * 1024;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(40)
        .configure_from_args();
    let mut guest = Guest::build();
    let native = build_native();
    let mut table = String::new();
    for work in WORKS {
        for (name, text, kibibytes) in BODIES {
            let body = corpora::chat(text, kibibytes * 1024);
            guest.write(&body);
            measure(&mut criterion, work, name, &body, &mut guest);
            table.push_str(&table_row(work, name, &body, &mut guest, &native));
        }
    }
    criterion.final_summary();
    println!("\n| | body | bytes | portable GB/s | native GB/s | wasm GB/s | wasm / native |");
    println!("|---|---|---|---|---|---|---|");
    print!("{table}");
}

fn measure(
    criterion: &mut Criterion,
    (work, here): Work,
    name: &str,
    body: &[u8],
    guest: &mut Guest,
) {
    assert_eq!(guest.run(work, 1), here(body, 1, PIECE), "the module finds what is found here");
    let mut group = criterion.benchmark_group(format!("{work} {name}"));
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("portable", |bench| {
        bench.iter_custom(|rounds| timed(|| here(body, rounds as usize, PIECE)));
    });
    group.bench_function("wasm", |bench| {
        bench.iter_custom(|rounds| timed(|| guest.run(work, rounds)));
    });
    group.finish();
}

fn timed(run: impl FnOnce() -> u64) -> Duration {
    let start = Instant::now();
    black_box(run());
    start.elapsed()
}

fn table_row(
    (work, here): Work,
    name: &str,
    body: &[u8],
    guest: &mut Guest,
    native: &str,
) -> String {
    let length = body.len() as u64;
    let rounds = (TURN_BYTES / length).max(1);
    let portable = fastest(TURNS / 10, || here(body, rounds as usize, PIECE));
    let wasm = fastest(TURNS, || guest.run(work, rounds));
    let native = fastest_native(native, work, body, rounds);
    let bytes = (length * rounds) as f64;
    let [portable, native, wasm] =
        [portable, native, wasm].map(|time| bytes / time.as_secs_f64() / 1e9);
    let ratio = wasm / native;
    format!(
        "| {work} | {name} | {length} | {portable:.2} | {native:.2} | {wasm:.2} | {ratio:.2} |\n"
    )
}

fn fastest(turns: u64, mut run: impl FnMut() -> u64) -> Duration {
    (0..turns).map(|_| timed(&mut run)).min().unwrap_or_default()
}

fn fastest_native(program: &str, work: &str, body: &[u8], rounds: u64) -> Duration {
    let arguments = [rounds, TURNS, PIECE as u64].map(|number| number.to_string());
    let mut child = Command::new(program)
        .arg(work)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("scan-native can be started");
    child.stdin.take().expect("a pipe").write_all(body).expect("a body that is read");
    let output = child.wait_with_output().expect("scan-native ends");
    let nanos = String::from_utf8_lossy(&output.stdout).trim().parse().expect("nanoseconds");
    Duration::from_nanos(nanos)
}

/// Takes rounds and the length of pieces.
type Function = TypedFunc<(u32, u32), u64>;

/// The scanner in wasmtime.
struct Guest {
    store: Store<()>,
    memory: wasmtime::Memory,
    body: TypedFunc<u32, u32>,
    works: [(&'static str, Function); 2],
}

impl Guest {
    fn build() -> Self {
        let engine = Engine::default();
        let module = Module::from_file(&engine, build_guest()).expect("a module that compiles");
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        // WASI is imported for panics and the environment, and never called.
        linker.define_unknown_imports_as_traps(&module).expect("imports that are functions");
        let instance = linker.instantiate(&mut store, &module).expect("an instance");
        if let Ok(start) = instance.get_typed_func::<(), ()>(&mut store, "_initialize") {
            start.call(&mut store, ()).expect("a module that initializes");
        }
        let works = WORKS.map(|(work, _)| {
            (work, instance.get_typed_func(&mut store, work).expect("an export of that name"))
        });
        Self {
            memory: instance.get_memory(&mut store, "memory").expect("an exported memory"),
            body: instance.get_typed_func(&mut store, "body").expect("`body`"),
            works,
            store,
        }
    }

    fn write(&mut self, body: &[u8]) {
        let length = u32::try_from(body.len()).expect("a body below 4 GB");
        let at = self.body.call(&mut self.store, length).expect("room for a body");
        self.memory.write(&mut self.store, at as usize, body).expect("a place inside the memory");
    }

    fn run(&mut self, work: &str, rounds: u64) -> u64 {
        let (_, function) = self.works.iter().find(|(name, _)| *name == work).expect("its export");
        let function = function.clone();
        function.call(&mut self.store, (rounds as u32, PIECE as u32)).expect("a run without a trap")
    }
}

/// Builds the module as the filters are built, and returns where cargo put it.
fn build_guest() -> String {
    let arguments = ["--profile", "filter", "--target", "wasm32-wasip1", "--lib"];
    build(&arguments, "scan_guest.wasm")
}

/// Builds the program for this processor. It has a target folder of its own, since it is built with
/// other flags than everything else.
fn build_native() -> String {
    let flags = r#"build.rustflags=["-Ctarget-cpu=native"]"#;
    let folder = concat!(env!("CARGO_TARGET_TMPDIR"), "/native");
    let arguments =
        ["--profile", "filter", "--bin", "scan-native", "--config", flags, "--target-dir", folder];
    build(&arguments, "scan-native")
}

fn build(arguments: &[&str], file: &str) -> String {
    eprintln!("building {file}");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["build", "-p", "scan-guest", "--message-format", "json-render-diagnostics"])
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be started");
    assert!(output.status.success(), "{file} does not build");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| Some(message.get("filenames")?.get(0)?.as_str()?.to_owned()))
        .find(|path| path.ends_with(file))
        .expect("cargo says where it put what it built")
}
