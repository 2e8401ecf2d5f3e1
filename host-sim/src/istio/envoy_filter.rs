//! `EnvoyFilter`: merges into the HTTP connection manager, the one use that our manifests make.

use super::resource::{CURE, Resource};
use crate::yaml::{Error, Node, Reader, Value};

/// The network filter that may be merged into.
const MANAGER: &str = "envoy.filters.network.http_connection_manager";

/// What is to be merged, in order.
pub(super) fn read(resource: &Resource<'_>) -> Result<Vec<Node>, Error> {
    let mut spec = resource.spec.object()?;
    for selection in ["workloadSelector", "targetRefs", "priority"] {
        spec.optional(selection);
    }
    let mut merges = Vec::new();
    for patch in spec.items("configPatches")? {
        merges.push(config_patch(&patch)?);
    }
    spec.finish()?;
    Ok(merges)
}

fn config_patch(reader: &Reader<'_>) -> Result<Node, Error> {
    let mut config = reader.object()?;
    let apply_to = config.required("applyTo")?;
    if apply_to.string()? != "NETWORK_FILTER" {
        let found = format!("`{}`", apply_to.string()?);
        return Err(apply_to.not_modelled(&found, "NETWORK_FILTER", CURE));
    }
    manager_only(&config.required("match")?)?;
    let patch = config.required("patch")?;
    config.finish()?;
    let mut patch = patch.object()?;
    let operation = patch.required("operation")?;
    if operation.string()? != "MERGE" {
        let found = format!("`{}`", operation.string()?);
        return Err(operation.not_modelled(&found, "MERGE", CURE));
    }
    let value = patch.required("value")?.node().clone();
    patch.finish()?;
    Ok(value)
}

/// `{context: GATEWAY, listener: {filterChain: {filter: {name: …}}}}`
fn manager_only(reader: &Reader<'_>) -> Result<(), Error> {
    let mut matching = reader.object()?;
    if let Some(context) = matching.optional("context") {
        context.choice(&[("ANY", ()), ("GATEWAY", ())])?;
    }
    let mut place = matching.required("listener")?.object()?;
    matching.finish()?;
    for level in ["filterChain", "filter"] {
        let inner = place.required(level)?.object()?;
        std::mem::replace(&mut place, inner).finish()?;
    }
    place.required("name")?.choice(&[(MANAGER, ())])?;
    place.finish()
}

/// Merges as protobuf does: messages field by field, lists appended, everything else replaced.
pub(super) fn merge(target: &mut Node, patch: &Node) {
    match (&mut target.value, &patch.value) {
        (Value::List(items), Value::List(more)) => items.extend(more.iter().cloned()),
        (Value::Map(_), Value::Map(fields)) => {
            for field in fields {
                match target.get_mut(&field.key) {
                    Some(own) => merge(own, &field.value),
                    None => target.set(&field.key, field.value.clone()),
                }
            }
        }
        _ => *target = patch.clone(),
    }
}
