//! The properties of a request and of its response.
//!
//! What comes from headers is there as long as the filter can reach them, and again when the stream
//! is logged. A map that is out of reach is empty, its size is 0, and single fields are missing.

use super::{encoded, number};
use crate::{
    abi::MapType,
    host::Protocol,
    model::{
        EnvoyVersion, filter_manager::grpc_status_of, headers::HeaderMap, stream::StreamInfo,
        world::World,
    },
};

impl World {
    pub(super) fn request_property(&self, name: &[u8], rest: &[&[u8]]) -> Option<Vec<u8>> {
        let (stream, context) = (self.owner()?, self.stream_context()?);
        let headers =
            stream.request.headers.as_ref().filter(|_| context.logging || context.request.headers);
        let header = |name: &str| headers?.get(name.as_bytes()).map(|value| value.to_vec());
        let info = &stream.info;
        match (name, rest) {
            (b"headers", [name]) => joined(headers?, name),
            (b"headers", []) => Some(map(headers)),
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
            (b"total_size", []) => Some(number(info.bytes_received + size(headers))),
            (b"headers_bytes", []) if self.tells_headers_bytes() => Some(number(size(headers))),
            (b"duration", []) => info.end.map(|end| number(end - info.start)),
            (b"protocol", []) => Some(protocol(stream.protocol).as_bytes().to_vec()),
            _ => None,
        }
    }

    pub(super) fn response_property(&self, name: &[u8], rest: &[&[u8]]) -> Option<Vec<u8>> {
        let (stream, context) = (self.owner()?, self.stream_context()?);
        // Filters of an attempt see its own answer, which need not become the client's.
        let response = |map| {
            let holder = self.holder(map, context.stream);
            self.streams.get(holder).map(|stream| &stream.response)
        };
        let (logging, open) = (context.logging, &context.response);
        let headers = response(MapType::ResponseHeaders)?.headers.as_ref();
        let headers = headers.filter(|_| logging || open.headers);
        let trailers = response(MapType::ResponseTrailers)?.trailers.as_ref();
        let trailers = trailers.filter(|_| logging || open.trailers);
        let info = &stream.info;
        match (name, rest) {
            (b"headers", [name]) => joined(headers?, name),
            (b"headers", []) => Some(map(headers)),
            (b"trailers", [name]) => joined(trailers?, name),
            (b"trailers", []) => Some(map(trailers)),
            (b"code", []) => info.response_code.map(|code| number(code.into())),
            (b"code_details", []) => info.details.clone().map(String::into_bytes),
            (b"flags", []) => Some(number(info.flags.bits())),
            (b"size", []) => Some(number(info.bytes_sent)),
            (b"total_size", []) => Some(number(info.bytes_sent + size(headers) + size(trailers))),
            (b"headers_bytes", []) if self.tells_headers_bytes() => Some(number(size(headers))),
            (b"grpc_status", []) => {
                let status = trailers.and_then(|trailers| trailers.text("grpc-status"));
                let status = status.or_else(|| headers?.text("grpc-status"));
                let said = status.and_then(|status| status.parse().ok());
                // A response that is no gRPC at all still has the status that its code stands for.
                let code = || info.response_code.map(grpc_status_of);
                said.or_else(|| code()?.try_into().ok()).map(number)
            }
            (b"backend_latency", []) => latency(info).map(number),
            _ => None,
        }
    }

    fn tells_headers_bytes(&self) -> bool {
        self.envoy >= EnvoyVersion::V1_37
    }
}

fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http10 => "HTTP/1.0",
        Protocol::Http11 => "HTTP/1.1",
        Protocol::Http2 => "HTTP/2",
    }
}

fn size(headers: Option<&HeaderMap>) -> u64 {
    headers.map_or(0, |headers| headers.byte_size() as u64)
}

/// Several values of one name are one text.
fn joined(headers: &HeaderMap, name: &[u8]) -> Option<Vec<u8>> {
    let name = name.to_ascii_lowercase();
    let values: Vec<&[u8]> = headers.get_all(&name).map(AsRef::as_ref).collect();
    (!values.is_empty()).then(|| values.join(&b","[..]))
}

/// Each name once, in the order in which names first occur.
fn map(headers: Option<&HeaderMap>) -> Vec<u8> {
    let mut list: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for (name, value) in headers.into_iter().flat_map(HeaderMap::iter) {
        match list.iter_mut().find(|(known, _)| known[..] == name[..]) {
            Some((_, joined)) => {
                joined.push(b',');
                joined.extend_from_slice(value);
            }
            None => list.push((name.to_vec(), value.to_vec())),
        }
    }
    encoded(&list)
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

/// From the first byte sent to the last byte received.
fn latency(info: &StreamInfo) -> Option<u64> {
    info.upstream.last_received?.checked_sub(info.upstream.first_sent?)
}
