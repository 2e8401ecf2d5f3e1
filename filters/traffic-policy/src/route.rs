//! Which pool a request goes to, and why.
//!
//! The first rule whose conditions hold decides; its name is the reason. A decision may have to be
//! taken before the whole request was seen (a body larger than the inspection limit, a slow
//! client), so conditions are three-valued: what was seen may already prove a rule right or wrong,
//! or leave it open. A prompt that has 6,000 tokens so far has *at least* 6,000, whatever follows.
//! Only if an open rule stands before the first one that holds is the request undecidable, and then
//! the configuration says what happens.

mod condition;
mod config;
mod request;
mod window;

pub use condition::Condition;
pub use config::{RawCondition, RawDefault, RawRange, RawRouter, RawRule};
pub use request::{Known, Request, Seen, TokenCount};
pub use window::Overflow;

use crate::catalog::Catalog;
use crate::route::condition::Truth;

/// The routing policy of one configuration.
#[derive(Debug, Clone)]
pub struct Router {
    rules: Vec<Rule>,
    default_pool: String,
    catalog: Catalog,
    on_unknown_model: Fallback,
    on_context_overflow: Overflow,
    rewrite_model: bool,
    on_incomplete: Fallback,
    on_malformed: Fallback,
}

/// One rule: a name, conditions that must all hold, and where to.
#[derive(Debug, Clone)]
struct Rule {
    name: String,
    when: Vec<Condition>,
    pool: String,
}

/// What to do with a request that the rules cannot judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fallback {
    /// Send it to the default pool.
    RouteDefault,
    /// Answer it with an error in the API's own shape.
    Refuse,
}

/// The answer for one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<'p> {
    /// Where it goes, or that it does not.
    pub outcome: Outcome<'p>,
    /// The name of the rule, or one of the reasons in [`reason`].
    pub reason: &'p str,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'p> {
    /// To this pool.
    Pool(&'p str),
    /// Nowhere: the client gets an error.
    Refuse(Refusal),
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No configured model has this name.
    UnknownModel,
    /// The request does not name a model, and models are configured.
    MissingModel,
    /// What was seen of the body does not suffice for a decision.
    Incomplete,
    /// The body is not what the API takes.
    Malformed,
    /// Prompt and answer do not fit into any context window that it may go to.
    ContextWindow {
        /// The largest of them.
        window: u64,
    },
}

/// The reasons that are not a rule's name. A rule may not be called like one of them.
pub mod reason {
    /// No rule held.
    pub const DEFAULT: &str = "default";
    /// No configured model has the requested name.
    pub const UNKNOWN_MODEL: &str = "unknown_model";
    /// The request names no model.
    pub const MISSING_MODEL: &str = "missing_model";
    /// The rules need more of the body than was seen.
    pub const INCOMPLETE: &str = "incomplete";
    /// The body is not what the API takes.
    pub const MALFORMED: &str = "malformed";
    /// The request does not fit into the context window of the pool it was for.
    pub const CONTEXT_WINDOW: &str = "context_window";
    /// Those that may refuse a request.
    pub const REFUSING: [&str; 5] =
        [UNKNOWN_MODEL, MISSING_MODEL, INCOMPLETE, MALFORMED, CONTEXT_WINDOW];
    /// Those that send a request to the default pool.
    pub const TO_DEFAULT: [&str; 5] =
        [DEFAULT, UNKNOWN_MODEL, MISSING_MODEL, INCOMPLETE, MALFORMED];
    /// All of them.
    pub const ALL: [&str; 6] =
        [DEFAULT, UNKNOWN_MODEL, MISSING_MODEL, INCOMPLETE, MALFORMED, CONTEXT_WINDOW];
}

impl Router {
    /// Decides where `request` goes.
    pub fn route(&self, request: &Request<'_>) -> Choice<'_> {
        self.fit(self.choose(request), request)
    }

    /// Whether the choice is the same wherever in its interval the number of prompt tokens is.
    ///
    /// Rules are judged by the interval. A window is judged at both ends: what fits only shrinks
    /// as tokens are added, so a choice that is the same at both ends is the same between them.
    pub fn settles(&self, request: &Request<'_>) -> bool {
        let TokenCount { at_least, at_most } = request.prompt_tokens;
        let end = |tokens| {
            let tokens = TokenCount::exactly(tokens);
            Request { prompt_tokens: tokens, prompt_within: tokens, ..*request }
        };
        let (few, many) = (end(at_least), end(at_most.unwrap_or(u64::MAX)));
        self.choose(request).reason != reason::INCOMPLETE && self.route(&few) == self.route(&many)
    }

    fn choose(&self, request: &Request<'_>) -> Choice<'_> {
        match request.seen {
            Seen::Malformed => {
                return self.fall_back(self.on_malformed, Refusal::Malformed, reason::MALFORMED);
            }
            Seen::Whole => {
                if let Some(choice) = self.judge_model(request) {
                    return choice;
                }
            }
            Seen::HeadersOnly | Seen::Part => {
                // A name that was seen can be judged; one that may still come cannot.
                if let (Known::Value(_), Some(choice)) = (request.model, self.judge_model(request))
                {
                    return choice;
                }
            }
        }
        self.first_rule(request)
    }

    /// Every reason this policy can give, with the pool that goes with it where there is one.
    pub fn reasons(&self) -> impl Iterator<Item = (&str, &str)> {
        let of_rules = self.rules.iter().map(|rule| (rule.name.as_str(), rule.pool.as_str()));
        let to_default =
            reason::TO_DEFAULT.iter().map(|reason| (*reason, self.default_pool.as_str()));
        let larger = self.larger_pools().map(|pool| (reason::CONTEXT_WINDOW, pool));
        of_rules.chain(to_default).chain(larger)
    }

    /// The real name of the model that a client means by `name`.
    pub fn resolve(&self, name: &str) -> Option<String> {
        self.catalog.resolve(name).map(|model| model.name.clone())
    }

    /// The model that the servers of `pool` are to be asked for by a client who asked for `name`:
    /// the one that the pool runs, or else the real name of the one that was meant.
    pub fn model_for(&self, pool: &str, name: &str) -> Option<&str> {
        let pool = self.catalog.pool(pool).filter(|_| self.rewrite_model)?;
        let meant = || self.catalog.resolve(name).map(|model| model.name.as_str());
        pool.model.as_deref().or_else(meant)
    }

    /// The headers that rules look at.
    pub fn headers(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().flat_map(|rule| &rule.when).filter_map(Condition::header)
    }

    fn judge_model(&self, request: &Request<'_>) -> Option<Choice<'_>> {
        if self.catalog.models().is_empty() {
            return None;
        }
        match request.model {
            Known::Value(name) if self.catalog.resolve(name).is_some() => None,
            Known::Value(_) => Some(self.fall_back(
                self.on_unknown_model,
                Refusal::UnknownModel,
                reason::UNKNOWN_MODEL,
            )),
            Known::Absent if request.expects_model => Some(self.fall_back(
                self.on_unknown_model,
                Refusal::MissingModel,
                reason::MISSING_MODEL,
            )),
            Known::Absent | Known::NotYet => None,
        }
    }

    fn first_rule(&self, request: &Request<'_>) -> Choice<'_> {
        let resolved = match request.model {
            Known::Value(name) => self.catalog.resolve(name).map(|model| model.name.as_str()),
            Known::Absent | Known::NotYet => None,
        };
        for rule in &self.rules {
            match Truth::all(rule.when.iter().map(|condition| condition.holds(request, resolved))) {
                Truth::Holds => {
                    return Choice { outcome: Outcome::Pool(&rule.pool), reason: &rule.name };
                }
                Truth::Fails => {}
                // Without a body to wait for, an open condition can never come true.
                Truth::Open if request.seen == Seen::HeadersOnly => {}
                Truth::Open => {
                    return self.fall_back(
                        self.on_incomplete,
                        Refusal::Incomplete,
                        reason::INCOMPLETE,
                    );
                }
            }
        }
        Choice { outcome: Outcome::Pool(&self.default_pool), reason: reason::DEFAULT }
    }

    fn fall_back(&self, how: Fallback, why: Refusal, reason: &'static str) -> Choice<'_> {
        let outcome = match how {
            Fallback::RouteDefault => Outcome::Pool(&self.default_pool),
            Fallback::Refuse => Outcome::Refuse(why),
        };
        Choice { outcome, reason }
    }
}

#[cfg(test)]
mod tests;
