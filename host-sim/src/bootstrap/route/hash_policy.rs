//! `hash_policy`: what of a request keeps it at the same endpoint.

use super::super::message::{CURE, Message};
use crate::yaml::{Error, Reader};

/// A part of a request's hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HashPolicy {
    /// What is hashed.
    pub source: HashSource,
    /// Where it is there, the policies behind it do not count.
    pub terminal: bool,
}

/// What is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HashSource {
    /// A request header, lower case.
    Header(String),
    /// A cookie that the client has.
    Cookie(String),
    /// The client's address.
    SourceIp,
    /// A query parameter.
    Query(String),
}

pub(super) fn read(reader: &Reader<'_>) -> Result<HashPolicy, Error> {
    let mut message = Message::read(reader, "envoy.config.route.v3.RouteAction.HashPolicy")?;
    let kinds = ["header", "cookie", "connection_properties", "query_parameter"];
    let (kind, value) = message.exactly_one_of(&kinds)?;
    let source = match kind {
        "header" => {
            let name = "envoy.config.route.v3.RouteAction.HashPolicy.Header";
            HashSource::Header(named(&value, name, "header_name")?.to_ascii_lowercase())
        }
        "cookie" => {
            let name = "envoy.config.route.v3.RouteAction.HashPolicy.Cookie";
            HashSource::Cookie(named(&value, name, "name")?)
        }
        "query_parameter" => {
            let name = "envoy.config.route.v3.RouteAction.HashPolicy.QueryParameter";
            HashSource::Query(named(&value, name, "name")?)
        }
        _ => {
            let name = "envoy.config.route.v3.RouteAction.HashPolicy.ConnectionProperties";
            let mut properties = Message::read(&value, name)?;
            let source_ip = properties.required("source_ip")?;
            properties.finish()?;
            if !source_ip.boolean()? {
                return Err(source_ip.not_modelled("`false`", "`true`", CURE));
            }
            HashSource::SourceIp
        }
    };
    let terminal = message.or("terminal", false, Reader::boolean)?;
    message.finish()?;
    Ok(HashPolicy { source, terminal })
}

/// A message of one field; a cookie that Envoy would make (`ttl`) is refused with the others.
fn named(reader: &Reader<'_>, message: &'static str, field: &'static str) -> Result<String, Error> {
    let mut message = Message::read(reader, message)?;
    let name = message.required(field)?.name()?.to_owned();
    message.finish()?;
    Ok(name)
}
