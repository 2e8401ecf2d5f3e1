//! Random chains of tracing guests: some hundred in the simulator alone, and so many on a real Envoy as a
//! test suite has time for. `host-sim fuzz` plays as many as are asked for.

use host_sim::fuzz::{Hunt, Report};
use host_sim::model::EnvoyVersion;
use host_sim::parts::{Part, Without};
use host_sim::scenario::workbench::Workbench;

/// Other cases than those that `host-sim fuzz` plays by default.
const SEED: u64 = 2_026;

fn hunt(cases: u64, envoy: bool, version: EnvoyVersion, bench: &Workbench) -> Report {
    let hunt =
        Hunt { cases, replaced: true, first: 0, seed: SEED, envoy, version, made_smaller: 1 };
    let report = hunt.run(bench, |_| {}).unwrap_or_else(|error| panic!("seed {SEED}: {error}"));
    assert_eq!(report.counted, cases);
    report
}

fn bench() -> Workbench {
    let without = Without::from_env().unwrap_or_else(|error| panic!("{error}"));
    Workbench::here(without).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn random_chains_come_to_an_end_in_the_simulator() {
    let report = hunt(300, false, EnvoyVersion::default(), &bench());
    assert!(report.drawn < 800, "most cases prove nothing: {report}");
}

#[test]
fn random_chains_do_the_same_on_envoy() {
    equal(150, EnvoyVersion::default());
}

#[test]
fn random_chains_do_the_same_on_older_envoys() {
    // 1.36 is compared by scenarios: what the chain of an attempt does there still differs in places.
    for version in [EnvoyVersion::V1_37, EnvoyVersion::V1_39] {
        equal(80, version);
    }
}

fn equal(cases: u64, version: EnvoyVersion) {
    let bench = bench();
    if bench.without().leaves_out(Part::Envoy) {
        return;
    }
    let report = hunt(cases, true, version, &bench);
    let finding = report.findings.first();
    assert!(
        finding.is_none(),
        "{version:?}: {report}\n{}",
        finding.map_or_else(String::new, |f| format!(
            "case {}: {}\n{}\n{}",
            f.case,
            f.differences.join("\n"),
            f.repeat,
            f.scenario
        ))
    );
    assert_eq!(report.elsewhere, Vec::<String>::new());
}
