//! What is known of a request, from its headers and from its body.

mod head;
mod packed;

use std::time::Duration;

use llm_wire::{Api, RequestFacts};
use traffic_policy::attempt::Plan;

pub(crate) use head::{Head, plain_path};
pub(crate) use packed::{pack, unpack};

/// The facts of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The request's path, without query.
    pub path: String,
    /// Which LLM API the path belongs to; none: the request is routed by its headers.
    pub api: Option<Api>,
    /// The headers that filters asked for, lower-case names.
    pub headers: Vec<(String, String)>,
    /// What the body said.
    pub body: RequestFacts,
    /// How much of the body that rests on.
    pub part: Part,
    /// The pool that an earlier plugin has chosen.
    pub pool: Option<String>,
    /// The version of it that an earlier plugin has chosen.
    pub version: Option<String>,
    /// What the attempts are to be; for the plugin that sees each of them.
    pub plan: Plan,
    /// An earlier plugin counts the answer.
    pub is_counted: bool,
    /// How long the body is, as it was announced or, once it is whole, as it is.
    pub body_bytes: Option<u64>,
    /// When it is decided, by a clock that never goes back and that all workers have; where a filter wants to
    /// know of the way to the servers.
    pub now: Duration,
    /// A number of this request's own, the same on every worker and after a retry of the client: what stands in
    /// for chance.
    pub draw: u64,
    /// A number for how the conversation begins, where a filter wants to know.
    pub conversation: Option<u64>,
    /// The prompt has at least so many tokens, for sure.
    pub tokens_at_least: u64,
    /// The prompt, as far as it is in the body, has at most so many tokens, for sure.
    pub tokens_at_most: Option<u64>,
}

/// How much of a body was seen when the decision was taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Part {
    /// Nothing of it was to be seen: there is none, it is none of an LLM API's, or it is not looked at.
    #[default]
    Headers,
    /// The beginning.
    Beginning,
    /// All of it.
    Whole,
    /// Until it broke the rules of its format.
    Malformed,
}
