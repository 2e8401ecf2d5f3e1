//! The properties of where a stream comes from, where it goes, and what chose that.
//!
//! Connections of the model are plain TCP, and nothing in a bootstrap file that it reads has metadata:
//! what describes TLS is missing, and metadata are empty messages.

use std::net::SocketAddr;

use super::{Found, number};
use crate::model::{EnvoyVersion, stream::Stream, world::World};

impl World {
    pub(super) fn connection(&self, name: &[u8]) -> Option<Vec<u8>> {
        let stream = self.owner()?;
        match name {
            b"id" => Some(number(stream.id.0)),
            b"mtls" => Some(vec![0]),
            b"requested_server_name" => Some(Vec::new()),
            b"peer_certificate_valid" if self.envoy >= EnvoyVersion::V1_39 => Some(vec![0]),
            _ => None,
        }
    }

    pub(super) fn upstream(&mut self, name: &[u8]) -> Found {
        let Some(stream) = self.owner() else { return Found::Nothing };
        let upstream = &stream.info.upstream;
        match name {
            b"transport_failure_reason" => {
                let reason = upstream.failure.clone().unwrap_or_default();
                upstream.address.map(|_| reason.into_bytes()).into()
            }
            b"request_attempt_count" => Found::Value(number(upstream.attempts.into())),
            b"locality" => upstream.address.map(|_| Vec::new()).into(),
            b"num_endpoints" => self.endpoints(stream).map(number).into(),
            b"local_address" | b"cx_pool_ready_duration" if upstream.first_sent.is_some() => {
                let name = String::from_utf8_lossy(name);
                let what =
                    format!("property upstream.{name}: attempts have no socket of their own");
                self.refuse(&what);
                Found::Nothing
            }
            _ => upstream.address.and_then(|socket| part(socket, name)).into(),
        }
    }

    fn endpoints(&self, stream: &Stream) -> Option<u64> {
        let cluster = self.config.clusters.get(stream.info.cluster.as_ref()?)?;
        Some(cluster.endpoints.len() as u64)
    }

    /// `source` or `destination`.
    pub(super) fn address(&self, root: &[u8], name: &[u8]) -> Option<Vec<u8>> {
        let stream = self.owner()?;
        if root == b"source" {
            return part(stream.info.remote.or(stream.peer)?, name);
        }
        part(self.config.listeners.get(stream.listener)?.address, name)
    }

    pub(super) fn xds(&self, name: &[u8]) -> Found {
        let Some(stream) = self.owner() else { return Found::Nothing };
        let route = stream.info.route.as_ref();
        let empty = |is_there: bool| Found::from(is_there.then(Vec::new));
        match name {
            b"cluster_name" => stream.info.cluster.clone().map(String::into_bytes).into(),
            b"route_name" => route.map(|route| route.name.clone().into_bytes()).into(),
            b"virtual_host_name" => route.map(|r| r.virtual_host.clone().into_bytes()).into(),
            b"cluster_metadata" => empty(stream.info.cluster.is_some()),
            b"route_metadata" | b"virtual_host_metadata" => empty(route.is_some()),
            // An endpoint without metadata has no message for it, not an empty one.
            b"upstream_host_metadata" | b"upstream_host_locality_metadata" => {
                stream.info.upstream.address.map_or(Found::Nothing, |_| Found::Place)
            }
            b"filter_chain_name" | b"listener_metadata" => Found::Value(Vec::new()),
            // The bootstrap files that are read have no traffic direction: unspecified.
            b"listener_direction" => Found::Value(number(0)),
            _ => Found::Nothing,
        }
    }
}

fn part(address: SocketAddr, name: &[u8]) -> Option<Vec<u8>> {
    match name {
        b"address" => Some(address.to_string().into_bytes()),
        b"port" => Some(number(address.port().into())),
        _ => None,
    }
}
