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
        // What a server has stored of a conversation counts as well, and is not in the body.
        prompt_tokens: if whole && !body.has_stored_context {
            TokenCount::exactly(body.prompt.tokens)
        } else {
            TokenCount::at_least(body.prompt.tokens)
        },
        prompt_error_percent: body.prompt.error_percent,
        requested_tokens: known(body.max_output_tokens, whole),
        stream: known(body.stream, whole),
        tools: known(body.has_tools.then_some(true), whole),
        images: known(body.has_images.then_some(true), whole),
    }
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
