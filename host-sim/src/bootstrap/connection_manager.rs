//! The HTTP connection manager.

use std::{net::IpAddr, time::Duration};

use super::{
    access_log::{self, AccessLog},
    http_filter::{self, HttpFilter},
    http_options::{self, Http1Options, Http2Options},
    message::{CURE, Message},
    route::{self, RouteConfiguration},
    tracing,
};
use crate::yaml::{Error, Reader};

/// `HttpConnectionManager`
#[derive(Debug, Clone)]
pub struct ConnectionManager {
    /// The prefix of its statistics.
    pub stat_prefix: String,
    /// The filters in order; the router is last.
    pub http_filters: Vec<HttpFilter>,
    /// The route table.
    pub route_config: RouteConfiguration,
    /// One line for each finished stream and each log.
    pub access_log: Vec<AccessLog>,
    /// `stream_idle_timeout`, 5 minutes by default; `None` when switched off by `0s`.
    pub stream_idle_timeout: Option<Duration>,
    /// `request_timeout`: until the request has arrived whole; off by default.
    pub request_timeout: Option<Duration>,
    /// The client's address is the connection's, and `x-forwarded-for` is written.
    pub use_remote_address: bool,
    /// How many trusted proxies stand in front.
    pub xff_num_trusted_hops: u32,
    /// `x-request-id` is made where it is missing (and from outside replaced); on by default.
    pub generate_request_id: bool,
    /// An outside client's `x-request-id` is kept.
    pub preserve_external_request_id: bool,
    /// `x-request-id` is put into every response.
    pub always_set_request_id_in_response: bool,
    /// HTTP/1 settings.
    pub http1: Http1Options,
    /// HTTP/2 settings.
    pub http2: Http2Options,
    /// Which `Upgrade:` protocols are let through.
    pub upgrades: Vec<Upgrade>,
    /// Whose requests count as internal.
    pub internal_addresses: InternalAddresses,
    /// The listener's own port is taken off the host before routing.
    pub strip_matching_host_port: bool,
    /// Any port is taken off the host before routing.
    pub strip_any_host_port: bool,
    /// A trailing dot is taken off the host before routing.
    pub strip_trailing_host_dot: bool,
}

/// An upgrade and whether it is let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// The protocol, as `websocket`; compared without case.
    pub protocol: String,
    /// Let through or not.
    pub enabled: bool,
}

/// `internal_address_config`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InternalAddresses {
    /// Clients on unix sockets are internal.
    pub unix_sockets: bool,
    /// Networks whose clients are internal; none by default.
    pub networks: Vec<Cidr>,
}

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    /// Its address.
    pub prefix: IpAddr,
    /// How many leading bits count.
    pub length: u8,
}

impl Cidr {
    /// Whether the address is in the network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.prefix, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let shift = 32_u32.saturating_sub(self.length.into());
                shift == 32 || own.to_bits() >> shift == other.to_bits() >> shift
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let shift = 128_u32.saturating_sub(self.length.into());
                shift == 128 || own.to_bits() >> shift == other.to_bits() >> shift
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Envoy's default for `stream_idle_timeout`.
const STREAM_IDLE: Duration = Duration::from_secs(300);

pub(super) fn read(mut message: Message<'_>) -> Result<ConnectionManager, Error> {
    message.not_modelled(&["rds", "scoped_routes"], "`route_config`", CURE)?;
    // Clients speak HTTP/1 or HTTP/2 as they like.
    if let Some(codec) = message.optional("codec_type")
        && codec.string()? != "AUTO"
    {
        return Err(codec.not_modelled(&format!("`{}`", codec.string()?), "AUTO", CURE));
    }
    let m = &mut message;
    let flag = |m: &mut Message<'_>, field, default| m.or(field, default, Reader::boolean);
    let manager = ConnectionManager {
        stat_prefix: m.required("stat_prefix")?.name()?.to_owned(),
        http_filters: http_filter::read_chain(&m.required("http_filters")?)?,
        route_config: route::read(&m.required("route_config")?)?,
        access_log: m.each("access_log", access_log::read)?,
        stream_idle_timeout: m.or("stream_idle_timeout", Some(STREAM_IDLE), timeout)?,
        request_timeout: m.or("request_timeout", None, timeout)?,
        use_remote_address: flag(m, "use_remote_address", false)?,
        xff_num_trusted_hops: m.or("xff_num_trusted_hops", 0, Reader::integer)?,
        generate_request_id: flag(m, "generate_request_id", true)?,
        preserve_external_request_id: flag(m, "preserve_external_request_id", false)?,
        always_set_request_id_in_response: flag(m, "always_set_request_id_in_response", false)?,
        http1: m.or("http_protocol_options", Http1Options::default(), http_options::read_http1)?,
        http2: m.or("http2_protocol_options", Http2Options::default(), http_options::read_http2)?,
        upgrades: m.each("upgrade_configs", upgrade)?,
        internal_addresses: m.or("internal_address_config", Default::default(), internal)?,
        strip_matching_host_port: flag(m, "strip_matching_host_port", false)?,
        strip_any_host_port: flag(m, "strip_any_host_port", false)?,
        strip_trailing_host_dot: flag(m, "strip_trailing_host_dot", false)?,
    };
    message.maybe("tracing", tracing::read)?;
    message.finish()?;
    Ok(manager)
}

/// A timeout that `0s` switches off.
pub(super) fn timeout(reader: &Reader<'_>) -> Result<Option<Duration>, Error> {
    reader.seconds().map(|timeout| Some(timeout).filter(|timeout| !timeout.is_zero()))
}

fn upgrade(reader: &Reader<'_>) -> Result<Upgrade, Error> {
    const NAME: &str = "envoy.extensions.filters.network.http_connection_manager.v3.\
                        HttpConnectionManager.UpgradeConfig";
    let mut message = Message::read(reader, NAME)?;
    let upgrade = Upgrade {
        protocol: message.required("upgrade_type")?.name()?.to_ascii_lowercase(),
        enabled: message.or("enabled", true, Reader::boolean)?,
    };
    message.finish()?;
    Ok(upgrade)
}

fn internal(reader: &Reader<'_>) -> Result<InternalAddresses, Error> {
    const NAME: &str = "envoy.extensions.filters.network.http_connection_manager.v3.\
                        HttpConnectionManager.InternalAddressConfig";
    let mut message = Message::read(reader, NAME)?;
    let addresses = InternalAddresses {
        unix_sockets: message.or("unix_sockets", false, Reader::boolean)?,
        networks: message.each("cidr_ranges", cidr)?,
    };
    message.finish()?;
    Ok(addresses)
}

fn cidr(reader: &Reader<'_>) -> Result<Cidr, Error> {
    let mut message = Message::read(reader, "envoy.config.core.v3.CidrRange")?;
    let prefix = message.required("address_prefix")?;
    let cidr = Cidr {
        prefix: prefix.string()?.parse().map_err(|_| prefix.expected("an IP address"))?,
        length: message.or("prefix_len", 0, Reader::integer)?,
    };
    message.finish()?;
    Ok(cidr)
}

#[cfg(test)]
mod tests {
    use super::Cidr;

    #[test]
    fn a_network_contains_what_shares_its_leading_bits() {
        let contains = |prefix: &str, length, address: &str| {
            Cidr { prefix: prefix.parse().unwrap(), length }.contains(address.parse().unwrap())
        };
        assert!(contains("10.0.0.0", 8, "10.255.0.1"));
        assert!(!contains("10.0.0.0", 8, "11.0.0.1"));
        assert!(contains("0.0.0.0", 0, "127.0.0.1"));
        assert!(contains("127.0.0.1", 32, "127.0.0.1"));
        assert!(contains("::1", 128, "::1"));
        assert!(!contains("::", 0, "127.0.0.1"));
    }
}
