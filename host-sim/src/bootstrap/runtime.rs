//! `layered_runtime`: what it may say here.
//!
//! Runtime keys change how Envoy behaves, and the model plays Envoy's defaults. So keys are refused,
//! but for those that silence warnings about an unlimited proxy.

use serde_json::Value;

use super::message::{CURE, Message};
use crate::yaml::{Error, Reader};

/// Keys without an effect on requests.
const HARMLESS: [&str; 3] = [
    "overload.global_downstream_max_connections",
    "re2.max_program_size.error_level",
    "re2.max_program_size.warn_level",
];

/// Reads the layers; an admin layer is empty at start and cannot be written here.
pub(super) fn read(reader: &Reader<'_>) -> Result<(), Error> {
    let mut message = Message::read(reader, "envoy.config.bootstrap.v3.LayeredRuntime")?;
    message.each("layers", |layer| {
        let mut layer = Message::read(layer, "envoy.config.bootstrap.v3.RuntimeLayer")?;
        layer.maybe("name", |name| name.string().map(drop))?;
        layer.maybe("admin_layer", |reader| reader.entries().map(drop))?;
        layer.maybe("static_layer", static_layer)?;
        layer.finish()
    })?;
    message.finish()
}

fn static_layer(reader: &Reader<'_>) -> Result<(), Error> {
    let mut keys = Vec::new();
    flatten("", reader.node().to_json()?, &mut keys);
    match keys.iter().find(|key| !HARMLESS.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => {
            let found = format!("runtime key `{key}`");
            Err(reader.not_modelled(&found, &HARMLESS.join(", "), CURE))
        }
    }
}

/// Objects nest, and keys are dotted: both are the same to Envoy.
fn flatten(prefix: &str, value: Value, into: &mut Vec<String>) {
    let Value::Object(fields) = value else {
        into.push(prefix.to_owned());
        return;
    };
    for (name, value) in fields {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        flatten(&key, value, into);
    }
}
