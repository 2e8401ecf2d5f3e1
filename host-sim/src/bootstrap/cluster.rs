//! Clusters with fixed endpoints.

use std::{net::SocketAddr, time::Duration};

use super::{
    address,
    circuit_breakers::{self, Thresholds},
    http_filter, http_options,
    listener::BUFFER_LIMIT,
    message::{CURE, Message},
    plugin::Plugin,
};
use crate::yaml::{Error, Reader};

/// A cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// `name`
    pub name: String,
    /// `connect_timeout`, 5 seconds by default.
    pub connect_timeout: Duration,
    /// `lb_policy`
    pub load_balancing: LoadBalancing,
    /// In the order of the file.
    pub endpoints: Vec<Endpoint>,
    /// What is spoken upstream; the client's protocol does not matter.
    pub protocol: UpstreamProtocol,
    /// `HttpProtocolOptions.http_filters`: what each attempt passes on its way to the server.
    pub http_filters: Vec<Plugin>,
    /// `per_connection_buffer_limit_bytes`: where reading from a server stops.
    pub buffer_limit: u32,
    /// `circuit_breakers`
    pub thresholds: Thresholds,
}

/// `lb_policy`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadBalancing {
    /// In turn, by weight. The default.
    RoundRobin,
    /// The one of two drawn that has fewer requests.
    LeastRequest,
    /// By chance.
    Random,
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
    let policies = [
        ("ROUND_ROBIN", LoadBalancing::RoundRobin),
        ("LEAST_REQUEST", LoadBalancing::LeastRequest),
        ("RANDOM", LoadBalancing::Random),
    ];
    let (protocol, http_filters) =
        m.or("typed_extension_protocol_options", Default::default(), protocol_options)?;
    let cluster = Cluster {
        name: m.required("name")?.name()?.to_owned(),
        connect_timeout: m.or("connect_timeout", Duration::from_secs(5), Reader::seconds)?,
        load_balancing: m
            .or("lb_policy", LoadBalancing::RoundRobin, |policy| policy.choice(&policies))?,
        endpoints: m.or("load_assignment", Vec::new(), load_assignment)?,
        protocol,
        http_filters,
        buffer_limit: m.or("per_connection_buffer_limit_bytes", BUFFER_LIMIT, Reader::integer)?,
        thresholds: m.or("circuit_breakers", Thresholds::default(), circuit_breakers::read)?,
    };
    message.finish()?;
    Ok(cluster)
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

fn protocol_options(reader: &Reader<'_>) -> Result<(UpstreamProtocol, Vec<Plugin>), Error> {
    let mut protocol = UpstreamProtocol::default();
    let mut filters = Vec::new();
    for (key, options) in reader.entries()? {
        if key != HTTP_OPTIONS {
            return Err(options.not_modelled(&format!("`{key}`"), HTTP_OPTIONS, CURE));
        }
        let mut options = Message::unpack(&options, &[HTTP_OPTIONS])?;
        protocol = explicit(&options.required("explicit_http_config")?)?;
        filters = options.or("http_filters", Vec::new(), http_filter::read_upstream_chain)?;
        options.finish()?;
    }
    Ok((protocol, filters))
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
