//! A listener: an address, one filter chain, one HTTP connection manager.

use std::net::SocketAddr;

use super::{
    address,
    connection_manager::{self, ConnectionManager},
    message::Message,
};
use crate::yaml::{Error, Reader};

/// A listener.
#[derive(Debug, Clone)]
pub struct Listener {
    /// `name`; Envoy makes one up when it is missing, here it is empty.
    pub name: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// `per_connection_buffer_limit_bytes`: where reading from a client stops.
    pub buffer_limit: u32,
    /// The HTTP connection manager.
    pub manager: ConnectionManager,
}

/// Envoy's default for the buffers of a connection.
pub(super) const BUFFER_LIMIT: u32 = 1024 * 1024;

const MANAGER: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";

pub(super) fn read(reader: &Reader<'_>) -> Result<Listener, Error> {
    let mut message = Message::read(reader, "envoy.config.listener.v3.Listener")?;
    let chains = message.required("filter_chains")?;
    let listener = Listener {
        name: message.or("name", String::new(), |reader| Ok(reader.string()?.to_owned()))?,
        address: address::read(&message.required("address")?)?,
        buffer_limit: message.or(
            "per_connection_buffer_limit_bytes",
            BUFFER_LIMIT,
            Reader::integer,
        )?,
        manager: chain(&only(&chains, "filter chain")?)?,
    };
    message.finish()?;
    Ok(listener)
}

fn chain(reader: &Reader<'_>) -> Result<ConnectionManager, Error> {
    let mut message = Message::read(reader, "envoy.config.listener.v3.FilterChain")?;
    message.maybe("name", |name| name.string().map(drop))?;
    let filter = only(&message.required("filters")?, "network filter")?;
    message.finish()?;
    let mut filter = Message::read(&filter, "envoy.config.listener.v3.Filter")?;
    filter.required("name")?.name()?;
    let config = Message::unpack(&filter.required("typed_config")?, &[MANAGER])?;
    filter.finish()?;
    connection_manager::read(config)
}

/// The single item of a list.
fn only<'a>(list: &Reader<'a>, noun: &str) -> Result<Reader<'a>, Error> {
    let mut items = list.list()?.into_iter();
    match (items.next(), items.next()) {
        (Some(item), None) => Ok(item),
        (None, _) => Err(list.invalid("an empty list", &format!("one {noun}"), "add it")),
        (Some(_), Some(second)) => {
            let cure = "remove it, or use a real Envoy";
            Err(second.not_modelled(&format!("a second {noun}"), &format!("one {noun}"), cure))
        }
    }
}
