//! Tracing, which the model has not: a file that asks for it is a file for Envoy all the same.
//!
//! No filter sees anything of it. Envoy keeps a span beside the stream, tells the server of it in
//! `traceparent` behind the last filter, and sends it to a collector when the stream has ended. So what a
//! user runs in production is read here too, and `DIFFERENCES.md` says what is missing. What is no field of
//! Envoy's is refused.

use super::message::Message;
use crate::yaml::{Error, Reader};

const TRACING: &str =
    "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.Tracing";

pub(super) fn read(reader: &Reader<'_>) -> Result<(), Error> {
    let mut message = Message::read(reader, TRACING)?;
    message.maybe("provider", |provider| {
        let mut provider = Message::read(provider, "envoy.config.trace.v3.Tracing.Http")?;
        provider.required("name")?.name()?;
        provider.optional("typed_config");
        provider.finish()
    })?;
    message.each("custom_tags", |tag| {
        let mut tag = Message::read(tag, "envoy.type.tracing.v3.CustomTag")?;
        tag.required("tag")?.name()?;
        for kind in ["literal", "environment", "request_header", "metadata", "value"] {
            tag.optional(kind);
        }
        tag.finish()
    })?;
    for ignored in [
        "client_sampling",
        "random_sampling",
        "overall_sampling",
        "verbose",
        "max_path_tag_length",
        "spawn_upstream_span",
        "no_context_propagation",
        "operation",
        "upstream_operation",
    ] {
        message.optional(ignored);
    }
    message.finish()
}
