//! Gives plugins a new configuration while requests run.

use serde_json::Value;

use crate::bootstrap::merge_patch;
use crate::host::Host;
use crate::scenario::step::Update;

/// Applies the patch to every plugin with that root id; says whether all of them took it.
pub(super) fn apply(host: &mut Host, update: &Update) -> Result<bool, String> {
    let plugins = host.plugin_configurations(&update.plugin).map_err(|error| error.to_string())?;
    let mut taken = true;
    for old in plugins {
        let mut configuration: Value = serde_json::from_slice(&old.configuration)
            .map_err(|error| format!("the configuration of `{}`: {error}", update.plugin))?;
        merge_patch(&mut configuration, &update.patch);
        let new = configuration.to_string().into_bytes();
        taken &= host.reload_plugin(old.place, new.into()).is_ok();
    }
    Ok(taken)
}
