//! The shell's facts as the policy's request.

use filter_shell::{Facts, Part};
use traffic_policy::route::{Known, Request, Seen, TokenCount};

/// What the policy may look at. What a part of a body did not say may still come in its rest.
pub(crate) fn request(facts: &Facts) -> Request<'_> {
    let body = &facts.body;
    let whole = facts.part == Part::Whole;
    Request {
        seen: seen(facts.part),
        path: &facts.path,
        headers: &facts.headers,
        expects_model: facts.api.is_some() && facts.part != Part::Headers,
        model: known(model(facts), whole),
        prompt_tokens: open_ended(facts, TokenCount::exactly(possible(body.prompt.tokens, facts))),
        prompt_within: open_ended(facts, within(facts)),
        requested_tokens: known(body.max_output_tokens, whole),
        stream: known(body.stream, whole),
        tools: known(body.has_tools.then_some(true), whole),
        images: known(body.has_images.then_some(true), whole),
    }
}

/// The number as far as it is possible: an estimate may be beyond what is certain.
fn possible(tokens: u64, facts: &Facts) -> u64 {
    tokens.min(facts.tokens_at_most.unwrap_or(u64::MAX)).max(facts.tokens_at_least)
}

/// What the number may be by the count's error, as far as it is possible.
fn within(facts: &Facts) -> TokenCount {
    let prompt = facts.body.prompt;
    TokenCount {
        at_least: possible(prompt.low(), facts),
        at_most: Some(possible(prompt.high(), facts)),
    }
}

/// What a server has stored of a conversation counts as well, and is not in the body; nor is what
/// has not come yet.
pub(crate) fn open_ended(facts: &Facts, tokens: TokenCount) -> TokenCount {
    let is_all = facts.part == Part::Whole && !facts.body.has_stored_context;
    if is_all { tokens } else { TokenCount::at_least(tokens.at_least) }
}

/// A name too long to be kept is none that anybody has configured.
fn model(facts: &Facts) -> Option<&str> {
    let too_long = facts.body.model_too_long.then_some("");
    facts.body.model.as_deref().or(too_long)
}

fn seen(part: Part) -> Seen {
    match part {
        Part::Headers => Seen::HeadersOnly,
        Part::Beginning => Seen::Part,
        Part::Whole => Seen::Whole,
        Part::Malformed => Seen::Malformed,
    }
}

fn known<T>(value: Option<T>, whole: bool) -> Known<T> {
    match value {
        Some(value) => Known::Value(value),
        None if whole => Known::Absent,
        None => Known::NotYet,
    }
}
