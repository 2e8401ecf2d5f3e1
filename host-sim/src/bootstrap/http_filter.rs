//! HTTP filter chains: wasm plugins and, last, the router; before a cluster's servers, the codec.

use super::{
    credential::{self, CredentialInjector},
    message::{CURE, Message},
    plugin::{self, Plugin},
};
use crate::yaml::{Error, Place, Reader};

/// One HTTP filter.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpFilter {
    /// The filter's name in the chain; Istio's are `<namespace>.<name>`.
    pub name: String,
    /// What it does.
    pub kind: FilterKind,
    /// Where it stands in the file.
    pub place: Place,
}

/// What a filter does.
#[derive(Debug, Clone, PartialEq)]
pub enum FilterKind {
    /// `envoy.extensions.filters.http.wasm.v3.Wasm`
    Wasm(Box<Plugin>),
    /// `envoy.extensions.filters.http.router.v3.Router`
    Router(Router),
}

/// The router's own settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Router {
    /// No `x-envoy-*` headers are added to requests and responses.
    pub suppress_envoy_headers: bool,
}

/// One filter of a cluster's attempts, before the codec.
#[derive(Debug, Clone)]
pub enum UpstreamFilter {
    /// A wasm plugin.
    Wasm(Box<Plugin>),
    /// A credential injector, with the attempts that it leaves out.
    Credential(Box<CredentialInjector>),
}

impl UpstreamFilter {
    /// The plugin, if it is one.
    #[must_use]
    pub fn plugin(&self) -> Option<&Plugin> {
        match self {
            Self::Wasm(plugin) => Some(plugin),
            Self::Credential(_) => None,
        }
    }
}

const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";
const CODEC: &str = "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec";
const ROUTER: &str = "envoy.extensions.filters.http.router.v3.Router";

/// Reads the chain; the router ends it, as Envoy demands.
pub(super) fn read_chain(reader: &Reader<'_>) -> Result<Vec<HttpFilter>, Error> {
    let items = reader.list()?;
    let mut chain = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let filter = read(item)?;
        let last = index + 1 == items.len();
        match (&filter.kind, last) {
            (FilterKind::Router(_), false) => {
                return Err(item.invalid("a router before the end", "it last", "move it down"));
            }
            (FilterKind::Wasm(_), true) => {
                return Err(item.invalid(
                    &format!("`{}` at the end of the chain", filter.name),
                    "envoy.filters.http.router there",
                    "add the router",
                ));
            }
            (FilterKind::Router(_), true) | (FilterKind::Wasm(_), false) => chain.push(filter),
        }
    }
    if chain.is_empty() {
        return Err(reader.invalid("no filter", "at least the router", "add it"));
    }
    Ok(chain)
}

/// Reads the chain of a cluster's attempts; the codec ends it, as Envoy demands.
pub(super) fn read_upstream_chain(reader: &Reader<'_>) -> Result<Vec<UpstreamFilter>, Error> {
    let items = reader.list()?;
    let mut filters = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let mut message = Message::read(item, CHAIN_ENTRY)?;
        message.required("name")?.name()?;
        message.not_modelled(&["config_discovery"], "`typed_config`", CURE)?;
        let config = Message::unpack(&message.required("typed_config")?, &UPSTREAM)?;
        message.finish()?;
        match (config.name() == CODEC, index + 1 == items.len()) {
            (false, false) => filters.push(upstream(config)?),
            (true, true) => config.finish()?,
            (true, false) => {
                return Err(item.invalid("a codec before the end", "it last", "move it down"));
            }
            (false, true) => {
                let found = "a chain that does not end in the codec";
                return Err(item.invalid(found, "envoy.filters.http.upstream_codec", "add it"));
            }
        }
    }
    Ok(filters)
}

const UPSTREAM: [&str; 4] = [WASM, CODEC, credential::INJECTOR, credential::WITH_MATCHER];

fn upstream(config: Message<'_>) -> Result<UpstreamFilter, Error> {
    Ok(match config.name() {
        credential::WITH_MATCHER => {
            UpstreamFilter::Credential(Box::new(credential::read_with_matcher(config)?))
        }
        credential::INJECTOR => UpstreamFilter::Credential(Box::new(credential::read(config)?)),
        _ => UpstreamFilter::Wasm(Box::new(plugin::read(config)?)),
    })
}

fn read(reader: &Reader<'_>) -> Result<HttpFilter, Error> {
    let mut message = Message::read(reader, CHAIN_ENTRY)?;
    let name = message.required("name")?.name()?.to_owned();
    message.not_modelled(&["config_discovery"], "`typed_config`", CURE)?;
    let config = Message::unpack(&message.required("typed_config")?, &[WASM, ROUTER])?;
    message.finish()?;
    let kind = match config.name() {
        WASM => FilterKind::Wasm(Box::new(plugin::read(config)?)),
        _ => FilterKind::Router(router(config)?),
    };
    Ok(HttpFilter { name, kind, place: reader.node().place.clone() })
}

const CHAIN_ENTRY: &str = "envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter";

fn router(mut message: Message<'_>) -> Result<Router, Error> {
    let suppress_envoy_headers = message.or("suppress_envoy_headers", false, Reader::boolean)?;
    message.finish()?;
    Ok(Router { suppress_envoy_headers })
}
