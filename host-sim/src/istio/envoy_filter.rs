//! `EnvoyFilter`: merges into the HTTP connection manager, its virtual hosts and its routes, and clusters of the
//! user's own. These are the uses that our manifests make.

use super::resource::{CURE, Resource};
use crate::yaml::{Error, Node, Reader, Value};

/// The network filter that may be merged into.
const MANAGER: &str = "envoy.filters.network.http_connection_manager";

/// What is to be changed.
pub(super) enum Patch {
    /// Fields of the connection manager's filter.
    Manager(Node),
    /// Fields of every virtual host.
    VirtualHost(Node),
    /// Fields of the routes of this name.
    Route(String, Node),
    /// A cluster besides the others.
    Cluster(Node),
}

/// What is to be changed, in order.
pub(super) fn read(resource: &Resource<'_>) -> Result<Vec<Patch>, Error> {
    let mut spec = resource.spec.object()?;
    for selection in ["workloadSelector", "targetRefs", "priority"] {
        spec.optional(selection);
    }
    let mut patches = Vec::new();
    for patch in spec.items("configPatches")? {
        patches.push(config_patch(&patch)?);
    }
    spec.finish()?;
    Ok(patches)
}

/// Where a patch applies, and how.
const PLACES: [(&str, &str); 4] = [
    ("NETWORK_FILTER", "MERGE"),
    ("VIRTUAL_HOST", "MERGE"),
    ("HTTP_ROUTE", "MERGE"),
    ("CLUSTER", "ADD"),
];

fn config_patch(reader: &Reader<'_>) -> Result<Patch, Error> {
    let mut config = reader.object()?;
    let apply_to = config.required("applyTo")?;
    let Some((place, wanted)) = PLACES.iter().find(|(place, _)| Ok(*place) == apply_to.string())
    else {
        let found = format!("`{}`", apply_to.string()?);
        let has = PLACES.map(|(place, _)| place).join(", ");
        return Err(apply_to.not_modelled(&found, &has, CURE));
    };
    let matching = config.optional("match");
    let patch = config.required("patch")?;
    config.finish()?;
    let mut patch = patch.object()?;
    let operation = patch.required("operation")?;
    if operation.string()? != *wanted {
        let found = format!("`{}`", operation.string()?);
        return Err(operation.not_modelled(&found, wanted, CURE));
    }
    let value = patch.required("value")?.node().clone();
    patch.finish()?;
    let matching = matching.ok_or_else(|| reader.invalid("no `match`", "one", "add it"))?;
    Ok(match *place {
        "NETWORK_FILTER" => {
            manager_only(&matching)?;
            Patch::Manager(value)
        }
        "HTTP_ROUTE" => Patch::Route(route_name(&matching)?, value),
        "VIRTUAL_HOST" => {
            context(&matching)?.finish()?;
            Patch::VirtualHost(value)
        }
        _ => {
            context(&matching)?.finish()?;
            Patch::Cluster(value)
        }
    })
}

/// `{context: GATEWAY}`, and what else there is.
fn context<'a>(reader: &Reader<'a>) -> Result<crate::yaml::Object<'a>, Error> {
    let mut matching = reader.object()?;
    if let Some(context) = matching.optional("context") {
        context.choice(&[("ANY", ()), ("GATEWAY", ())])?;
    }
    Ok(matching)
}

/// `{context: GATEWAY, listener: {filterChain: {filter: {name: …}}}}`
fn manager_only(reader: &Reader<'_>) -> Result<(), Error> {
    let mut matching = context(reader)?;
    let mut place = matching.required("listener")?.object()?;
    matching.finish()?;
    for level in ["filterChain", "filter"] {
        let inner = place.required(level)?.object()?;
        std::mem::replace(&mut place, inner).finish()?;
    }
    place.required("name")?.choice(&[(MANAGER, ())])?;
    place.finish()
}

/// `{context: GATEWAY, routeConfiguration: {vhost: {route: {name: …}}}}`
fn route_name(reader: &Reader<'_>) -> Result<String, Error> {
    let mut matching = context(reader)?;
    let mut place = matching.required("routeConfiguration")?.object()?;
    matching.finish()?;
    for level in ["vhost", "route"] {
        let inner = place.required(level)?.object()?;
        std::mem::replace(&mut place, inner).finish()?;
    }
    let name = place.required("name")?.name()?.to_owned();
    place.finish()?;
    Ok(name)
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
