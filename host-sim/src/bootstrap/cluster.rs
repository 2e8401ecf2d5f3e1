//! Clusters with fixed endpoints, and clusters that stand for others.

use std::{net::SocketAddr, num::NonZeroU32, time::Duration};

use super::{
    address,
    circuit_breakers::{self, Thresholds},
    http_filter::{self, UpstreamFilter},
    http_options,
    listener::BUFFER_LIMIT,
    load_balancing::{self, Balancing},
    message::{CURE, Message},
    outlier_detection::{self, OutlierDetection},
};
use crate::yaml::{Error, Reader};

/// A cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// `name`
    pub name: String,
    /// `connect_timeout`, 5 seconds by default.
    pub connect_timeout: Duration,
    /// `lb_policy` or `load_balancing_policy`
    pub balancing: Balancing,
    /// The members of an `envoy.clusters.composite`: the first attempt goes to the first of them.
    pub members: Vec<String>,
    /// In the order of the file.
    pub endpoints: Vec<Endpoint>,
    /// What is spoken upstream; the client's protocol does not matter.
    pub protocol: UpstreamProtocol,
    /// `HttpProtocolOptions.http_filters`: what each attempt passes on its way to the server.
    pub http_filters: Vec<UpstreamFilter>,
    /// `per_connection_buffer_limit_bytes`: where reading from a server stops.
    pub buffer_limit: u32,
    /// `common_http_protocol_options.max_requests_per_connection`, or the cluster's own field.
    pub requests_per_connection: Option<NonZeroU32>,
    /// `circuit_breakers`
    pub thresholds: Thresholds,
    /// `outlier_detection`
    pub outlier_detection: Option<OutlierDetection>,
    /// With fewer healthy endpoints, in percent, all are used; 50 by default.
    pub panic_threshold: f64,
}

/// An endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// `load_balancing_weight`, 1 by default.
    pub weight: u32,
}

/// What is spoken upstream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// HTTP/1.1, the default.
    #[default]
    Http1,
    /// HTTP/2 from the first byte.
    Http2,
}

pub(super) fn read(reader: &Reader<'_>) -> Result<Cluster, Error> {
    let mut message = Message::read(reader, "envoy.config.cluster.v3.Cluster")?;
    let m = &mut message;
    // Addresses are IPs in both, so that they come to the same here.
    m.maybe("type", |kind| kind.choice(&[("STATIC", ()), ("STRICT_DNS", ())]))?;
    m.maybe("dns_lookup_family", |family| {
        family.choice(&[("AUTO", ()), ("V4_ONLY", ()), ("V4_PREFERRED", ()), ("ALL", ())])
    })?;
    let by_name = m.or("lb_policy", Balancing::default(), load_balancing::read_name)?;
    let options =
        m.or("typed_extension_protocol_options", HttpOptions::default(), protocol_options)?;
    let most = m.maybe("max_requests_per_connection", requests_per_connection)?.flatten();
    let most = options.requests_per_connection.or(most);
    if most.is_some() && options.protocol == UpstreamProtocol::Http2 {
        let found = "a limit of requests on a connection of HTTP/2";
        return Err(reader.not_modelled(found, "one for HTTP/1", CURE));
    }
    let cluster = Cluster {
        name: m.required("name")?.name()?.to_owned(),
        connect_timeout: m.or("connect_timeout", Duration::from_secs(5), Reader::seconds)?,
        balancing: m.or("load_balancing_policy", by_name, load_balancing::read)?,
        members: m.or("cluster_type", Vec::new(), composite)?,
        endpoints: m.or("load_assignment", Vec::new(), load_assignment)?,
        protocol: options.protocol,
        http_filters: options.filters,
        requests_per_connection: most,
        buffer_limit: m.or("per_connection_buffer_limit_bytes", BUFFER_LIMIT, Reader::integer)?,
        thresholds: m.or("circuit_breakers", Thresholds::default(), circuit_breakers::read)?,
        outlier_detection: m.maybe("outlier_detection", outlier_detection::read)?,
        panic_threshold: m.or("common_lb_config", PANIC_THRESHOLD, common_lb_config)?,
    };
    message.finish()?;
    Ok(cluster)
}

/// Envoy's default for `healthy_panic_threshold`.
const PANIC_THRESHOLD: f64 = 50.0;

fn common_lb_config(reader: &Reader<'_>) -> Result<f64, Error> {
    let mut message = Message::read(reader, "envoy.config.cluster.v3.Cluster.CommonLbConfig")?;
    let percent = circuit_breakers::percent;
    let threshold = message.or("healthy_panic_threshold", PANIC_THRESHOLD, percent)?;
    message.finish()?;
    Ok(threshold)
}

const COMPOSITE: &str = "envoy.extensions.clusters.composite.v3.ClusterConfig";

fn composite(reader: &Reader<'_>) -> Result<Vec<String>, Error> {
    let mut message = Message::read(reader, "envoy.config.cluster.v3.Cluster.CustomClusterType")?;
    message.required("name")?.name()?;
    let mut config = Message::unpack(&message.required("typed_config")?, &[COMPOSITE])?;
    message.finish()?;
    let members = config.each("clusters", |reader| {
        let name = "envoy.extensions.clusters.composite.v3.ClusterConfig.ClusterEntry";
        let mut entry = Message::read(reader, name)?;
        let member = entry.required("name")?.name()?.to_owned();
        entry.finish()?;
        Ok(member)
    })?;
    config.finish()?;
    if members.is_empty() {
        return Err(reader.invalid("no member", "one or more", "add `clusters`"));
    }
    Ok(members)
}

fn load_assignment(reader: &Reader<'_>) -> Result<Vec<Endpoint>, Error> {
    let mut message = Message::read(reader, "envoy.config.endpoint.v3.ClusterLoadAssignment")?;
    message.required("cluster_name")?.name()?;
    let localities = message.each("endpoints", |reader| {
        let mut message = Message::read(reader, "envoy.config.endpoint.v3.LocalityLbEndpoints")?;
        let endpoints = message.each("lb_endpoints", endpoint)?;
        message.finish()?;
        Ok(endpoints)
    })?;
    message.finish()?;
    Ok(localities.concat())
}

fn endpoint(reader: &Reader<'_>) -> Result<Endpoint, Error> {
    let mut message = Message::read(reader, "envoy.config.endpoint.v3.LbEndpoint")?;
    let weight = message.or("load_balancing_weight", 1, Reader::integer)?;
    let endpoint = message.required("endpoint")?;
    message.finish()?;
    let mut endpoint = Message::read(&endpoint, "envoy.config.endpoint.v3.Endpoint")?;
    let address = address::read(&endpoint.required("address")?)?;
    endpoint.finish()?;
    Ok(Endpoint { address, weight })
}

/// The key under which Envoy looks for HTTP options; others are other protocols.
const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// What is read of `HttpProtocolOptions`.
#[derive(Default)]
struct HttpOptions {
    protocol: UpstreamProtocol,
    filters: Vec<UpstreamFilter>,
    requests_per_connection: Option<NonZeroU32>,
}

fn protocol_options(reader: &Reader<'_>) -> Result<HttpOptions, Error> {
    let mut read = HttpOptions::default();
    for (key, options) in reader.entries()? {
        if key != HTTP_OPTIONS {
            return Err(options.not_modelled(&format!("`{key}`"), HTTP_OPTIONS, CURE));
        }
        let mut options = Message::unpack(&options, &[HTTP_OPTIONS])?;
        read.protocol = explicit(&options.required("explicit_http_config")?)?;
        read.filters = options.or("http_filters", Vec::new(), http_filter::read_upstream_chain)?;
        read.requests_per_connection =
            options.maybe("common_http_protocol_options", common)?.flatten();
        options.finish()?;
    }
    Ok(read)
}

fn common(reader: &Reader<'_>) -> Result<Option<NonZeroU32>, Error> {
    let mut message = Message::read(reader, "envoy.config.core.v3.HttpProtocolOptions")?;
    let most = message.maybe("max_requests_per_connection", requests_per_connection)?;
    message.finish()?;
    Ok(most.flatten())
}

/// Zero is no limit.
fn requests_per_connection(reader: &Reader<'_>) -> Result<Option<NonZeroU32>, Error> {
    Ok(NonZeroU32::new(reader.integer()?))
}

fn explicit(reader: &Reader<'_>) -> Result<UpstreamProtocol, Error> {
    const NAME: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions.ExplicitHttpConfig";
    let mut message = Message::read(reader, NAME)?;
    let (field, options) =
        message.exactly_one_of(&["http_protocol_options", "http2_protocol_options"])?;
    let protocol = if field == "http_protocol_options" {
        http_options::read_http1(&options)?;
        UpstreamProtocol::Http1
    } else {
        http_options::read_http2(&options)?;
        UpstreamProtocol::Http2
    };
    message.finish()?;
    Ok(protocol)
}
