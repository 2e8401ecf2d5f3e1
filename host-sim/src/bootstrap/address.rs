//! Socket addresses: IP and port. Nothing is resolved, so that a run needs no network.

use std::net::{IpAddr, SocketAddr};

use super::message::{CURE, Message};
use crate::yaml::{Error, Reader};

/// Reads an `Address`.
pub(super) fn read(reader: &Reader<'_>) -> Result<SocketAddr, Error> {
    let mut address = Message::read(reader, "envoy.config.core.v3.Address")?;
    let socket = address.required("socket_address")?;
    let mut socket = Message::read(&socket, "envoy.config.core.v3.SocketAddress")?;
    socket.maybe("protocol", |reader| reader.choice(&[("TCP", ())]))?;
    let ip = ip(&socket.required("address")?)?;
    let port = socket.required("port_value")?.integer()?;
    socket.finish()?;
    address.finish()?;
    Ok(SocketAddr::new(ip, port))
}

fn ip(reader: &Reader<'_>) -> Result<IpAddr, Error> {
    let text = reader.string()?;
    text.parse()
        .map_err(|_| reader.not_modelled(&format!("the name `{text}`"), "IP addresses", CURE))
}
