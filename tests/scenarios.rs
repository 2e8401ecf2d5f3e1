//! Every scenario, as a test for each pair of hosts that it names, and once with a guest that does
//! nothing in the place of the filters.
//!
//! The filters are built first, so that no test can pass with yesterday's module. A test that needs
//! an Envoy fails where there is none; `LLM_MESH_WITHOUT=envoy` leaves Envoy out, and the last line
//! says so.

use std::process::ExitCode;
use std::sync::Arc;

use host_sim::parts::{Part, Without};
use host_sim::scenario::format::{self, ENVOYS};
use host_sim::scenario::run::{Choice, Options, run};
use host_sim::scenario::verdict::Mark;
use host_sim::scenario::workbench::{Module, Workbench};
use host_sim::scenario::{Hosts, catalog};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
    let leaves_out_envoy = without.leaves_out(Part::Envoy);
    let bench = Arc::new(Workbench::here(without).unwrap_or_else(|error| panic!("{error}")));
    if !arguments.list {
        bench.module(Module::Filters).unwrap_or_else(|error| panic!("{error}"));
    }
    let folder = tests::workspace().join("tests/scenarios");
    let files = catalog::find(&[folder]).unwrap_or_else(|error| panic!("{error}"));
    let mut trials = Vec::new();
    let mut left_out = 0;
    for file in files {
        let trial = |name: String, options: Options| {
            let (file, bench) = (file.clone(), Arc::clone(&bench));
            Trial::test(name, move || {
                let verdict = run(&file, &options, &bench);
                match verdict.mark() {
                    Mark::Passed => Ok(()),
                    Mark::Failed | Mark::LeftOut => Err(Failed::from(verdict.lines().join("\n"))),
                }
            })
        };
        let scenario = match format::read(&file) {
            Ok(scenario) => scenario,
            Err(error) => {
                let name = file.display().to_string();
                trials.push(Trial::test(name, move || Err(Failed::from(error.to_string()))));
                continue;
            }
        };
        let name = &scenario.name;
        let control = Options { control: true, ..Options::default() };
        trials.push(trial(format!("{name} [control]"), control));
        let only_sim = matches!(scenario.hosts, Hosts::Sim { .. });
        if leaves_out_envoy || only_sim {
            left_out += if only_sim { 0 } else { scenario.envoys.len() };
            trials.push(trial(format!("{name} [sim]"), Options::default()));
            continue;
        }
        let relation = if scenario.hosts == Hosts::Both { "=" } else { "and" };
        for version in &scenario.envoys {
            let known = ENVOYS.iter().find(|(_, known)| known == version);
            let version_name = known.map_or("", |(name, _)| name);
            let options =
                Options { hosts: Choice::Both, envoy: Some(*version), ..Options::default() };
            trials.push(trial(format!("{name} [sim {relation} envoy {version_name}]"), options));
        }
    }
    for name in REPEATED {
        let bench = Arc::clone(&bench);
        let trial = move || same_trace_twice(name, &bench);
        trials.push(Trial::test(format!("{name} gives the same trace again"), trial));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if left_out > 0 {
        println!(
            "left out: {left_out} comparisons with Envoy, because LLM_MESH_WITHOUT names it\n"
        );
    }
    conclusion.exit_code()
}

/// One of each kind: streams at once, timers, a gate between two VMs, a reload, a trap, faults.
const REPEATED: [&str; 7] = [
    "token-router/gate_two_workers_under_load",
    "token-router/gate_600_kb_in_16_kib_frames",
    "token-router/gate_slow_client_is_routed_by_what_it_sent",
    "token-router/gate_reload_while_requests_wait",
    "token-router/trap_under_load",
    "plugins/trap_in_the_second_response",
    "plugins/worker_is_lost",
];
/// Of these, the one in which enough is left to chance that another seed shows.
const BY_CHANCE: &str = "token-router/gate_two_workers_under_load";

/// Byte for byte, with two workers.
fn same_trace_twice(name: &str, bench: &Workbench) -> Result<(), Failed> {
    let file = tests::workspace().join("tests/scenarios").join(name).with_extension("yaml");
    let trace = |seed: u64| {
        let options = Options { seed: Some(seed), workers: Some(2), ..Options::default() };
        let verdict = run(&file, &options, bench);
        let trace = verdict.runs.first().map(|run| run.trace.clone());
        trace.filter(|trace| trace.len() > 50).ok_or_else(|| verdict.lines().join("\n"))
    };
    let (first, second) = (trace(7)?, trace(7)?);
    if let Some(at) = first.iter().zip(&second).position(|(one, two)| one != two) {
        return Err(format!("line {at} differs: {:?}", [first.get(at), second.get(at)]).into());
    }
    if first.len() != second.len() {
        return Err(format!("{} lines, then {}", first.len(), second.len()).into());
    }
    if name == BY_CHANCE && first == trace(8)? {
        return Err("another seed gave the same trace: nothing depends on it".into());
    }
    Ok(())
}
