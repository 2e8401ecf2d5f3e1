//! Conformance: guests that make hostcalls in every callback and log what they were answered, in the
//! simulator and on a real Envoy.
//!
//! A probe is a file in `probes/`: a scenario, a line `---`, and what the guest does (see [`script`]).
//! What a call answers stands behind it; it has to be so on both hosts, and whatever else a client, a
//! server or the log shows has to be the same on both, as in every scenario.
//!
//! # Why data and not Rust
//! A question to Envoy is one line and needs no compiler: write `= ?` behind a call, run the test, and
//! read what both hosts answered.

use std::{
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use host_sim::{
    abi::AbiVersion,
    model::lint::Lint,
    parts::{Part, Without},
    scenario::{
        run::{Choice, Options, run},
        workbench::Workbench,
    },
};

pub(crate) mod script;
pub(crate) mod wat;

static BENCH: LazyLock<Workbench> =
    LazyLock::new(|| Workbench::here(Without::from_env().unwrap()).unwrap());

/// The configuration that probes run in unless they bring one.
const BOOTSTRAP: &str = "bootstrap.yaml";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/abi/probes")
}

/// All lints: what a probe does wrong is what it asks about.
fn silence() -> String {
    let all = Lint::ALL.iter().map(|lint| format!("{}: it is the question", lint.name()));
    all.collect::<Vec<_>>().join(", ")
}

/// Runs one probe; what is wrong, or nothing.
fn wrong(name: &str) -> String {
    let text = fs::read_to_string(folder().join(name)).unwrap();
    let (scenario, guest) = text.split_once("\n---\n").expect("a line `---`");
    let first = scenario.lines().count() + 2;
    let sections = script::read(guest.lines(), first);
    let mut version = AbiVersion::V0_2_1;
    let file = |name: &str| fs::read_to_string(folder().join(name)).unwrap();
    let mut bootstrap = file(BOOTSTRAP);
    let mut lines = Vec::new();
    for line in scenario.lines() {
        if let Some(wanted) = line.strip_prefix("abi: ") {
            version = *AbiVersion::ALL.iter().find(|v| v.to_string() == wanted).expect("a version");
        } else if let Some(own) = line.strip_prefix("bootstrap: ") {
            bootstrap = file(own);
        } else if let Some(fields) = line.strip_prefix("plugin: ") {
            let fields = fields.split("; ").collect::<Vec<_>>().join("\n                ");
            bootstrap = bootstrap.replace("failure_policy: FAIL_CLOSED", &fields);
        } else {
            lines.push(line);
        }
    }
    let place = BENCH.folder().unwrap();
    let module = place.path().join("guest.wasm");
    fs::write(&module, wat::module(&sections, version)).unwrap();
    let bootstrap = bootstrap.replace("GUEST", module.to_str().unwrap());
    fs::write(place.path().join("envoy.yaml"), bootstrap).unwrap();
    let file = place.path().join(name).with_extension("yaml");
    let scenario = lines.join("\n");
    fs::write(&file, format!("{scenario}\nenvoy: envoy.yaml\nsilence: {{{}}}\n", silence()))
        .unwrap();
    let hosts = match BENCH.without().leaves_out(Part::Envoy) {
        true => Choice::Sim,
        false if std::env::var_os("PROBE_ENVOY").is_some() => Choice::Envoy,
        false => Choice::Both,
    };
    let verdict = run(&file, &Options { hosts, ..Options::default() }, &BENCH);
    let mut wrong = String::new();
    for problem in verdict.error.iter() {
        writeln!(wrong, "{problem}").unwrap();
    }
    for difference in &verdict.differences {
        writeln!(wrong, "{difference}").unwrap();
    }
    for run in &verdict.runs {
        for failure in &run.failures {
            writeln!(wrong, "{}: {failure}", run.host).unwrap();
        }
        for statement in sections.iter().flat_map(|section| &section.statements) {
            let Some(expected) = &statement.expected else { continue };
            let key = format!("L{}: ", statement.line);
            let mut answers: Vec<&str> =
                run.logs.iter().filter_map(|line| line.text.strip_prefix(&key)).collect();
            answers.dedup();
            let answers = if answers.is_empty() { "never".to_owned() } else { answers.join(" | ") };
            if answers != *expected {
                let line = text.lines().nth(statement.line - 1).unwrap_or_default().trim();
                let call = line.rsplit_once(" = ").map_or(line, |(call, _)| call);
                writeln!(wrong, "{}: {name}:{}: {call} = {answers}", run.host, statement.line)
                    .unwrap();
            }
        }
        if std::env::var_os("PROBE_TRACE").is_some() {
            for line in &run.trace {
                writeln!(wrong, "    {line}").unwrap();
            }
        }
    }
    wrong
}

/// Every probe, one after another: each has an Envoy of its own.
#[test]
fn what_a_guest_is_answered_is_what_envoy_answers() {
    let only = std::env::var("PROBE").ok();
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".probe"))
        .filter(|name| only.as_ref().is_none_or(|only| name.starts_with(only)))
        .collect();
    names.sort();
    assert!(!names.is_empty());
    let wrong: Vec<String> = names
        .iter()
        .map(|name| (name, wrong(name)))
        .filter(|(_, wrong)| !wrong.is_empty())
        .map(|(name, wrong)| format!("{name}:\n{wrong}"))
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
