//! `node`: who the proxy says it is.

use serde_json::{Map, Value};

use super::message::Message;
use crate::yaml::{Error, Reader};

/// Identity of the proxy, as plugins read it (`node.id`, `node.metadata`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeInfo {
    /// `node.id`
    pub id: String,
    /// `node.cluster`
    pub cluster: String,
    /// `node.metadata`
    pub metadata: Map<String, Value>,
}

pub(super) fn read(reader: &Reader<'_>) -> Result<NodeInfo, Error> {
    let mut message = Message::read(reader, "envoy.config.core.v3.Node")?;
    let node = NodeInfo {
        id: message.or("id", String::new(), |reader| Ok(reader.string()?.to_owned()))?,
        cluster: message.or("cluster", String::new(), |reader| Ok(reader.string()?.to_owned()))?,
        metadata: match message.maybe("metadata", |reader| reader.node().to_json())? {
            Some(Value::Object(metadata)) => metadata,
            _ => Map::new(),
        },
    };
    message.finish()?;
    Ok(node)
}
