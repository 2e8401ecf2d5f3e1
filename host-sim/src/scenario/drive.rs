//! Gives a scenario to a host: configuration in, record out.

use std::path::Path;

use crate::model::EnvoyVersion;
use crate::scenario::Scenario;
use crate::scenario::observation::Observation;
use crate::scenario::workbench::Workbench;

/// Plays a scenario in the simulator.
pub(super) fn sim(
    scenario: &Scenario,
    module: &Path,
    version: EnvoyVersion,
    bench: &Workbench,
) -> Result<Observation, String> {
    let _ = (scenario, module, version, bench.compiled());
    Err("the simulator cannot be started yet".to_owned())
}

/// Plays a scenario on a real Envoy.
pub(super) fn envoy(
    scenario: &Scenario,
    module: &Path,
    version: EnvoyVersion,
    bench: &Workbench,
) -> Result<Observation, String> {
    let _ = (scenario, module, bench.envoy(version)?);
    Err("Envoy cannot be driven yet".to_owned())
}
