//! What a route does: forward, answer, redirect.

use std::{sync::Arc, time::Duration};

use super::{
    super::{connection_manager::timeout, header_edit::HeaderEdits, message::Message},
    HashPolicy, MirrorPolicy, RetryPolicy, hash_policy, mirror, request_edits, response_edits,
    retry,
};
use crate::yaml::{Error, Reader};

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Action {
    /// `route`: to a cluster.
    Forward(Box<Forward>),
    /// `direct_response`
    Direct(DirectResponse),
    /// `redirect`
    Redirect(Redirect),
}

/// `RouteAction`
#[derive(Debug, Clone)]
pub struct Forward {
    /// To which cluster.
    pub cluster: ClusterSpecifier,
    /// The status where there is no such cluster.
    pub cluster_not_found_status: u16,
    /// `timeout` of the whole answer, 15 seconds by default; `None` when switched off by `0s`.
    pub timeout: Option<Duration>,
    /// `idle_timeout` in the place of the connection manager's; the inner `None` switches it off.
    pub idle_timeout: Option<Option<Duration>>,
    /// Upgrades that this route treats otherwise than the connection manager.
    pub upgrades: Vec<RouteUpgrade>,
    /// In the place of the virtual host's.
    pub retry_policy: Option<Arc<RetryPolicy>>,
    /// What keeps a request at the same endpoint, in order.
    pub hash_policy: Vec<HashPolicy>,
    /// Where copies of requests go.
    pub mirrors: Vec<MirrorPolicy>,
}

/// To which cluster.
#[derive(Debug, Clone)]
pub enum ClusterSpecifier {
    /// Always this one.
    Name(String),
    /// The one that a request header names; the header in lower case.
    Header(String),
    /// One of several, by weight.
    Weighted(WeightedClusters),
}

/// `WeightedCluster`
#[derive(Debug, Clone)]
pub struct WeightedClusters {
    /// In order; the weights add up to `total`, which is above 0.
    pub clusters: Vec<WeightedCluster>,
    /// The sum of the weights.
    pub total: u64,
    /// A request header whose number takes the place of the draw; lower case.
    pub header_name: Option<String>,
}

/// `ClusterWeight`
#[derive(Debug, Clone)]
pub struct WeightedCluster {
    /// The cluster.
    pub name: String,
    /// Its share of the total.
    pub weight: u32,
    /// Edits of its requests, besides the route's.
    pub request_headers: HeaderEdits,
    /// Edits of its responses, besides the route's.
    pub response_headers: HeaderEdits,
}

/// `RouteAction.UpgradeConfig`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteUpgrade {
    /// The protocol, lower case.
    pub protocol: String,
    /// Let through or not.
    pub enabled: bool,
}

/// `DirectResponseAction`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectResponse {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// `RedirectAction`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// The scheme becomes this.
    pub scheme: Option<String>,
    /// The host becomes this.
    pub host: Option<String>,
    /// The port becomes this.
    pub port: Option<u16>,
    /// The path becomes this.
    pub path: Option<String>,
    /// The matched prefix becomes this.
    pub prefix: Option<String>,
    /// The query is left out.
    pub strip_query: bool,
}

impl Action {
    /// The clusters that are named in the table itself.
    pub fn cluster_names(&self) -> Vec<&str> {
        match self {
            Self::Forward(forward) => forward.cluster_names(),
            Self::Direct(_) | Self::Redirect(_) => vec![],
        }
    }
}

impl Forward {
    /// The clusters that it names itself.
    pub fn cluster_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = match &self.cluster {
            ClusterSpecifier::Name(name) => vec![name],
            ClusterSpecifier::Header(_) => vec![],
            ClusterSpecifier::Weighted(weighted) => {
                weighted.clusters.iter().map(|cluster| cluster.name.as_str()).collect()
            }
        };
        names.extend(self.mirrors.iter().map(|mirror| mirror.cluster.as_str()));
        names
    }
}

pub(super) fn read(route: &mut Message<'_>) -> Result<Action, Error> {
    let (field, reader) = route.exactly_one_of(&["route", "direct_response", "redirect"])?;
    match field {
        "route" => forward(&reader).map(Box::new).map(Action::Forward),
        "direct_response" => direct_response(&reader).map(Action::Direct),
        _ => redirect(&reader).map(Action::Redirect),
    }
}

/// Envoy's default for a route's timeout.
const TIMEOUT: Duration = Duration::from_secs(15);

fn forward(reader: &Reader<'_>) -> Result<Forward, Error> {
    let mut message = Message::read(reader, "envoy.config.route.v3.RouteAction")?;
    let m = &mut message;
    let (field, value) = m.exactly_one_of(&["cluster", "cluster_header", "weighted_clusters"])?;
    let cluster = match field {
        "cluster" => ClusterSpecifier::Name(value.name()?.to_owned()),
        "cluster_header" => ClusterSpecifier::Header(value.name()?.to_ascii_lowercase()),
        _ => ClusterSpecifier::Weighted(weighted(&value)?),
    };
    let statuses =
        [("SERVICE_UNAVAILABLE", 503), ("NOT_FOUND", 404), ("INTERNAL_SERVER_ERROR", 500)];
    let forward = Forward {
        cluster,
        cluster_not_found_status: m
            .or("cluster_not_found_response_code", 503, |reader| reader.choice(&statuses))?,
        timeout: m.or("timeout", Some(TIMEOUT), timeout)?,
        idle_timeout: m.maybe("idle_timeout", timeout)?,
        upgrades: m.each("upgrade_configs", upgrade)?,
        retry_policy: m.maybe("retry_policy", retry::read)?,
        hash_policy: m.each("hash_policy", hash_policy::read)?,
        mirrors: m.each("request_mirror_policies", mirror::read)?,
    };
    message.finish()?;
    Ok(forward)
}

fn weighted(reader: &Reader<'_>) -> Result<WeightedClusters, Error> {
    let mut message = Message::read(reader, "envoy.config.route.v3.WeightedCluster")?;
    let clusters = message.each("clusters", |reader| {
        let mut message =
            Message::read(reader, "envoy.config.route.v3.WeightedCluster.ClusterWeight")?;
        let m = &mut message;
        let cluster = WeightedCluster {
            name: m.required("name")?.name()?.to_owned(),
            weight: m.or("weight", 0, Reader::integer)?,
            request_headers: request_edits(m)?,
            response_headers: response_edits(m)?,
        };
        message.finish()?;
        Ok(cluster)
    })?;
    let total: u64 = clusters.iter().map(|cluster| u64::from(cluster.weight)).sum();
    if total == 0 {
        return Err(reader.invalid("weights that add up to 0", "a sum above 0", "raise one"));
    }
    if let Some(given) = message.optional("total_weight")
        && given.integer::<u64>()? != total
    {
        let allowed = format!("the sum of the weights, {total}");
        return Err(given.invalid(&given.node().describe(), &allowed, "remove the field"));
    }
    let header_name =
        message.maybe("header_name", |name| Ok(name.string()?.to_ascii_lowercase()))?;
    message.finish()?;
    Ok(WeightedClusters { clusters, total, header_name })
}

fn upgrade(reader: &Reader<'_>) -> Result<RouteUpgrade, Error> {
    let mut message = Message::read(reader, "envoy.config.route.v3.RouteAction.UpgradeConfig")?;
    let upgrade = RouteUpgrade {
        protocol: message.required("upgrade_type")?.name()?.to_ascii_lowercase(),
        enabled: message.or("enabled", true, Reader::boolean)?,
    };
    message.finish()?;
    Ok(upgrade)
}

fn direct_response(reader: &Reader<'_>) -> Result<DirectResponse, Error> {
    let mut message = Message::read(reader, "envoy.config.route.v3.DirectResponseAction")?;
    let status = message.required("status")?;
    let code: u16 = status.integer()?;
    if !(200..600).contains(&code) {
        return Err(status.expected("a status from 200 to 599"));
    }
    let body = message.or("body", String::new(), |body| {
        let mut body = Message::read(body, "envoy.config.core.v3.DataSource")?;
        let text = body.required("inline_string")?.string()?.to_owned();
        body.finish()?;
        Ok(text)
    })?;
    message.finish()?;
    Ok(DirectResponse { status: code, body })
}

fn redirect(reader: &Reader<'_>) -> Result<Redirect, Error> {
    let statuses = [
        ("MOVED_PERMANENTLY", 301),
        ("FOUND", 302),
        ("SEE_OTHER", 303),
        ("TEMPORARY_REDIRECT", 307),
        ("PERMANENT_REDIRECT", 308),
    ];
    let mut message = Message::read(reader, "envoy.config.route.v3.RedirectAction")?;
    let m = &mut message;
    let text = |reader: &Reader<'_>| reader.string().map(str::to_owned);
    let scheme = match m.one_of(&["https_redirect", "scheme_redirect"])? {
        Some(("https_redirect", value)) => value.boolean()?.then(|| "https".to_owned()),
        Some((_, value)) => Some(text(&value)?),
        None => None,
    };
    let (path, prefix) = match m.one_of(&["path_redirect", "prefix_rewrite"])? {
        Some(("path_redirect", value)) => (Some(text(&value)?), None),
        Some((_, value)) => (None, Some(text(&value)?)),
        None => (None, None),
    };
    let redirect = Redirect {
        status: m.or("response_code", 301, |reader| reader.choice(&statuses))?,
        scheme,
        host: m.maybe("host_redirect", text)?,
        port: m.maybe("port_redirect", Reader::integer)?,
        path,
        prefix,
        strip_query: m.or("strip_query", false, Reader::boolean)?,
    };
    message.finish()?;
    Ok(redirect)
}
