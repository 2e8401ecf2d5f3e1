//! Objects in a stream's filter state: native ones, and how those of plugins are to be kept.
//!
//! What a plugin declares of a property holds for its root context, and for objects made afterwards.

use crate::{
    abi::Status,
    model::{EnvoyVersion, protobuf, world::World},
};

/// Native objects that are texts and that nothing in the model acts on.
const TEXTS: &[&[u8]] = &[b"envoy.string", b"envoy.hashable_string"];

/// Native objects of Envoy 1.40 that its own filters act on.
const ACTED_ON: &[&str] = &[
    "envoy.ai.llm_protocol.request",
    "envoy.ai.model.request",
    "envoy.bool",
    "envoy.filters.listener.original_dst.local_ip",
    "envoy.filters.listener.original_dst.remote_ip",
    "envoy.network.application_protocols",
    "envoy.network.ip",
    "envoy.network.network_namespace",
    "envoy.network.transport_socket.http_11_proxy.info",
    "envoy.network.transport_socket.original_dst_address",
    "envoy.network.upstream_server_name",
    "envoy.network.upstream_subject_alt_names",
    "envoy.ratelimit.hits_addend",
    "envoy.router.debug_config",
    "envoy.tcp_proxy.cluster",
    "envoy.tcp_proxy.disable_tunneling",
    "envoy.tcp_proxy.per_connection_idle_timeout_ms",
    "envoy.upstream.dynamic_host",
    "envoy.upstream.dynamic_port",
];

/// Until the connection ends; the shorter life spans end with the stream.
const CONNECTION: u64 = 2;

impl World {
    /// `set_envoy_filter_state`: path 1, value 2, life span 3.
    pub(super) fn set_filter_state(&mut self, arguments: &[u8]) -> Result<Vec<u8>, Status> {
        let message = protobuf::Message::parse(arguments).ok_or(Status::BadArgument)?;
        let (path, value) = (message.bytes(1), message.bytes(2));
        let known = self.envoy >= EnvoyVersion::V1_39 || path != b"envoy.hashable_string";
        if !(TEXTS.contains(&path) && known) {
            let acted_on = ACTED_ON.iter().find(|known| known.as_bytes() == path);
            let path = *acted_on.ok_or(Status::NotFound)?;
            self.refuse(&format!("foreign function set_envoy_filter_state: object `{path}`"));
            return Err(Status::NotFound);
        }
        let stream = self.foreign_context().ok_or(Status::NotFound)?.stream;
        self.refuse_connections(message.number(3), "set_envoy_filter_state");
        self.streams.at(stream).info.filter_state.insert(path.to_vec(), value.to_vec());
        Ok(Vec::new())
    }

    /// `declare_property`: name 1, read-only 2, type 3, schema 4, life span 5. The context is the one
    /// that was called, whichever is effective: a stream's declarations reach nobody.
    pub(super) fn declare_property(&mut self, arguments: &[u8]) -> Result<Vec<u8>, Status> {
        let message = protobuf::Message::parse(arguments).ok_or(Status::BadArgument)?;
        // Bytes and texts look the same to whoever reads them.
        if !matches!(message.number(3), 0 | 1) {
            self.refuse("foreign function declare_property: FlatBuffers and Protobuf");
        }
        self.refuse_connections(message.number(5), "declare_property");
        let (name, read_only) = (message.bytes(1).to_vec(), message.number(2) != 0);
        let declared = self.called_declarations().ok_or(Status::InternalFailure)?;
        if declared.contains_key(&name) {
            return Err(Status::BadArgument);
        }
        declared.insert(name, read_only);
        Ok(Vec::new())
    }

    fn refuse_connections(&mut self, span: u64, function: &str) {
        if span == CONNECTION {
            self.refuse(&format!("foreign function {function}: objects that outlive their stream"));
        }
    }
}
