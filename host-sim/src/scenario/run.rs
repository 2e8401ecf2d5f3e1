//! Runs one scenario on the hosts that were asked for, and says what came of it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::model::EnvoyVersion;
use crate::parts::Part;
use crate::scenario::drive::Modules;
use crate::scenario::observation::Observation;
use crate::scenario::plugin::Plugin;
use crate::scenario::verdict::{Run, Verdict};
use crate::scenario::workbench::{Module, Workbench};
use crate::scenario::{Control, Hosts, Scenario, Target, check, diff, drive, format};

/// Which hosts play the scenarios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// The simulator.
    #[default]
    Sim,
    /// A real Envoy.
    Envoy,
    /// Both, and their records are compared.
    Both,
}

impl Choice {
    /// The word on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sim => "sim",
            Self::Envoy => "envoy",
            Self::Both => "both",
        }
    }

    const fn includes_sim(self) -> bool {
        matches!(self, Self::Sim | Self::Both)
    }

    const fn includes_envoy(self) -> bool {
        matches!(self, Self::Envoy | Self::Both)
    }
}

/// How scenarios are run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// On which hosts.
    pub hosts: Choice,
    /// With a guest that does nothing in the place of the filters.
    pub control: bool,
    /// In place of the scenario's seed.
    pub seed: Option<u64>,
    /// In place of the scenario's number of workers.
    pub workers: Option<u32>,
    /// This version of Envoy, if the scenario is true of it, in place of those that it names.
    pub envoy: Option<EnvoyVersion>,
    /// The module for a scenario that names no configuration.
    pub plugin: Option<PathBuf>,
}

/// Runs the scenario in a file.
#[must_use]
pub fn run(path: &Path, options: &Options, bench: &Workbench) -> Verdict {
    let scenario = match format::read_with(path, options.plugin.as_deref()) {
        Ok(scenario) => scenario,
        Err(error) => return unreadable(path, options, &error),
    };
    let scenario = Scenario {
        seed: options.seed.unwrap_or(scenario.seed),
        workers: options.workers.unwrap_or(scenario.workers),
        // The guest that stands in for the filters is never made to fail.
        guest_faults: if options.control { Vec::new() } else { scenario.guest_faults },
        ..scenario
    };
    let mut verdict = Verdict {
        name: scenario.name.clone(),
        sentence: scenario.sentence.clone(),
        path: path.to_owned(),
        control: options.control.then_some(scenario.control),
        runs: Vec::new(),
        compared: false,
        differences: Vec::new(),
        left_out: None,
        only_sim: match &scenario.hosts {
            Hosts::Both | Hosts::Each { .. } => None,
            Hosts::Sim { because } => Some(because.clone()),
        },
        error: None,
        seed: scenario.seed,
        repeat: repeat(path, options, Some(&scenario)),
    };
    let envoys = envoys(&scenario, options, bench, &mut verdict);
    if let Err(error) = on_all_hosts(&scenario, options, bench, &envoys, &mut verdict) {
        verdict.error = Some(error);
    }
    verdict
}

/// The versions of Envoy that will play it; why not, if it was asked for and will not.
fn envoys(
    scenario: &Scenario,
    options: &Options,
    bench: &Workbench,
    verdict: &mut Verdict,
) -> Vec<EnvoyVersion> {
    if !options.hosts.includes_envoy() {
        return Vec::new();
    }
    if let Hosts::Sim { because } = &scenario.hosts {
        if options.hosts == Choice::Envoy {
            verdict.left_out = Some(format!("only for the simulator: {because}"));
        }
        return Vec::new();
    }
    if bench.without().leaves_out(Part::Envoy) {
        verdict.left_out = Some("Envoy, because LLM_MESH_WITHOUT names it".to_owned());
        return Vec::new();
    }
    match options.envoy {
        None => scenario.envoys.clone(),
        Some(only) if only >= scenario.since => vec![only],
        Some(_) => {
            let since = format::ENVOYS.iter().find(|(_, known)| *known == scenario.since);
            let since = since.map_or("", |(name, _)| name);
            verdict.left_out = Some(format!("the scenario is true since Envoy {since}"));
            Vec::new()
        }
    }
}

fn on_all_hosts(
    scenario: &Scenario,
    options: &Options,
    bench: &Workbench,
    envoys: &[EnvoyVersion],
    verdict: &mut Verdict,
) -> Result<(), String> {
    let modules = modules(scenario, options.control, bench)?;
    if options.hosts.includes_sim() && envoys.is_empty() {
        let wanted = options.envoy.filter(|version| *version >= scenario.since);
        let version = wanted.or(scenario.envoys.first().copied()).unwrap_or_default();
        sim(scenario, &modules, version, bench, verdict)?;
    }
    for version in envoys {
        let simulated = match options.hosts.includes_sim() {
            true => Some(sim(scenario, &modules, *version, bench, verdict)?),
            false => None,
        };
        let begun = Instant::now();
        let observation = drive::envoy(scenario, &modules, *version, bench)?;
        verdict.runs.push(judged(scenario, &observation, begun.elapsed()));
        // Without the filters the hosts need not agree: most such runs end in the middle.
        let comparable = !options.control && scenario.hosts == Hosts::Both;
        if let Some(simulated) = simulated.filter(|_| comparable) {
            verdict.compared = true;
            verdict.differences.extend(diff::diff(scenario, &simulated, &observation));
        }
    }
    Ok(())
}

/// The modules that the scenario's configuration loads, built if they are stale.
fn modules(scenario: &Scenario, control: bool, bench: &Workbench) -> Result<Modules, String> {
    let mut modules = Modules::new();
    if let Target::Plugin(Plugin { file: Some(file), .. }) = &scenario.target {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let module = if control { bench.module(Module::Control) } else { bench.plugin(file) };
        modules.insert(name, module?);
        return Ok(modules);
    }
    let filters = match scenario.features.as_slice() {
        [] => Module::Filters,
        features => Module::With(features.to_vec()),
    };
    let configuration = drive::source(scenario)?.to_json().map_err(|error| error.to_string())?;
    let configuration = configuration.to_string();
    for (file, module) in [("llm_mesh.wasm", filters), ("tracing_guest.wasm", Module::Tracing)] {
        if configuration.contains(file) {
            let module = if control { Module::Control } else { module };
            modules.insert(file.to_owned(), bench.module(module)?);
        }
    }
    Ok(modules)
}

/// Plays it in the simulator, as this version of Envoy would.
fn sim(
    scenario: &Scenario,
    modules: &Modules,
    version: EnvoyVersion,
    bench: &Workbench,
    verdict: &mut Verdict,
) -> Result<Observation, String> {
    let begun = Instant::now();
    let observation = drive::sim(scenario, modules, version, bench)?;
    verdict.runs.push(judged(scenario, &observation, begun.elapsed()));
    Ok(observation)
}

fn judged(scenario: &Scenario, observation: &Observation, took: Duration) -> Run {
    Run {
        host: observation.host.clone(),
        took,
        failures: check::check(scenario, observation),
        logs: observation.logs.clone(),
        trace: observation.trace.clone(),
    }
}

fn unreadable(path: &Path, options: &Options, error: &crate::yaml::Error) -> Verdict {
    Verdict {
        name: path.display().to_string(),
        sentence: "the file cannot be read as a scenario".to_owned(),
        path: path.to_owned(),
        control: options.control.then_some(Control::Fails),
        runs: Vec::new(),
        compared: false,
        differences: Vec::new(),
        left_out: None,
        only_sim: None,
        error: Some(error.to_string()),
        seed: options.seed.unwrap_or_default(),
        repeat: repeat(path, options, None),
    }
}

/// The command that does the same again: the seed is in it, also when it is the scenario's own.
fn repeat(path: &Path, options: &Options, scenario: Option<&Scenario>) -> String {
    let mut line = format!("cargo run --release -- run {}", path.display());
    line.push_str(&format!(" --host {}", options.hosts.word()));
    if options.control {
        line.push_str(" --control");
    }
    if let Some(plugin) = &options.plugin {
        line.push_str(&format!(" --plugin {}", plugin.display()));
    }
    if let Some(seed) = options.seed.or(scenario.map(|scenario| scenario.seed)) {
        line.push_str(&format!(" --seed {seed}"));
    }
    if let Some(workers) = options.workers {
        line.push_str(&format!(" --workers {workers}"));
    }
    if let Some(only) = options.envoy
        && let Some((name, _)) = format::ENVOYS.iter().find(|(_, known)| *known == only)
    {
        line.push_str(&format!(" --envoy {name}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_repeats_a_run_has_everything_that_decides_it() {
        let options = Options {
            hosts: Choice::Both,
            seed: Some(7),
            workers: Some(2),
            envoy: Some(EnvoyVersion::V1_36),
            plugin: Some(PathBuf::from("hello.wasm")),
            ..Options::default()
        };
        assert_eq!(
            repeat(Path::new("case.yaml"), &options, None),
            "cargo run --release -- run case.yaml --host both --plugin hello.wasm --seed 7 \
             --workers 2 --envoy 1.36"
        );
        let (scenario, _) = check::tests::one_step(crate::scenario::expect::Expect::default());
        assert_eq!(
            repeat(Path::new("case.yaml"), &Options::default(), Some(&scenario)),
            "cargo run --release -- run case.yaml --host sim --seed 1"
        );
    }
}
