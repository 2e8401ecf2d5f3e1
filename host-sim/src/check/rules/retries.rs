//! Retries: what the filters ask for, and where Envoy's routes and clusters make it go.

use super::FILTERS;
use crate::{
    check::view::{PluginView, PoolRoute, View, down, size},
    yaml::Error,
};

/// An entry of `retry_breaker`, with the filters' defaults, and the routes of its pool.
pub(super) struct Retried<'v, 'a> {
    filters: &'v PluginView<'a>,
    number: usize,
    pub(super) pool: String,
    pub(super) attempts: u64,
    pub(super) along_fallback: bool,
    pub(super) body_limit: u64,
    pub(super) routes: Vec<PoolRoute<'a>>,
}

impl<'v, 'a> Retried<'v, 'a> {
    pub(super) fn all(view: &'v View<'a>) -> impl Iterator<Item = Self> {
        view.of_root(FILTERS).flat_map(move |filters| {
            let entries = filters.json.get("retry_breaker").and_then(|list| list.as_array());
            let entries = entries.map(Vec::as_slice).unwrap_or_default().iter().enumerate();
            entries.map(move |(number, entry)| {
                let retry = |field: &str| entry.get("retry").and_then(|retry| retry.get(field));
                let pool = entry.get("pool").and_then(|pool| pool.as_str()).unwrap_or_default();
                Self {
                    filters,
                    number,
                    pool: pool.to_owned(),
                    attempts: retry("attempts").and_then(|n| n.as_u64()).unwrap_or(ATTEMPTS),
                    along_fallback: retry("along").is_some_and(|along| along == "fallback"),
                    body_limit: retry("body_limit").and_then(size).unwrap_or(BODY_LIMIT),
                    routes: view.routes_of(pool),
                }
            })
        })
    }

    /// Something wrong in this entry.
    pub(super) fn error(&self, field: &str, found: &str, allowed: &str, cure: &str) -> Error {
        let path = format!("retry_breaker[{}].{field}", self.number);
        self.filters.error(&path, found, allowed, cure)
    }

    /// The pool and its fallbacks, in order.
    fn chain(&self) -> Vec<&str> {
        let pools = self.filters.json.get("pools").and_then(|pools| pools.as_array());
        let mut pools = pools.map(Vec::as_slice).unwrap_or_default().iter();
        let own = pools.find(|pool| pool.get("name").is_some_and(|name| *name == *self.pool));
        let fallback = own.and_then(|pool| pool.get("fallback")?.as_array());
        let fallback = fallback.map(Vec::as_slice).unwrap_or_default();
        let names = fallback.iter().filter_map(|name| name.as_str());
        std::iter::once(self.pool.as_str()).chain(names).collect()
    }
}

/// The filters' defaults.
const ATTEMPTS: u64 = 3;
const BODY_LIMIT: u64 = 1 << 20;

/// Without a route for its name a pool's requests go wherever the others go.
pub(super) fn pool_route(view: &View<'_>) -> Vec<Error> {
    let without = Retried::all(view).filter(|retried| retried.routes.is_empty());
    let error = |retried: Retried<'_, '_>| {
        let found = format!("pool `{}`, which no route is for", retried.pool);
        let allowed = format!("a route that matches x-llm-pool: {} exactly", retried.pool);
        retried.error("pool", &found, &allowed, "add one, or correct the name")
    };
    without.map(error).collect()
}

/// A plan along the fallbacks is true only where the route's cluster has them as members, in the same order.
pub(super) fn fallback_chain(view: &View<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    for retried in Retried::all(view).filter(|retried| retried.attempts > 1) {
        for route in &retried.routes {
            let Some((cluster, _)) = route.cluster().and_then(|name| view.cluster(name)) else {
                continue;
            };
            if !retried.along_fallback {
                if !cluster.members.is_empty() {
                    let found = format!("`pool`, and a route to the composite `{}`", cluster.name);
                    let cure = "write `fallback`, or let the route lead to the pool's own cluster";
                    errors.push(retried.error("retry.along", &found, "`fallback` there", cure));
                }
                continue;
            }
            let chain = retried.chain();
            let wanted: Option<Vec<&str>> =
                chain.iter().map(|pool| view.cluster_of_pool(pool)).collect();
            let Some(wanted) = wanted else {
                let lacking = chain.iter().find(|pool| view.cluster_of_pool(pool).is_none());
                let found = format!("fallback `{}` without a route", lacking.unwrap_or(&""));
                let cure = "add a route for x-llm-pool with that value";
                errors.push(retried.error("pool", &found, "a route for every pool", cure));
                continue;
            };
            // The filters ask for no more attempts than the chain has pools.
            let attempts =
                wanted.len().min(usize::try_from(retried.attempts).unwrap_or(usize::MAX));
            let wanted = wanted.get(..attempts).unwrap_or(&wanted);
            let alone = wanted.len() == 1 && cluster.members.is_empty();
            let members: Vec<&str> =
                cluster.members.iter().take(attempts).map(String::as_str).collect();
            if !alone && members != wanted {
                let members = listed(&cluster.members, "no members");
                let found = format!("cluster `{}` with {members}", cluster.name);
                let allowed = format!(
                    "a composite cluster of {}, as `{}` and its fallbacks",
                    wanted.join(", "),
                    retried.pool
                );
                let cure = "give it these members in this order, or change `fallback`";
                errors.push(route.error(&found, &allowed, cure));
            }
        }
    }
    errors
}

/// Behind the last member of a composite comes nothing: Envoy puts a 503 of its own in the place of the last answer.
pub(super) fn attempts(view: &View<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    for route in view.forwards() {
        let Some((cluster, _)) = route.cluster().and_then(|name| view.cluster(name)) else {
            continue;
        };
        let policy = route.forward.retry_policy.as_ref().or(route.host.retry_policy.as_ref());
        let Some(policy) = policy.filter(|policy| !policy.retry_on.is_empty()) else { continue };
        let members = cluster.members.len() as u64;
        let attempts = policy.num_retries.saturating_add(1);
        if members > 0 && attempts > members {
            let found = format!("a retry policy of {attempts} attempts at {members} members");
            let cure = "lower `num_retries` (Istio: `retries.attempts`); the next attempt would have no \
                        member, and the client gets Envoy's 503 in the place of the last answer";
            errors.push(route.error(&found, "as many attempts as members", cure));
        }
    }
    errors
}

/// Envoy's default: three retries of a cluster at once.
const RETRIES: u32 = 3;

/// In an outage every request is tried again, and all but three of them would be refused.
pub(super) fn max_retries(view: &View<'_>) -> Vec<Error> {
    let mut errors = Vec::new();
    let mut told = Vec::new();
    for retried in Retried::all(view).filter(|retried| retried.attempts > 1) {
        for name in retried.routes.iter().filter_map(PoolRoute::cluster) {
            let Some((cluster, reader)) = view.cluster(name) else { continue };
            let limits = &cluster.thresholds;
            if limits.retry_budget.is_some() || limits.retries > RETRIES || told.contains(&name) {
                continue;
            }
            told.push(name);
            let found = format!(
                "cluster `{name}`, whose requests are tried again, with {} retries at once",
                limits.retries
            );
            let cure = "raise `circuit_breakers.thresholds.max_retries` of this cluster, whatever its \
                        members have (Istio: `connectionPool.http.maxRetries`); Envoy's default refuses \
                        the retries of an outage";
            let allowed = "more than 3, or a `retry_budget`";
            errors.push(down(&reader, &["circuit_breakers"]).invalid(&found, allowed, cure));
        }
    }
    errors
}

fn listed(names: &[String], none: &str) -> String {
    if names.is_empty() { none.to_owned() } else { format!("members {}", names.join(", ")) }
}
