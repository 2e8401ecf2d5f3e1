//! Destinations and the names that Istio gives to their clusters.

use serde_json::Value as Json;

use super::{
    limits,
    resource::{CURE, Resource},
};
use crate::yaml::{Error, Reader};

/// A host, a port and perhaps a subset of the host's servers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Destination {
    host: String,
    port: u16,
    subset: String,
}

/// A subset that a `DestinationRule` declares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subset {
    pub(super) host: String,
    pub(super) name: String,
}

/// The port of a service when a route does not name one.
const DEFAULT_PORT: u16 = 80;

impl Destination {
    pub(super) fn read(reader: &Reader<'_>, namespace: &str) -> Result<Self, Error> {
        let mut destination = reader.object()?;
        let host = full_host(destination.required("host")?.string()?, namespace);
        let port = destination.optional("port").map_or(Ok(DEFAULT_PORT), |port| {
            let mut port = port.object()?;
            let number = port.required("number")?.integer()?;
            port.finish()?;
            Ok(number)
        })?;
        let subset = destination.optional("subset").map_or(Ok(""), |subset| subset.string())?;
        let subset = subset.to_owned();
        destination.finish()?;
        Ok(Self { host, port, subset })
    }

    /// The cluster's name.
    pub(super) fn cluster(&self) -> String {
        format!("outbound|{}|{}|{}", self.port, self.subset, self.host)
    }

    /// The service's port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The subset, if the destination names one.
    pub(super) fn subset(&self) -> Option<Subset> {
        let named = !self.subset.is_empty();
        named.then(|| Subset { host: self.host.clone(), name: self.subset.clone() })
    }
}

/// A short name belongs to the namespace of the resource that uses it.
fn full_host(host: &str, namespace: &str) -> String {
    if host.contains('.') {
        host.to_owned()
    } else {
        format!("{host}.{namespace}.svc.cluster.local")
    }
}

/// A `DestinationRule`.
pub(super) struct Rule {
    host: String,
    pub(super) subsets: Vec<Subset>,
    /// The fields of its clusters.
    policy: Json,
}

impl Rule {
    /// The fields of a cluster, if the rule is for its host.
    pub(super) fn policy_of(&self, destination: &Destination) -> Option<&Json> {
        (self.host == destination.host).then_some(&self.policy)
    }
}

pub(super) fn read_rule(resource: &Resource<'_>) -> Result<Rule, Error> {
    let mut spec = resource.spec.object()?;
    let policy = limits::read(spec.optional("trafficPolicy").as_ref())?;
    for ignored in ["exportTo", "workloadSelector"] {
        spec.optional(ignored);
    }
    let host = full_host(spec.required("host")?.string()?, &resource.namespace);
    let mut subsets = Vec::new();
    for subset in spec.items("subsets")? {
        let mut subset = subset.object()?;
        subset.not_modelled(&["trafficPolicy"], "`name` and `labels`", CURE)?;
        subset.optional("labels");
        let name = subset.required("name")?.string()?.to_owned();
        subset.finish()?;
        subsets.push(Subset { host: host.clone(), name });
    }
    spec.finish()?;
    Ok(Rule { host, subsets, policy })
}
