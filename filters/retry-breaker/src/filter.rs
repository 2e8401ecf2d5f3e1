//! The filter: where a request goes, and how often it is tried.

use std::rc::Rc;

use filter_shell::{
    Decision, Facts, Filter, Followed, Follower, Follows, Reply, Section, Shared, section,
};
use serde_json::Value;
use traffic_policy::breaker::{Admitted, Roster};
use traffic_policy::catalog::Catalog;
use traffic_policy::invalid::Invalid;
use traffic_policy::retry::STEERING;

use crate::ask::{self, prompt_tokens};
use crate::config::{Entry, entries};
use crate::follow::Following;
use crate::metrics::{EJECTED, Metrics};
use crate::target::{self, Target};
use crate::watched::{Sent, Watched};

/// The section `retry_breaker`.
pub const SECTION: Section = Section { name: "retry_breaker", build };

struct RetryBreaker {
    watched: Rc<[Watched]>,
    catalog: Catalog,
    /// Clients may say how often the proxy tries.
    obeys: bool,
}

/// Which attempt it is says the proxy, behind this filter, and nobody else.
const ATTEMPT_COUNT: &str = "x-envoy-attempt-count";

/// Which servers the proxy is to ask, in order.
const ENDPOINT: &str = "x-llm-endpoint";

// Compiled by itself; why is said at the profile `filter` in Cargo.toml.
#[inline(never)]
fn build(value: Value, shared: &Shared) -> Result<Box<dyn Filter>, Invalid> {
    let entries = entries(section(value)?, &shared.catalog)?;
    let obeys = entries.iter().any(|entry| entry.retry.obeys_client_headers());
    let watched = entries.into_iter().map(watch).collect::<Result<Vec<Watched>, Invalid>>()?;
    Ok(Box::new(RetryBreaker { watched: watched.into(), catalog: shared.catalog.clone(), obeys }))
}

fn watch(entry: Entry) -> Result<Watched, Invalid> {
    let pool = &entry.pool;
    let endpoints: Vec<String> = pool.endpoints.iter().map(ToString::to_string).collect();
    let roster = Roster::new(&pool.name, &pool.versions, &endpoints)?;
    let metrics = Metrics::declare(&pool.name, pool.fallback.iter().map(String::as_str));
    Ok(Watched::new(entry, roster, metrics))
}

impl RetryBreaker {
    fn find(&self, name: &str) -> Option<&Watched> {
        self.watched.iter().find(|pool| pool.name() == name)
    }

    /// Sends a request to a pool that takes it.
    fn send(&self, pool: &Watched, admitted: Admitted, facts: &Facts, decision: &mut Decision) {
        let is_enforced = !pool.entry.mode.is_shadow();
        decision.pool.get_or_insert_with(|| pool.name().to_owned());
        if is_enforced {
            let endpoints = admitted.endpoints.map(|members| pool.names(&members).join(","));
            decision.for_proxy.extend(endpoints.map(|endpoints| (ENDPOINT, endpoints)));
            let avoid = pool.names(&admitted.avoid);
            decision.avoid_versions = avoid.into_iter().map(str::to_owned).collect();
        }
        if facts.api.is_none() {
            return;
        }
        let ask = ask::of(facts, &pool.entry.chain);
        let policy = &pool.entry.retry;
        let is_allowed = pool.may_retry(facts.now, prompt_tokens(facts), policy.at_stake(&ask));
        let retry = policy.plan(&ask, is_allowed);
        if let Some(reason) = retry.why_not {
            pool.metrics.denied(reason);
        }
        if is_enforced {
            decision.for_proxy.extend(retry.headers);
            decision.plan = Some(retry.plan);
        }
    }

    /// Whether a pool would get a request with its own model in it. What of the body cannot be read cannot be
    /// changed.
    fn can_divert(&self, to: &str, facts: &Facts, decision: &Decision) -> bool {
        let model = self.catalog.pool(to).and_then(|pool| pool.model.as_deref());
        let is_same = model.is_none() || model == decision.model.as_deref();
        is_same || facts.api.is_none() || facts.body.model_at.is_some()
    }

    /// Sends a request elsewhere than it was sent. Another model has to be named in its body.
    fn divert(&self, from: &Watched, to: &str, facts: &Facts, decision: &mut Decision) {
        from.metrics.diverted(to);
        if from.entry.mode.is_shadow() {
            log::debug!("llm-mesh: pool {} is ejected (shadow: nothing is done)", from.name());
            return;
        }
        let model = self.catalog.pool(to).and_then(|pool| pool.model.as_deref());
        if let Some(model) = model.filter(|model| decision.model.as_deref() != Some(*model)) {
            decision.serve_as(model, facts);
        }
        decision.pool = Some(to.to_owned());
        decision.reason = Some(EJECTED.to_owned());
    }
}

impl Filter for RetryBreaker {
    fn decide(&self, facts: &Facts, decision: &mut Decision) {
        let name = decision.pool_of(facts).or(self.catalog.only_pool());
        let first = name.and_then(|name| self.find(name));
        let Some(first) = first.filter(|_| decision.refusal().is_none()) else { return };
        let sent = Sent { at: facts.now, draw: facts.draw };
        let is_shadow = first.entry.mode.is_shadow();
        let version = decision.version_of(facts).map(str::to_owned);
        let can = |pool: &str| self.can_divert(pool, facts, decision);
        match target::choose(&self.watched, first, &can, version.as_deref(), sent) {
            Target::Nowhere(wait) => {
                first.metrics.refused.increment();
                if !is_shadow {
                    decision.refuse(all_ejected(wait));
                }
            }
            Target::Other(to) => self.divert(first, to, facts, decision),
            Target::Watched(pool, admitted) => {
                let is_diverted = pool.name() != first.name();
                if is_diverted {
                    self.divert(first, pool.name(), facts, decision);
                }
                if !(is_diverted && is_shadow) {
                    self.send(pool, admitted, facts, decision);
                }
            }
        }
    }

    fn takes_away(&self) -> Vec<&'static str> {
        let steering = STEERING.into_iter().filter(|_| !self.obeys);
        steering.chain([ATTEMPT_COUNT]).collect()
    }

    fn follows(&self) -> Follows {
        let endpoint = self.watched.iter().any(|pool| !pool.entry.pool.endpoints.is_empty());
        Follows { answers: true, upstream: true, endpoint, ..Follows::default() }
    }

    fn follow(&self, exchange: &Followed<'_>) -> Option<Box<dyn Follower>> {
        Following::of(&self.watched, exchange).map(|following| Box::new(following) as _)
    }
}

fn all_ejected(wait: std::time::Duration) -> Reply {
    Reply {
        status: 503,
        code: Some("all_ejected"),
        message:
            "The servers of this model are not available at the moment. Please try again later."
                .into(),
        param: None,
        // Now is not later.
        retry_after: Some(wait.max(std::time::Duration::from_secs(1))),
    }
}
