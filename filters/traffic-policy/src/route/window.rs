//! Whether a request fits into what a model can read, and where it goes if it does not.
//!
//! A model has a context window for prompt and answer together, and a server refuses what does not
//! fit only after it has queued and tokenised it. The window of a pool is that of its model, or of
//! the requested model where a pool names none; a pool without a window takes everything.
//!
//! A count may be an estimate, so there are three answers, not two. What may be too long by the
//! estimate's error is sent to a larger window if there is one, because that costs little; it is
//! refused only if it is too long for sure, because a refusal costs the client the answer.

use super::{Choice, Outcome, Refusal, Router, reason};
use crate::catalog::Pool;
use crate::route::request::{Known, Request, Seen};

/// What to do with a request that does not fit into the model of the pool that was chosen for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overflow {
    /// Let the server say so.
    #[default]
    Ignore,
    /// Answer it with an error in the API's own shape.
    Refuse,
    /// Send it to the first pool in the chosen one's `fallback` into which it fits, or refuse it.
    RouteLarger,
}

/// How many tokens a request needs in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Need {
    at_least: u64,
    at_most: Option<u64>,
}

impl Need {
    fn of(request: &Request<'_>) -> Self {
        let prompt = request.prompt_within;
        let (least_answer, most_answer) = match request.requested_tokens {
            Known::Value(tokens) => (tokens, Some(tokens)),
            // Without a limit the answer takes what is left, and needs one token of it.
            Known::Absent => (1, Some(1)),
            Known::NotYet => (1, None),
        };
        Self {
            at_least: prompt.at_least.saturating_add(least_answer),
            at_most: prompt.at_most.zip(most_answer).map(|(a, b)| a.saturating_add(b)),
        }
    }

    fn fits(self, window: Option<u64>) -> bool {
        window.is_none_or(|window| self.at_most.is_some_and(|most| most <= window))
    }
}

impl Router {
    /// The choice, or another in its place if the request does not fit there.
    pub(super) fn fit<'p>(&'p self, choice: Choice<'p>, request: &Request<'_>) -> Choice<'p> {
        let Outcome::Pool(name) = choice.outcome else { return choice };
        let seen = matches!(request.seen, Seen::Whole | Seen::Part);
        let Some(pool) = self.catalog.pool(name).filter(|_| seen) else { return choice };
        let need = Need::of(request);
        let others = match self.on_context_overflow {
            Overflow::Ignore => return choice,
            Overflow::Refuse => &[],
            Overflow::RouteLarger => pool.fallback.as_slice(),
        };
        let others = others.iter().filter_map(|name| self.catalog.pool(name));
        let pools = std::iter::once(pool).chain(others).map(|p| (p, self.window(p, request)));
        let sure = pools.clone().find(|(_, window)| need.fits(*window));
        // Without certainty, where there is most room; of equals, the one named first.
        let most =
            |best: (&'p Pool, _), next: (&'p Pool, _)| if next.1 > best.1 { next } else { best };
        let Some((found, window)) = sure.or_else(|| pools.clone().reduce(most)) else {
            return choice;
        };
        let reason = reason::CONTEXT_WINDOW;
        match window {
            Some(window) if need.at_least > window => {
                Choice { outcome: Outcome::Refuse(Refusal::ContextWindow { window }), reason }
            }
            _ if found.name == pool.name => choice,
            _ => Choice { outcome: Outcome::Pool(&found.name), reason },
        }
    }

    /// The pools that [`Overflow::RouteLarger`] may choose.
    pub(super) fn larger_pools(&self) -> impl Iterator<Item = &str> {
        let divert = self.on_context_overflow == Overflow::RouteLarger;
        let pools = self.catalog.pools().iter().filter(move |_| divert);
        pools.flat_map(|pool| &pool.fallback).map(String::as_str)
    }

    fn window(&self, pool: &Pool, request: &Request<'_>) -> Option<u64> {
        let requested = match request.model {
            Known::Value(name) => Some(name),
            Known::Absent | Known::NotYet => None,
        };
        let model = pool.model.as_deref().or(requested)?;
        self.catalog.resolve(model)?.context_window
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, RawModel, RawPool};
    use crate::invalid::Invalid;
    use crate::route::{Fallback, TokenCount};
    use serde_json::json;

    fn router(overflow: &str) -> Result<Router, Invalid> {
        let models: Vec<RawModel> = serde_json::from_value(json!([
            {"name": "small", "context_window": 1000},
            {"name": "middle", "context_window": 2000},
            {"name": "large", "context_window": 4000},
            {"name": "endless"}
        ]))
        .unwrap();
        let pools: Vec<RawPool> = serde_json::from_value(json!([
            {"name": "a", "model": "small", "fallback": ["b", "c"]},
            {"name": "b", "model": "middle"},
            {"name": "c", "model": "large"},
            {"name": "any"}
        ]))
        .unwrap();
        let catalog = Catalog::try_from((models, pools)).unwrap();
        let section = json!({"default": {"pool": "a"}, "on_context_overflow": overflow, "rules": [
            {"name": "free", "when": {"path": "/free"}, "pool": "any"}]});
        let section = serde_json::from_value(section).unwrap();
        Router::build(section, catalog, Fallback::RouteDefault, Fallback::RouteDefault)
    }

    fn chat(tokens: u64, error: u64) -> Request<'static> {
        Request {
            seen: Seen::Whole,
            path: "/v1/chat/completions",
            headers: &[],
            expects_model: true,
            model: Known::Value("small"),
            prompt_tokens: TokenCount::exactly(tokens),
            prompt_within: TokenCount {
                at_least: tokens - tokens * error / 100,
                at_most: Some(tokens + tokens * error / 100),
            },
            requested_tokens: Known::Value(100),
            stream: Known::Absent,
            tools: Known::Absent,
            images: Known::Absent,
        }
    }

    #[track_caller]
    fn goes(overflow: &str, request: Request<'_>, wanted: &str) {
        let router = router(overflow).unwrap();
        let choice = router.route(&request);
        let got = match choice.outcome {
            Outcome::Pool(pool) => format!("{pool}: {}", choice.reason),
            Outcome::Refuse(why) => format!("{why:?}: {}", choice.reason),
        };
        assert_eq!(got, wanted);
    }

    const REFUSED: &str = "ContextWindow { window: 4000 }: context_window";

    #[test]
    fn prompt_and_answer_together_must_fit() {
        goes("route_larger", chat(900, 0), "a: default");
        goes("route_larger", chat(901, 0), "b: context_window");
        goes("route_larger", chat(1901, 0), "c: context_window");
        goes("route_larger", chat(3900, 0), "c: context_window");
        goes("route_larger", chat(3901, 0), REFUSED);
    }

    #[test]
    fn what_may_be_too_long_goes_to_more_room_and_is_not_refused() {
        goes("route_larger", chat(850, 10), "b: context_window");
        goes("route_larger", chat(3800, 10), "c: context_window");
        goes("route_larger", chat(4400, 10), REFUSED);
        goes("refuse", chat(950, 10), "a: default");
        goes("refuse", chat(1100, 10), "ContextWindow { window: 1000 }: context_window");
    }

    #[test]
    fn an_answer_without_a_limit_needs_one_token() {
        let request = |tokens| Request { requested_tokens: Known::Absent, ..chat(tokens, 0) };
        goes("refuse", request(999), "a: default");
        goes("refuse", request(1000), "ContextWindow { window: 1000 }: context_window");
    }

    #[test]
    fn of_a_beginning_only_what_was_seen_counts_against_it() {
        let part = |tokens| Request {
            seen: Seen::Part,
            prompt_tokens: TokenCount::at_least(tokens),
            prompt_within: TokenCount::at_least(tokens),
            requested_tokens: Known::NotYet,
            ..chat(0, 0)
        };
        goes("refuse", part(999), "a: default");
        goes("route_larger", part(10), "c: context_window");
        goes("route_larger", part(4000), REFUSED);
    }

    #[test]
    fn a_pool_without_a_model_has_the_window_of_the_requested_one() {
        let free = |model, tokens| Request {
            path: "/free",
            model: Known::Value(model),
            ..chat(tokens, 0)
        };
        goes("refuse", free("small", 901), "ContextWindow { window: 1000 }: context_window");
        goes("refuse", free("middle", 901), "any: free");
        goes("refuse", free("endless", 1 << 40), "any: free");
    }

    #[test]
    fn without_the_setting_and_without_a_body_nothing_is_judged() {
        goes("ignore", chat(5000, 0), "a: default");
        goes("refuse", Request { seen: Seen::HeadersOnly, ..chat(5000, 0) }, "a: default");
    }

    #[test]
    fn a_setting_that_can_do_nothing_is_refused() {
        let section = json!({"default": {"pool": "a"}, "on_context_overflow": "refuse"});
        let pools: Vec<RawPool> = serde_json::from_value(json!([{"name": "a"}])).unwrap();
        let catalog = Catalog::try_from((vec![], pools)).unwrap();
        let built = Router::build(
            serde_json::from_value(section).unwrap(),
            catalog,
            Fallback::RouteDefault,
            Fallback::RouteDefault,
        );
        assert_eq!(
            built.unwrap_err().to_string(),
            "on_context_overflow: found `refuse`, and no model with a context_window; add one to models"
        );
    }
}
