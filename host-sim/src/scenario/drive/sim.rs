//! Plays a scenario in the simulator.

use std::path::Path;

use super::configure;
use crate::model::EnvoyVersion;
use crate::scenario::Scenario;
use crate::scenario::observation::Observation;
use crate::scenario::workbench::Workbench;

pub(in crate::scenario) fn sim(
    scenario: &Scenario,
    module: &Path,
    version: EnvoyVersion,
    bench: &Workbench,
) -> Result<Observation, String> {
    let _ = (configure::tree(scenario, module, None)?, version, bench.compiled());
    Err("the simulator cannot be started yet".to_owned())
}
