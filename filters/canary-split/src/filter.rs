//! The filter: which version of its pool a request gets.

use filter_shell::{Decision, Facts, Filter, Section, Shared, section};
use serde_json::Value;
use traffic_policy::catalog::Catalog;
use traffic_policy::invalid::Invalid;
use traffic_policy::split::{Arm, Key};

use crate::config::{Entry, entries};
use crate::known::known;
use crate::metrics::{FORCED, Metrics};

/// The section `canary_split`.
pub const SECTION: Section = Section { name: "canary_split", build };

struct CanarySplit {
    pools: Vec<Splitting>,
    catalog: Catalog,
}

/// A pool that is split.
struct Splitting {
    entry: Entry,
    weights: Vec<u32>,
    metrics: Metrics,
}

// Compiled by itself; why is said at the profile `filter` in Cargo.toml.
#[inline(never)]
fn build(value: Value, shared: &Shared) -> Result<Box<dyn Filter>, Invalid> {
    let entries = entries(section(value)?, shared)?;
    let pools = entries.into_iter().map(Splitting::new).collect();
    Ok(Box::new(CanarySplit { pools, catalog: shared.catalog.clone() }))
}

impl Splitting {
    fn new(entry: Entry) -> Self {
        let metrics = Metrics::declare(&entry.pool, &entry.split, &entry.sticky);
        let weights = entry.split.weights();
        metrics.weights(&weights);
        Self { entry, weights, metrics }
    }

    fn decide(&self, facts: &Facts, decision: &mut Decision) {
        let Some((arm, reason, set_cookie)) = self.choose(facts, &decision.avoid_versions) else {
            return;
        };
        self.metrics.count(arm, reason);
        let Some(arm) = self.entry.split.arms().get(arm) else { return };
        if self.entry.mode.is_shadow() {
            return;
        }
        decision.version = Some(arm.version.clone());
        decision.version_reason = Some(reason);
        decision.set_cookie = set_cookie;
        if let Some(model) = &arm.model {
            decision.serve_as(model, facts);
        }
    }

    /// The place of the version, why it is that one, and what the client is to be given.
    fn choose(
        &self,
        facts: &Facts,
        avoid: &[String],
    ) -> Option<(usize, &'static str, Option<String>)> {
        let Entry { split, sticky, force, .. } = &self.entry;
        let forced = force.as_ref().and_then(|force| {
            let (_, value) = facts.headers.iter().find(|(name, _)| *name == force.header)?;
            force.choose(split, value)
        });
        if let Some(arm) = forced {
            return Some((arm, FORCED, None));
        }
        let known = known(facts, sticky);
        // Only the users of a version that is avoided move. If all are, none is.
        let weight = |(arm, weight): (&Arm, &u32)| {
            if avoid.contains(&arm.version) { 0 } else { *weight }
        };
        let weights: Vec<u32> = split.arms().iter().zip(&self.weights).map(weight).collect();
        let arm =
            split.assign(known.key, &weights).or_else(|| split.assign(known.key, &self.weights))?;
        Some((arm, known.by, known.set_cookie))
    }
}

impl Filter for CanarySplit {
    fn decide(&self, facts: &Facts, decision: &mut Decision) {
        if decision.refusal().is_some() || facts.version.is_some() {
            return;
        }
        let pool = decision.pool_of(facts).or(self.catalog.only_pool());
        let splitting = pool.and_then(|name| self.pools.iter().find(|s| s.entry.pool == name));
        if let Some(splitting) = splitting {
            splitting.decide(facts, decision);
        }
    }

    fn diverted(&self, facts: &Facts, decision: &mut Decision) {
        (decision.version, decision.version_reason, decision.set_cookie) = (None, None, None);
        self.decide(facts, decision);
    }

    fn reads_headers(&self) -> Vec<String> {
        let entries = self.pools.iter().map(|splitting| &splitting.entry);
        let forces = entries.clone().filter_map(|entry| Some(entry.force.as_ref()?.header.clone()));
        let keys = entries.flat_map(|entry| &entry.sticky).filter_map(|key| match key {
            Key::Header(name) | Key::Claim { header: name, .. } => Some(name.clone()),
            Key::Cookie(_) => Some("cookie".to_owned()),
            Key::Body(_) | Key::Conversation => None,
        });
        forces.chain(keys).collect()
    }

    fn reads_conversation(&self) -> bool {
        self.pools.iter().any(|splitting| splitting.entry.sticky.contains(&Key::Conversation))
    }
}
