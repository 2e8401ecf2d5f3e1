//! What the simulator costs: a call into a guest, each family of hostcalls, a whole request through
//! a chain, a module's start, and scenarios against the same ones on a real Envoy.
//!
//! `cargo bench -p benches --bench sim` prints criterion's report for the small things and a table
//! for the scenarios; `-- --quick` is enough to see where things stand.
//! A hostcall is measured a thousand at a time inside one callback, so that what is divided by a
//! thousand is the call and next to nothing of the request around it.

#![expect(clippy::expect_used, reason = "a benchmark that cannot be set up has nothing to report")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use benches::guests::{CHAIN, EMPTY_TICK, FAMILIES, family};
use benches::simulated::Simulated;
use criterion::{BatchSize, Criterion, Throughput};
use host_sim::abi::Callback;
use host_sim::model::{EnvoyVersion, Guest as _, VmSpec, World};
use host_sim::parts::Without;
use host_sim::scenario::run::{Choice, Options, run};
use host_sim::scenario::workbench::{Module, Workbench};
use host_sim::scenario::{Hosts, catalog, format};
use host_sim::vm::{Engine, EngineOptions};

/// Hostcalls in one callback.
const CALLS: u64 = 1_000;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
        .configure_from_args();
    let bench = Workbench::here(Without::default()).expect("the project is around");
    let mesh = bench.module(Module::Filters).expect("the filters can be built");
    callback(&mut criterion);
    hostcalls(&mut criterion);
    requests(&mut criterion);
    starts(&mut criterion, &std::fs::read(mesh).expect("the module can be read").into());
    criterion.final_summary();
    scenarios(&bench);
}

fn engine() -> Arc<Engine> {
    Arc::new(Engine::new(EngineOptions::default()).expect("wasmtime runs here"))
}

fn callback(criterion: &mut Criterion) {
    let code = wat::parse_str(EMPTY_TICK).expect("a guest").into();
    let spec = VmSpec { code, envoy: EnvoyVersion::default(), ..VmSpec::default() };
    let mut world = World::default();
    let mut guest = engine().instance(&mut world, &spec).expect("an instance");
    criterion.bench_function("callback/empty", |bench| {
        bench.iter(|| guest.call(&mut world, &Callback::Tick { context: 1 }));
    });
}

fn hostcalls(criterion: &mut Criterion) {
    let engine = engine();
    let mut group = criterion.benchmark_group("hostcall");
    group.throughput(Throughput::Elements(CALLS));
    for (name, body) in FAMILIES {
        let code = wat::parse_str(family(body, CALLS)).expect("a guest");
        let mut proxy = Simulated::new(&[code], &engine);
        proxy.request(b"twelve bytes");
        group.bench_function(name, |bench| bench.iter(|| proxy.request(b"twelve bytes")));
    }
    group.finish();
}

fn requests(criterion: &mut Criterion) {
    let engine = engine();
    let code = wat::parse_str(CHAIN).expect("a guest");
    let body = vec![b'x'; 1024];
    let mut group = criterion.benchmark_group("request");
    for filters in 0..=4 {
        let mut proxy = Simulated::new(&vec![code.clone(); filters], &engine);
        group.bench_function(format!("{filters} filters"), |bench| {
            bench.iter(|| proxy.request(&body));
        });
    }
    group.finish();
}

/// An engine; a module's first instance, with its compiled form on disk; its second instance.
fn starts(criterion: &mut Criterion, code: &Arc<[u8]>) {
    let folder = tempfile::tempdir().expect("a folder");
    let new = || {
        let module_cache = Some(folder.path().to_owned());
        let options = EngineOptions { module_cache, ..EngineOptions::default() };
        Engine::new(options).expect("wasmtime runs here")
    };
    let spec = VmSpec { code: Arc::clone(code), ..VmSpec::default() };
    let instance =
        |engine: &Engine| engine.instance(&mut World::default(), &spec).expect("an instance");
    let engine = new();
    instance(&engine);
    criterion.bench_function("start/engine", |bench| bench.iter_with_large_drop(new));
    criterion.bench_function("start/first instance of llm_mesh.wasm, from the cache", |bench| {
        bench.iter_batched(
            new,
            |engine| {
                let instance = instance(&engine);
                (engine, instance)
            },
            BatchSize::PerIteration,
        );
    });
    criterion.bench_function("start/second instance", |bench| {
        bench.iter_with_large_drop(|| instance(&engine));
    });
}

/// Every scenario that runs on both hosts, first on one and then on the other.
fn scenarios(bench: &Workbench) {
    if std::env::args().any(|argument| argument == "--quick") {
        return;
    }
    let folder = bench.workspace().join("tests/scenarios");
    let files = catalog::find(&[folder]).expect("scenarios");
    let both = |file: &PathBuf| {
        let read = format::read(file).ok();
        read.is_some_and(|scenario| !matches!(scenario.hosts, Hosts::Sim { .. }))
    };
    let files: Vec<PathBuf> = files.into_iter().filter(both).collect();
    let took = |hosts: Choice| -> Vec<Duration> {
        let envoy = Some(EnvoyVersion::default());
        let options = Options { hosts, envoy, ..Options::default() };
        let turn = |file: &PathBuf| {
            let begun = Instant::now();
            let verdict = run(file, &options, bench);
            let took = begun.elapsed();
            if verdict.runs.iter().any(|run| !run.failures.is_empty()) {
                eprintln!("{}", verdict.lines().join("\n"));
            }
            took
        };
        files.iter().map(turn).collect()
    };
    // The first turn compiles modules and asks the build tool whether they are fresh.
    took(Choice::Sim);
    let (sim, envoy) = (took(Choice::Sim), took(Choice::Envoy));
    let ratios = envoy.iter().zip(&sim).map(|(envoy, sim)| envoy.as_secs_f64() / sim.as_secs_f64());
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or_default();
    println!("\n| host | scenarios | seconds | scenarios/s | median of the ratios |");
    println!("|---|--:|--:|--:|--:|");
    for (host, took) in [("simulator", &sim), ("Envoy 1.40", &envoy)] {
        let total: Duration = took.iter().sum();
        let per_second = f64::from(u32::try_from(took.len()).unwrap_or(0)) / total.as_secs_f64();
        let ratio = if host == "simulator" { String::new() } else { format!("{median:.0}") };
        let seconds = total.as_secs_f64();
        println!("| {host} | {} | {seconds:.2} | {per_second:.1} | {ratio} |", took.len());
    }
}
