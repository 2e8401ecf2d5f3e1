//! The filter: facts in, the policy's choice out.

use filter_shell::{Decision, Facts, Filter, Section, Shared, section};
use serde_json::Value;
use traffic_policy::invalid::Invalid;
use traffic_policy::route::{Outcome, RawRouter, Router};

use crate::metrics::Metrics;
use crate::refusal::reply;
use crate::request::request;

/// The section `token_router`.
pub const SECTION: Section = Section { name: "token_router", build };

struct TokenRouter {
    policy: Router,
    metrics: Metrics,
}

fn build(value: Value, shared: &Shared) -> Result<Box<dyn Filter>, Invalid> {
    let raw: RawRouter = section(value)?;
    let body = shared.body;
    let policy = Router::build(raw, shared.catalog.clone(), body.on_incomplete, body.on_malformed)?;
    let metrics = Metrics::declare(&policy);
    Ok(Box::new(TokenRouter { policy, metrics }))
}

impl TokenRouter {
    /// The model's real name; one that is not configured stays as the client wrote it, if a header
    /// can carry that.
    fn model_header(&self, name: &str) -> Option<String> {
        let carries = || name.bytes().all(|byte| byte.is_ascii_graphic());
        self.policy.resolve(name).or_else(|| carries().then(|| name.to_owned()))
    }
}

impl Filter for TokenRouter {
    fn decide(&self, facts: &Facts, decision: &mut Decision) {
        let choice = self.policy.route(&request(facts));
        self.metrics.count(&choice);
        decision.reason = Some(choice.reason.to_owned());
        decision.model = facts.body.model.as_deref().and_then(|name| self.model_header(name));
        match choice.outcome {
            Outcome::Pool(pool) => decision.pool = Some(pool.to_owned()),
            Outcome::Refuse(why) => decision.refuse(reply(why, facts)),
        }
    }

    fn reads_headers(&self) -> Vec<String> {
        self.policy.headers().map(str::to_owned).collect()
    }
}
