//! Which endpoint of a cluster takes a request: `lb_policy`, and `load_balancing_policy` in its place.

use super::message::{CURE, Message};
use crate::yaml::{Error, Reader};

/// How endpoints are chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Balancing {
    /// The policy; behind named endpoints the one to fall back to.
    pub policy: LoadBalancing,
    /// `override_host`: request headers that name endpoints, lower case; the first that is there counts.
    pub override_headers: Vec<String>,
}

/// A load balancing policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LoadBalancing {
    /// In turn, by weight. The default.
    #[default]
    RoundRobin,
    /// The one of two drawn that has fewer requests.
    LeastRequest,
    /// By chance.
    Random,
    /// `RING_HASH` or `MAGLEV`: by the request's hash, and by chance where it has none.
    Hash,
}

/// `lb_policy`; a cluster of clusters says `CLUSTER_PROVIDED`, and then no policy is left to choose.
pub(super) fn read_name(reader: &Reader<'_>) -> Result<Balancing, Error> {
    let policy = reader.choice(&[
        ("ROUND_ROBIN", LoadBalancing::RoundRobin),
        ("LEAST_REQUEST", LoadBalancing::LeastRequest),
        ("RANDOM", LoadBalancing::Random),
        ("RING_HASH", LoadBalancing::Hash),
        ("MAGLEV", LoadBalancing::Hash),
        ("CLUSTER_PROVIDED", LoadBalancing::RoundRobin),
    ])?;
    Ok(Balancing { policy, override_headers: Vec::new() })
}

const OVERRIDE: &str = "envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost";
const SOURCE: &str =
    "envoy.extensions.load_balancing_policies.override_host.v3.OverrideHost.OverrideHostSource";
const POLICIES: [(&str, LoadBalancing); 5] = [
    (
        "envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin",
        LoadBalancing::RoundRobin,
    ),
    (
        "envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest",
        LoadBalancing::LeastRequest,
    ),
    ("envoy.extensions.load_balancing_policies.random.v3.Random", LoadBalancing::Random),
    ("envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash", LoadBalancing::Hash),
    ("envoy.extensions.load_balancing_policies.maglev.v3.Maglev", LoadBalancing::Hash),
];

/// `load_balancing_policy`: the first of the list, as long as Envoy knows it, which it does.
pub(super) fn read(reader: &Reader<'_>) -> Result<Balancing, Error> {
    let config = typed(reader)?;
    let names: Vec<&str> = POLICIES.iter().map(|(name, _)| *name).chain([OVERRIDE]).collect();
    let mut message = Message::unpack(&config, &names)?;
    if message.name() != OVERRIDE {
        return plain(message);
    }
    let override_headers = message.each("override_host_sources", |source| {
        let mut message = Message::read(source, SOURCE)?;
        message.not_modelled(&["metadata"], "`header`", CURE)?;
        let header = message.required("header")?.name()?.to_ascii_lowercase();
        message.finish()?;
        Ok(header)
    })?;
    let fallback = typed(&message.required("fallback_policy")?)?;
    message.finish()?;
    let fallback = Message::unpack(&fallback, &POLICIES.map(|(name, _)| name))?;
    Ok(Balancing { override_headers, ..plain(fallback)? })
}

fn plain(message: Message<'_>) -> Result<Balancing, Error> {
    let known = POLICIES.iter().find(|(name, _)| *name == message.name());
    let policy = known.map(|(_, policy)| *policy).unwrap_or_default();
    message.finish()?;
    Ok(Balancing { policy, override_headers: Vec::new() })
}

/// The message in a list of one policy.
fn typed<'a>(reader: &Reader<'a>) -> Result<Reader<'a>, Error> {
    let mut message = Message::read(reader, "envoy.config.cluster.v3.LoadBalancingPolicy")?;
    let list = message.required("policies")?;
    message.finish()?;
    let items = list.list()?;
    let [policy] = items.as_slice() else {
        return Err(list.not_modelled(&format!("{} policies", items.len()), "one", CURE));
    };
    let mut policy = Message::read(policy, "envoy.config.cluster.v3.LoadBalancingPolicy.Policy")?;
    let extension = policy.required("typed_extension_config")?;
    policy.finish()?;
    let mut extension = Message::read(&extension, "envoy.config.core.v3.TypedExtensionConfig")?;
    extension.required("name")?.name()?;
    let config = extension.required("typed_config")?;
    extension.finish()?;
    Ok(config)
}
