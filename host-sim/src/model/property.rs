//! Properties: what a plugin can ask about the stream, the connection and the proxy.
//!
//! Envoy resolves a path with the value types of its expression language and hands the result over as
//! bytes: text as it is, numbers as eight bytes little-endian, maps as pairs, messages as protobuf.
//! What is no value but a place with values in it, as the path `request` alone, cannot be handed over.
//! A first segment that is none of Envoy's roots is looked up as an object that a plugin set.

mod exchange;
mod place;

use super::world::World;
use crate::{
    abi::{Status, pairs, property_path},
    bootstrap::NodeInfo,
};

/// What plugins set is kept under this prefix, among the objects of native filters.
const PREFIX: &[u8] = b"wasm.";

/// Where a path leads.
enum Found {
    /// A value.
    Value(Vec<u8>),
    /// A place with values in it.
    Place,
    /// Nowhere.
    Nothing,
}

impl From<Option<Vec<u8>>> for Found {
    fn from(value: Option<Vec<u8>>) -> Self {
        value.map_or(Self::Nothing, Self::Value)
    }
}

impl World {
    /// `proxy_get_property`: the value at a path whose segments are separated by zero bytes.
    ///
    /// # Errors
    /// [`Status::NotFound`] for what does not exist, or not yet, or no longer;
    /// [`Status::SerializationFailure`] for a path that leads to no single value.
    pub fn property(&mut self, path: &[u8]) -> Result<Vec<u8>, Status> {
        let mut segments = property_path::segments(path);
        let root = segments.next().ok_or(Status::SerializationFailure)?;
        let rest: Vec<&[u8]> = segments.collect();
        match self.find(root, &rest) {
            Found::Value(value) => Ok(value),
            Found::Place => Err(Status::SerializationFailure),
            Found::Nothing => Err(Status::NotFound),
        }
    }

    fn find(&mut self, root: &[u8], rest: &[&[u8]]) -> Found {
        match (root, rest) {
            (b"plugin_name", []) => self.plugin().map(|p| p.name.clone().into_bytes()).into(),
            (b"plugin_root_id", []) => self.plugin().map(|p| p.root_id.clone().into_bytes()).into(),
            (b"plugin_vm_id", []) => Found::Value(self.vm_id().as_bytes().to_vec()),
            (b"xds", []) => Found::Place,
            (b"xds", [b"node", rest @ ..]) => self.node(rest),
            _ if self.owner().is_none() => Found::Nothing,
            (b"connection_id", []) => self.owner().map(|stream| number(stream.id.0)).into(),
            (b"request", [name, more @ ..]) => self.request_property(name, more).into(),
            (b"response", [name, more @ ..]) => self.response_property(name, more).into(),
            (b"connection", [name]) => self.connection(name).into(),
            (b"upstream", [name]) => self.upstream(name),
            (b"source" | b"destination", [name]) => self.address(root, name).into(),
            (b"xds", [name]) => self.xds(name),
            // No filter of the model writes any, so the message is empty.
            (b"metadata", []) => Found::Value(Vec::new()),
            (b"metadata", [b"filter_metadata" | b"typed_filter_metadata"]) => {
                Found::Value(encoded(&[]))
            }
            (b"filter_state", [name]) => {
                self.owner().and_then(|s| s.info.filter_state.get(*name).cloned()).into()
            }
            (b"upstream_filter_state", []) => match self.owner() {
                Some(stream) if stream.info.upstream.first_sent.is_some() => Found::Place,
                _ => Found::Nothing,
            },
            (
                b"request" | b"response" | b"connection" | b"upstream" | b"source" | b"destination"
                | b"filter_state",
                [],
            ) => Found::Place,
            (b"metadata" | b"xds" | b"connection" | b"upstream" | b"upstream_filter_state", _) => {
                Found::Nothing
            }
            (_, []) => self.own_object(root).into(),
            _ => Found::Nothing,
        }
    }

    /// `proxy_set_property`: an object of this name in the stream's filter state.
    ///
    /// Zero bytes of a path stay in the name, so only names of one segment can be read back.
    ///
    /// # Errors
    /// [`Status::NotFound`] where there is no stream, [`Status::BadArgument`] for an object that was
    /// declared to be set once.
    pub fn set_property(&mut self, path: &[u8], value: &[u8]) -> Result<(), Status> {
        let id = self.stream_context().ok_or(Status::NotFound)?.stream;
        let set_once = self.root().is_some_and(|root| root.declared.get(path) == Some(&true));
        let name = [PREFIX, path].concat();
        let info = &mut self.streams.owner_at(id).info;
        if info.set_once.contains(&name) {
            return Err(Status::BadArgument);
        }
        if set_once && !info.filter_state.contains_key(&name) {
            info.set_once.insert(name.clone());
        }
        info.filter_state.insert(name, value.to_vec());
        Ok(())
    }

    fn own_object(&self, name: &[u8]) -> Option<Vec<u8>> {
        let name = [PREFIX, name].concat();
        self.owner()?.info.filter_state.get(&name).cloned()
    }

    fn node(&mut self, path: &[&[u8]]) -> Found {
        let NodeInfo { id, cluster, metadata } = &self.config.node;
        match path {
            [b"id"] => Found::Value(id.clone().into_bytes()),
            [b"cluster"] => Found::Value(cluster.clone().into_bytes()),
            [b"metadata"] => {
                let list =
                    metadata.iter().map(|(key, value)| (key.clone().into(), value.clone().into()));
                Found::Value(encoded(&list.collect::<Vec<_>>()))
            }
            [b"metadata", name] => {
                let name = std::str::from_utf8(name).ok();
                let value = name.and_then(|name| metadata.get(name));
                value.map(|value| value.clone().into_bytes()).into()
            }
            _ => {
                self.refuse(
                    "property xds.node beyond id, cluster and metadata: it holds the list of all \
                     extensions of the binary",
                );
                Found::Nothing
            }
        }
    }
}

/// Unlike a map of headers, an empty one is not nothing: it has a count, which is 0.
fn encoded(list: &[pairs::Pair]) -> Vec<u8> {
    if list.is_empty() { vec![0; 4] } else { pairs::encode(list) }
}

fn number(value: u64) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}
