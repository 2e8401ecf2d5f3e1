//! The filter: the pools that are split, and who is asked about a request.

use std::time::Duration;

use filter_shell::{
    Answered, Decision, Facts, Filter, Followed, Follower, Follows, Now, Question, Section, Shared,
    section,
};
use serde_json::Value;
use traffic_policy::catalog::Catalog;
use traffic_policy::invalid::Invalid;
use traffic_policy::record::fingerprint;
use traffic_policy::split::Key;

use crate::config::entries;
use crate::splitting::Splitting;

/// The section `canary_split`.
pub const SECTION: Section = Section { name: "canary_split", build };

struct CanarySplit {
    pools: Vec<Splitting>,
    catalog: Catalog,
}

// Compiled by itself; why is said at the profile `filter` in Cargo.toml.
#[inline(never)]
fn build(value: Value, shared: &Shared) -> Result<Box<dyn Filter>, Invalid> {
    let configuration = fingerprint(&value.to_string());
    let entries = entries(section(value)?, shared)?;
    let pools = entries.into_iter().map(|entry| Splitting::new(entry, configuration)).collect();
    Ok(Box::new(CanarySplit { pools, catalog: shared.catalog.clone() }))
}

impl CanarySplit {
    fn of(&self, facts: &Facts, decision: &Decision) -> Option<&Splitting> {
        let pool = decision.pool_of(facts).or(self.catalog.only_pool())?;
        self.pools.iter().find(|splitting| splitting.entry().pool == pool)
    }
}

impl Filter for CanarySplit {
    fn decide(&self, facts: &Facts, decision: &mut Decision) {
        if decision.refusal().is_some() || facts.version.is_some() {
            return;
        }
        if let Some(splitting) = self.of(facts, decision) {
            splitting.decide(facts, decision);
        }
    }

    fn diverted(&self, facts: &Facts, decision: &mut Decision) {
        (decision.version, decision.version_reason, decision.set_cookie) = (None, None, None);
        self.decide(facts, decision);
    }

    fn reads_headers(&self) -> Vec<String> {
        let entries = self.pools.iter().map(Splitting::entry);
        let forces = entries.clone().filter_map(|entry| Some(entry.force.as_ref()?.header.clone()));
        let keys = entries.flat_map(|entry| &entry.sticky).filter_map(|key| match key {
            Key::Header(name) | Key::Claim { header: name, .. } => Some(name.clone()),
            Key::Cookie(_) => Some("cookie".to_owned()),
            Key::Body(_) | Key::Conversation => None,
        });
        forces.chain(keys).collect()
    }

    fn reads_conversation(&self) -> bool {
        self.pools.iter().any(|splitting| splitting.entry().sticky.contains(&Key::Conversation))
    }

    fn in_force(&self) {
        self.pools.iter().for_each(Splitting::in_force);
    }

    fn ticks_every(&self) -> Option<Duration> {
        self.pools.iter().filter_map(Splitting::ticks_every).min()
    }

    /// The number of a question is the place of its pool.
    fn tick(&self, now: Now) -> Vec<Question> {
        let asked = |(number, splitting): (u32, &Splitting)| {
            Some(Question { number, ..splitting.tick(now)? })
        };
        (0..).zip(&self.pools).filter_map(asked).collect()
    }

    fn answered(&self, number: u32, answered: &Answered) {
        if let Some(splitting) = self.pools.get(number as usize) {
            splitting.answered(answered);
        }
    }

    fn replaced(&self) {
        self.pools.iter().for_each(Splitting::replaced);
    }

    fn follows(&self) -> Follows {
        let answers = self.ticks_every().is_some();
        Follows { answers, ..Follows::default() }
    }

    fn follow(&self, exchange: &Followed<'_>) -> Option<Box<dyn Follower>> {
        self.of(exchange.facts, exchange.decision)?.follow(exchange)
    }
}
