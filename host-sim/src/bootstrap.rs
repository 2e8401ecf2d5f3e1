//! The Envoy bootstrap file, typed: the subset that the model plays.
//!
//! One file configures both hosts. Names and defaults are Envoy's, so a reader who knows Envoy's
//! reference knows this one; each file below is one of its messages.
//!
//! # Refusing
//! Whatever the model does not play is refused by name, with line and column: a simulator that
//! skips a timeout or a retry policy without a word proves nothing. What is *read* here has to be
//! honoured by the model; a field that the model cannot honour does not belong here.
//!
//! # Limits
//! Static resources only; one filter chain with one HTTP connection manager per listener; one
//! document per file.

use std::{collections::BTreeSet, net::SocketAddr, path::Path, time::Duration};

mod access_log;
mod address;
mod any;
mod circuit_breakers;
mod cluster;
mod connection_manager;
mod credential;
mod fields;
mod format;
mod header_edit;
mod http_filter;
mod http_options;
mod listener;
mod load_balancing;
mod merge;
mod message;
mod node;
mod outlier_detection;
mod plugin;
mod rewrite;
pub mod route;
mod runtime;
mod stand_in;
mod stats;
mod struct_value;
mod tracing;

#[cfg(test)]
mod tests;

pub use access_log::{AccessLog, Sink};
pub use circuit_breakers::{RetryBudget, Thresholds};
pub use cluster::{Cluster, Endpoint, UpstreamProtocol};
pub use connection_manager::{Cidr, ConnectionManager, InternalAddresses, Upgrade};
pub(crate) use credential::read_secret;
pub use credential::{CredentialInjector, Predicate, Secret, SecretSource, SecretText};
pub use format::{Format, Piece};
pub use header_edit::{AppendAction, HeaderAdd, HeaderEdits};
pub use http_filter::{FilterKind, HttpFilter, Router, UpstreamFilter};
pub use http_options::{Http1Options, Http2Options};
pub use listener::Listener;
pub use load_balancing::{Balancing, LoadBalancing};
pub use merge::merge_patch;
pub use node::NodeInfo;
pub use outlier_detection::{Enough, OutlierDetection};
pub use plugin::{Backoff, Code, FailurePolicy, Plugin, Vm};
pub use rewrite::Rewrite;
pub use stand_in::stand_in_for_secrets;
pub use stats::{BucketRule, DEFAULT_BUCKETS, StatName, StatsTag, TagRule, buckets_of, lift_tags};

use self::{message::Message, stats::Stats};
use crate::yaml::{Error, MergeKeys, Node, Problem, Reader, read_file_as};

/// A bootstrap file.
#[derive(Debug, Clone)]
pub struct Bootstrap {
    /// Who the proxy says it is; plugins can ask.
    pub node: NodeInfo,
    /// Where the admin interface listens.
    pub admin: Option<SocketAddr>,
    /// In the order of the file.
    pub listeners: Vec<Listener>,
    /// In the order of the file; names are unique.
    pub clusters: Vec<Cluster>,
    /// `static_resources.secrets`; names are unique.
    pub secrets: Vec<Secret>,
    /// What lifts labels out of metric names, in order.
    pub stats_tags: Vec<StatsTag>,
    /// Which buckets a scrape of a histogram has, in order.
    pub histogram_buckets: Vec<BucketRule>,
    /// How often counters are flushed; some plugins' metrics show only then.
    pub stats_flush_interval: Duration,
}

impl Bootstrap {
    /// Reads a file.
    ///
    /// # Errors
    /// The place of the first mistake, or of the first thing that is not modelled.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::from_node(&load_tree(path)?)
    }

    /// Reads the tree of a file.
    ///
    /// # Errors
    /// The place of the first mistake, or of the first thing that is not modelled.
    pub fn from_node(root: &Node) -> Result<Self, Error> {
        let reader = root.reader();
        let mut message = Message::read(&reader, "envoy.config.bootstrap.v3.Bootstrap")?;
        let resources = message.required("static_resources")?;
        let mut resources =
            Message::read(&resources, "envoy.config.bootstrap.v3.Bootstrap.StaticResources")?;
        let clusters = resources.each("clusters", cluster::read)?;
        let listeners = resources.each("listeners", listener::read)?;
        let secrets = resources.each("secrets", read_secret)?;
        resources.finish()?;
        let stats = message.or("stats_config", Stats::default(), stats::read)?;
        let bootstrap = Self {
            node: message.or("node", NodeInfo::default(), node::read)?,
            admin: message.maybe("admin", admin)?.flatten(),
            listeners,
            clusters,
            secrets,
            stats_tags: stats.tags,
            histogram_buckets: stats.buckets,
            stats_flush_interval: message.or(
                "stats_flush_interval",
                Duration::from_secs(5),
                Reader::seconds,
            )?,
        };
        message.maybe("layered_runtime", runtime::read)?;
        message.finish()?;
        bootstrap.check_names(&reader)?;
        Ok(bootstrap)
    }

    /// A cluster by its name.
    #[must_use]
    pub fn cluster(&self, name: &str) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.name == name)
    }

    /// Names have to be unique, and routes have to name clusters that exist, as Envoy demands.
    fn check_names(&self, root: &Reader<'_>) -> Result<(), Error> {
        let mut names = BTreeSet::new();
        for cluster in &self.clusters {
            if !names.insert(cluster.name.as_str()) {
                return Err(second_cluster(root, &cluster.name));
            }
        }
        for cluster in &self.clusters {
            if let Some(name) = cluster.members.iter().find(|name| !names.contains(name.as_str())) {
                let found = format!("member `{name}` of cluster `{}`", cluster.name);
                let allowed: Vec<&str> = names.iter().copied().collect();
                let cure = "add the cluster, or name one of these";
                return Err(root.invalid(&found, &allowed.join(", "), cure));
            }
        }
        self.check_secrets(root)?;
        for listener in &self.listeners {
            for route in listener.manager.route_config.routes() {
                for name in route.action.cluster_names() {
                    if !names.contains(name) {
                        return Err(unknown_cluster(route, name, &names));
                    }
                }
            }
        }
        Ok(())
    }

    /// Envoy ends with a segmentation fault when a credential names a secret that is not there.
    fn check_secrets(&self, root: &Reader<'_>) -> Result<(), Error> {
        let names: Vec<&str> = self.secrets.iter().map(|secret| secret.name.as_str()).collect();
        for cluster in &self.clusters {
            for filter in &cluster.http_filters {
                let UpstreamFilter::Credential(injector) = filter else { continue };
                let SecretSource::Static(name) = &injector.secret else { continue };
                if !names.contains(&name.as_str()) {
                    let found = format!("secret `{name}` in a filter of `{}`", cluster.name);
                    let cure = "add it to `static_resources.secrets`";
                    return Err(root.invalid(&found, &names.join(", "), cure));
                }
            }
        }
        Ok(())
    }
}

/// The error for a name that two clusters have, at the second of them.
fn second_cluster(root: &Reader<'_>, name: &str) -> Error {
    let problem = Problem::Invalid {
        found: format!("two clusters named `{name}`"),
        allowed: "one cluster of a name".to_owned(),
        cure: "rename one".to_owned(),
    };
    let clusters = root.node().get("static_resources").and_then(|node| node.get("clusters"));
    let clusters = clusters.and_then(|node| node.reader().list().ok()).unwrap_or_default();
    let of_name = |reader: &Reader<'_>| {
        let own = reader.node().get("name").and_then(|own| own.reader().text().ok());
        own == Some(name)
    };
    let second = clusters.iter().enumerate().filter(|(_, reader)| of_name(reader)).nth(1);
    match second {
        Some((index, reader)) => {
            let place = reader.node().place.clone();
            Error::new(place, format!("static_resources.clusters[{index}].name"), problem)
        }
        None => root.error(problem),
    }
}

/// The one document of a bootstrap file.
///
/// # Errors
/// The file cannot be read, is not YAML, or holds no or several documents.
pub fn load_tree(path: &Path) -> Result<Node, Error> {
    let mut documents = read_file_as(path, MergeKeys::Refuse)?.into_iter();
    match (documents.next(), documents.next()) {
        (Some(document), None) => Ok(document),
        (None, _) => {
            let place =
                crate::yaml::Place { file: path.display().to_string().into(), line: 0, column: 0 };
            Err(Error::new(place, "", Problem::Missing { field: "static_resources".to_owned() }))
        }
        (Some(_), Some(second)) => Err(second.reader().invalid(
            "a second document",
            "one document in a bootstrap file",
            "remove one; a file of Istio resources has an `apiVersion` in its first document",
        )),
    }
}

fn admin(reader: &Reader<'_>) -> Result<Option<SocketAddr>, Error> {
    let mut message = Message::read(reader, "envoy.config.bootstrap.v3.Admin")?;
    let address = message.maybe("address", address::read)?;
    message.finish()?;
    Ok(address)
}

fn unknown_cluster(route: &route::Route, name: &str, names: &BTreeSet<&str>) -> Error {
    let allowed: Vec<&str> = names.iter().copied().collect();
    let problem = Problem::Invalid {
        found: format!("a route to cluster `{name}`"),
        allowed: allowed.join(", "),
        cure: "add the cluster, or name one of these".to_owned(),
    };
    Error::new(route.place.clone(), route.path.clone(), problem)
}
