//! Who the client is, and whether it is one of ours: `x-forwarded-for` and what depends on it.

use std::net::{IpAddr, SocketAddr};

use crate::model::{config::Manager, headers::HeaderMap};

/// What is known of where a request comes from.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    /// From an address that the configuration calls internal.
    pub(crate) internal: bool,
    /// From outside, and this proxy is the first of ours that it meets.
    pub(crate) edge: bool,
}

/// Reads and writes the forwarding headers.
pub(crate) fn origin(
    headers: &mut HeaderMap,
    manager: &Manager,
    peer: SocketAddr,
    own: IpAddr,
) -> Origin {
    let settings = &manager.settings;
    let forwarded = headers.text("x-forwarded-for").map(str::to_owned);
    let hops = settings.xff_num_trusted_hops as usize;
    let (found, single) = if settings.use_remote_address {
        let single = forwarded.is_none();
        let trusted = hops.checked_sub(1).and_then(|skip| from_end(forwarded.as_deref(), skip));
        let added = if peer.ip().is_loopback() { own } else { peer.ip() };
        let list = forwarded.map_or_else(|| added.to_string(), |list| format!("{list},{added}"));
        headers.set("x-forwarded-for", list);
        (Some(trusted.map_or(peer, |ip| SocketAddr::new(ip, 0))), single)
    } else {
        let ip = from_end(forwarded.as_deref(), hops);
        let single = forwarded.as_deref().is_some_and(|list| !list.contains(','));
        (ip.map(|ip| SocketAddr::new(ip, 0)), single)
    };
    if settings.use_remote_address && hops == 0 || !headers.contains(b"x-forwarded-proto") {
        headers.set("x-forwarded-proto", "http");
    }
    let inside = |address: SocketAddr| {
        settings.internal_addresses.networks.iter().any(|net| net.contains(address.ip()))
    };
    let internal = single && found.is_some_and(inside);
    Origin {
        address: found.unwrap_or(peer),
        internal,
        edge: !internal && settings.use_remote_address,
    }
}

/// The address `skip` places before the last one.
fn from_end(list: Option<&str>, skip: usize) -> Option<IpAddr> {
    list?.rsplit(',').nth(skip)?.trim().parse().ok()
}
