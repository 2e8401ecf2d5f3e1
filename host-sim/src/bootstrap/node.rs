//! `node`: who the proxy says it is.

use std::collections::BTreeMap;

use super::message::Message;
use crate::yaml::{Error, Reader};

/// Identity of the proxy, as plugins read it (`node.id`, `node.metadata.NAME`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeInfo {
    /// `node.id`
    pub id: String,
    /// `node.cluster`
    pub cluster: String,
    /// `node.metadata`, texts only.
    pub metadata: BTreeMap<String, String>,
}

pub(super) fn read(reader: &Reader<'_>) -> Result<NodeInfo, Error> {
    let mut message = Message::read(reader, "envoy.config.core.v3.Node")?;
    let text = |reader: &Reader<'_>| Ok(reader.string()?.to_owned());
    let node = NodeInfo {
        id: message.or("id", String::new(), text)?,
        cluster: message.or("cluster", String::new(), text)?,
        metadata: message.or("metadata", BTreeMap::new(), |metadata| {
            let pair = |(key, value): (&str, Reader<'_>)| Ok((key.to_owned(), text(&value)?));
            metadata.entries()?.into_iter().map(pair).collect()
        })?,
    };
    message.finish()?;
    Ok(node)
}
