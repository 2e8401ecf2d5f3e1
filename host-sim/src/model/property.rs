//! Properties: what a plugin can ask about a stream, its peers and itself.
//!
//! Envoy evaluates a path with the value types of its expression language and hands the result over as
//! bytes: text as it is, numbers as eight bytes little-endian, maps as pairs.
//! A first segment that is none of Envoy's roots is looked up as an object that a plugin set.

use super::{
    call::Pairs,
    filter_manager::grpc_status_of,
    headers::HeaderMap,
    route::RouteAction,
    stream::{Stream, StreamInfo},
    world::World,
};
use crate::{
    abi::{Status, pairs, property_path},
    host::Protocol,
};

/// What plugins set is kept under this prefix, among the objects of native filters.
const PREFIX: &[u8] = b"wasm.";

impl World {
    /// `proxy_get_property`: the value at a path whose segments are separated by zero bytes.
    ///
    /// # Errors
    /// [`Status::NotFound`] for what does not exist, or not yet, or no longer;
    /// [`Status::SerializationFailure`] for a path of no segment, which stands for everything.
    pub fn property(&mut self, path: &[u8]) -> Result<Vec<u8>, Status> {
        let mut segments = property_path::segments(path);
        let root = segments.next().ok_or(Status::SerializationFailure)?;
        let rest: Vec<&[u8]> = segments.collect();
        let found = match (root, rest.as_slice()) {
            (b"plugin_name", []) => self.plugin().map(|plugin| plugin.name.clone().into_bytes()),
            (b"plugin_root_id", []) => self.plugin().map(|p| p.root_id.clone().into_bytes()),
            (b"plugin_vm_id", []) => Some(self.vm_id().as_bytes().to_vec()),
            (b"connection_id", []) => self.stream().map(|stream| number(stream.id.0)),
            (b"request", [name, more @ ..]) => self.request_property(name, more),
            (b"response", [name, more @ ..]) => self.response_property(name, more),
            (b"connection", [name]) => self.stream().and_then(|stream| connection(stream, name)),
            (b"upstream", [name]) => self.stream().and_then(|stream| upstream(stream, name)),
            (b"source", [name]) => self.stream().and_then(|stream| {
                address(stream.peer.map(|peer| stream.info.remote.unwrap_or(peer))?, name)
            }),
            (b"destination", [name]) => self
                .stream()
                .and_then(|stream| self.config.listeners.get(stream.listener))
                .and_then(|listener| address(listener.address, name)),
            (b"xds", [name]) => self.xds(name),
            (b"node", [b"id"]) => Some(self.config.node.id.clone().into_bytes()),
            (b"node", [b"cluster"]) => Some(self.config.node.cluster.clone().into_bytes()),
            (b"node", [b"metadata", name]) => std::str::from_utf8(name)
                .ok()
                .and_then(|name| self.config.node.metadata.get(name))
                .map(|value| value.clone().into_bytes()),
            (b"filter_state", [name]) => {
                self.stream().and_then(|stream| stream.info.filter_state.get(*name).cloned())
            }
            (b"metadata" | b"upstream_filter_state" | b"filter_state" | b"xds", _) => None,
            (_, []) => self.own_object(root),
            _ => None,
        };
        found.ok_or(Status::NotFound)
    }

    /// `proxy_set_property`: an object of this name in the stream's filter state.
    ///
    /// Zero bytes of a path stay in the name, so only names of one segment can be read back.
    ///
    /// # Errors
    /// [`Status::NotFound`] where there is no stream.
    pub fn set_property(&mut self, path: &[u8], value: &[u8]) -> Result<(), Status> {
        let id = self.stream_context().ok_or(Status::NotFound)?.stream;
        let name = [PREFIX, path].concat();
        self.streams.at(id).info.filter_state.insert(name, value.to_vec());
        Ok(())
    }

    fn own_object(&self, name: &[u8]) -> Option<Vec<u8>> {
        let name = [PREFIX, name].concat();
        self.stream()?.info.filter_state.get(&name).cloned()
    }

    fn request_property(&self, name: &[u8], rest: &[&[u8]]) -> Option<Vec<u8>> {
        let (stream, context) = (self.stream()?, self.stream_context()?);
        let headers =
            stream.request.headers.as_ref().filter(|_| context.logging || context.request.headers);
        let header = |name: &str| headers?.get(name.as_bytes()).map(|value| value.to_vec());
        let info = &stream.info;
        match (name, rest) {
            (b"headers", [name]) => joined(headers?, name),
            (b"headers", []) => Some(map(headers?)),
            (b"path", []) => header(":path"),
            (b"url_path", []) => header(":path").map(|path| split_query(&path).0.to_vec()),
            (b"query", []) => {
                header(":path").map(|path| split_query(&path).1.unwrap_or_default().to_vec())
            }
            (b"host", []) => header(":authority"),
            (b"scheme", []) => header(":scheme"),
            (b"method", []) => header(":method"),
            (b"referer", []) => header("referer"),
            (b"id", []) => header("x-request-id"),
            (b"useragent", []) => header("user-agent"),
            (b"time", []) => Some(number(info.start_wall)),
            (b"size", []) => Some(number(declared_size(headers).unwrap_or(info.bytes_received))),
            (b"total_size", []) => Some(number(
                info.bytes_received + headers.map_or(0, |headers| headers.byte_size() as u64),
            )),
            (b"headers_bytes", []) => Some(number(headers?.byte_size() as u64)),
            (b"duration", []) => info.end.map(|end| number(end - info.start)),
            (b"protocol", []) => Some(protocol(stream.protocol).as_bytes().to_vec()),
            _ => None,
        }
    }

    fn response_property(&self, name: &[u8], rest: &[&[u8]]) -> Option<Vec<u8>> {
        let (stream, context) = (self.stream()?, self.stream_context()?);
        let headers = stream
            .response
            .headers
            .as_ref()
            .filter(|_| context.logging || context.response.headers);
        let trailers = stream
            .response
            .trailers
            .as_ref()
            .filter(|_| context.logging || context.response.trailers);
        let info = &stream.info;
        match (name, rest) {
            (b"headers", [name]) => joined(headers?, name),
            (b"headers", []) => Some(map(headers?)),
            (b"trailers", [name]) => joined(trailers?, name),
            (b"trailers", []) => Some(map(trailers?)),
            (b"code", []) => info.response_code.map(|code| number(code.into())),
            (b"code_details", []) => info.details.clone().map(String::into_bytes),
            (b"flags", []) => Some(number(info.flags.bits())),
            (b"size", []) => Some(number(info.bytes_sent)),
            (b"total_size", []) => Some(number(
                info.bytes_sent
                    + headers.map_or(0, |headers| headers.byte_size() as u64)
                    + trailers.map_or(0, |trailers| trailers.byte_size() as u64),
            )),
            (b"grpc_status", []) => {
                let status = trailers.and_then(|trailers| trailers.text("grpc-status"));
                let status = status.or_else(|| headers?.text("grpc-status"));
                let said = status.and_then(|status| status.parse().ok());
                // A response that is no gRPC at all still has the status that its code stands for.
                let code = || info.response_code.map(|code| grpc_status_of(code.into()));
                said.or_else(|| code()?.try_into().ok()).map(number)
            }
            (b"backend_latency", []) => latency(info).map(number),
            _ => None,
        }
    }

    fn xds(&self, name: &[u8]) -> Option<Vec<u8>> {
        let stream = self.stream()?;
        let route = stream.info.route.as_ref();
        let text = match name {
            b"cluster_name" => match (&stream.info.upstream.cluster, route.map(|r| &r.action)) {
                (Some(cluster), _) => cluster.clone(),
                (None, Some(RouteAction::Forward(forward))) => {
                    self.config.clusters.contains_key(&forward.cluster).then_some(())?;
                    forward.cluster.clone()
                }
                _ => return None,
            },
            b"route_name" => route?.name.clone(),
            b"virtual_host_name" => route?.virtual_host.clone(),
            // The bootstrap files that are read have no traffic direction: unspecified.
            b"listener_direction" => return Some(number(0)),
            _ => return None,
        };
        Some(text.into_bytes())
    }
}

fn number(value: u64) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http10 => "HTTP/1.0",
        Protocol::Http11 => "HTTP/1.1",
        Protocol::Http2 => "HTTP/2",
    }
}

/// Several values of one name are one text.
fn joined(headers: &HeaderMap, name: &[u8]) -> Option<Vec<u8>> {
    let values: Vec<&[u8]> = headers.get_all(name).map(AsRef::as_ref).collect();
    (!values.is_empty()).then(|| values.join(&b","[..]))
}

fn map(headers: &HeaderMap) -> Vec<u8> {
    let list: Pairs = headers.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    pairs::encode(&list)
}

fn split_query(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    let path = path.split(|byte| *byte == b'#').next().unwrap_or_default();
    match path.iter().position(|byte| *byte == b'?') {
        Some(place) => {
            let (path, query) = path.split_at(place);
            (path, query.get(1..))
        }
        None => (path, None),
    }
}

fn declared_size(headers: Option<&HeaderMap>) -> Option<u64> {
    headers?.text("content-length")?.parse().ok()
}

fn connection(stream: &Stream, name: &[u8]) -> Option<Vec<u8>> {
    match name {
        b"id" => Some(number(stream.id.0)),
        b"mtls" => Some(vec![0]),
        _ => None,
    }
}

fn upstream(stream: &Stream, name: &[u8]) -> Option<Vec<u8>> {
    let upstream = &stream.info.upstream;
    match name {
        b"transport_failure_reason" => {
            upstream.address?;
            Some(upstream.failure.clone().unwrap_or_default().into_bytes())
        }
        b"request_attempt_count" => Some(number(upstream.attempts.into())),
        _ => address(upstream.address?, name),
    }
}

fn address(address: std::net::SocketAddr, name: &[u8]) -> Option<Vec<u8>> {
    match name {
        b"address" => Some(address.to_string().into_bytes()),
        b"port" => Some(number(address.port().into())),
        _ => None,
    }
}

/// From the last byte sent to the first byte received.
fn latency(info: &StreamInfo) -> Option<u64> {
    info.upstream.first_received?.checked_sub(info.upstream.first_sent?)
}
