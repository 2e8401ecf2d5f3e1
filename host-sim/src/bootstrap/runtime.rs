//! `layered_runtime`: static layers, flattened to dotted keys.

use std::collections::BTreeMap;

use serde_json::Value;

use super::message::Message;
use crate::yaml::{Error, Reader};

/// Later layers over earlier ones. An admin layer is empty at start and cannot be written here.
pub(super) fn read(reader: &Reader<'_>) -> Result<BTreeMap<String, Value>, Error> {
    let mut runtime = BTreeMap::new();
    let mut message = Message::read(reader, "envoy.config.bootstrap.v3.LayeredRuntime")?;
    message.each("layers", |layer| {
        let mut layer = Message::read(layer, "envoy.config.bootstrap.v3.RuntimeLayer")?;
        layer.maybe("name", |name| name.string().map(drop))?;
        layer.maybe("admin_layer", |reader| reader.entries().map(drop))?;
        if let Some(values) = layer.optional("static_layer") {
            flatten("", values.node().to_json()?, &mut runtime);
        }
        layer.finish()
    })?;
    message.finish()?;
    Ok(runtime)
}

fn flatten(prefix: &str, value: Value, into: &mut BTreeMap<String, Value>) {
    let Value::Object(fields) = value else {
        into.insert(prefix.to_owned(), value);
        return;
    };
    for (name, value) in fields {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        flatten(&key, value, into);
    }
}
