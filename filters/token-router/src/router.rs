//! The filter: facts in, the policy's choice out.

use filter_shell::{Decision, Facts, Filter, Part, Section, Shared, section};
use serde_json::Value;
use traffic_policy::invalid::Invalid;
use traffic_policy::route::{Outcome, RawRouter, Request, Router, TokenCount};

use crate::metrics::Metrics;
use crate::refusal::reply;
use crate::request::{open_ended, request};

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
    fn send_to(&self, pool: &str, asked: Option<&str>, decision: &mut Decision) {
        decision.pool = Some(pool.to_owned());
        let Some((asked, served)) = asked.zip(asked.and_then(|a| self.policy.model_for(pool, a)))
        else {
            return;
        };
        decision.model = Some(served.to_owned());
        decision.model_in_body = (served != asked).then(|| served.to_owned());
    }

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
        let model = facts.body.model.as_deref().filter(|_| facts.part != Part::Malformed);
        decision.model = model.and_then(|name| self.model_header(name));
        match choice.outcome {
            Outcome::Pool(pool) => self.send_to(pool, model, decision),
            Outcome::Refuse(why) => decision.refuse(reply(why, facts)),
        }
    }

    fn settles(&self, facts: &Facts, at_least: u64, at_most: Option<u64>) -> bool {
        let prompt_tokens = open_ended(facts, TokenCount { at_least, at_most });
        self.policy.settles(&Request { prompt_tokens, ..request(facts) })
    }

    fn reads_headers(&self) -> Vec<String> {
        self.policy.headers().map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;
    use filter_shell::{Facts, Part};
    use llm_wire::{Api, RequestFacts, TokenSource};
    use traffic_policy::catalog::{Catalog, RawModel, RawPool};
    use traffic_policy::route::Fallback;

    fn filter() -> TokenRouter {
        let models: Vec<RawModel> =
            serde_json::from_value(serde_json::json!([{"name": "llama-8b", "aliases": ["mini"]}]))
                .unwrap();
        let pools: Vec<RawPool> =
            serde_json::from_value(serde_json::json!([{"name": "large"}, {"name": "small"}]))
                .unwrap();
        let raw: RawRouter = section(serde_json::json!({
            "rules": [{"name": "short", "when": {"prompt_tokens": {"at_most": 100}}, "pool": "small"}],
            "default": {"pool": "large"},
            "on_unknown_model": "refuse"
        }))
        .unwrap();
        let catalog = Catalog::try_from((models, pools)).unwrap();
        let policy = Router::build(raw, catalog, Fallback::Refuse, Fallback::RouteDefault).unwrap();
        let metrics = Metrics::declare(&policy);
        TokenRouter { policy, metrics }
    }

    fn facts(model: &str, tokens: u64, part: Part) -> Facts {
        let source = TokenSource::Estimated;
        let prompt = llm_wire::TokenCount { tokens, error_percent: 10, source };
        let body = RequestFacts { model: Some(model.into()), prompt, ..RequestFacts::default() };
        Facts {
            path: "/v1/chat/completions".into(),
            api: Some(Api::OpenAiChat),
            body,
            part,
            ..Facts::default()
        }
    }

    fn decided(facts: &Facts) -> Decision {
        let mut decision = Decision::default();
        filter().decide(facts, &mut decision);
        decision
    }

    #[test]
    fn the_header_names_the_real_model_and_the_pool_and_why() {
        let decision = decided(&facts("mini", 100, Part::Whole));
        assert_eq!(decision.model.as_deref(), Some("llama-8b"));
        assert_eq!(decision.pool.as_deref(), Some("small"));
        assert_eq!(decision.reason.as_deref(), Some("short"));
        assert_eq!(decision.refusal(), None);
    }

    #[test]
    fn a_beginning_can_only_prove_a_prompt_long() {
        assert_eq!(decided(&facts("mini", 101, Part::Beginning)).pool.as_deref(), Some("large"));
        let short_so_far = decided(&facts("mini", 5, Part::Beginning));
        assert_eq!(short_so_far.refusal().map(|reply| reply.status), Some(413));
    }

    #[test]
    fn a_prompt_that_the_server_has_a_part_of_is_not_known_to_be_short() {
        let mut stored = facts("mini", 5, Part::Whole);
        stored.body.has_stored_context = true;
        assert_eq!(decided(&stored).reason.as_deref(), Some("incomplete"));
    }

    #[test]
    fn an_unknown_model_is_refused_as_the_api_words_it() {
        let refusal = decided(&facts("gpt-5", 5, Part::Whole)).refusal().cloned().unwrap();
        assert_eq!((refusal.status, refusal.code), (404, Some("model_not_found")));
        assert!(refusal.message.contains("`gpt-5`"));
    }

    #[test]
    fn a_name_that_no_header_can_carry_is_not_sent_on() {
        let mut odd = facts("a\nx-llm-pool: b", 5, Part::Beginning);
        odd.body.prompt.tokens = 500;
        assert_eq!(decided(&odd).model, None);
    }

    #[test]
    fn nothing_of_a_malformed_body_is_believed() {
        let decision = decided(&facts("mini", 5, Part::Malformed));
        assert_eq!((decision.model, decision.pool.as_deref()), (None, Some("large")));
    }

    #[test]
    fn a_whole_configuration_is_checked_as_the_proxy_would() {
        let error =
            check(r#"{"version": 1, "pools": [], "token_router": {"default": {"pool": "x"}}}"#);
        assert_eq!(
            error,
            Err("token_router.default.pool: found `x`; allowed none yet; add it to pools".into())
        );
    }
}
