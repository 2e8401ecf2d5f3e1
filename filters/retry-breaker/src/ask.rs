//! What the retry policy is asked of a request, from what is known of it.

use filter_shell::{Facts, Part};
use traffic_policy::retry::Ask;

/// What a prompt may have of which the body tells a part only. Its limits are those of a prompt as long as this.
const UNKNOWN: u64 = 32_768;

/// Whether what was counted is the prompt.
fn is_known(facts: &Facts) -> bool {
    let body = &facts.body;
    !(body.has_stored_context || body.has_media || body.has_unpriced)
}

/// The question of a request that may go to these pools.
pub(crate) fn of<'a>(facts: &Facts, hops: &'a [String]) -> Ask<'a> {
    let prompt_tokens = prompt_tokens(facts);
    Ask {
        prompt_tokens: if is_known(facts) { prompt_tokens } else { prompt_tokens.max(UNKNOWN) },
        output_tokens: facts.body.max_output_tokens,
        stream: facts.body.stream.unwrap_or(false),
        hops,
        body_bytes: body_bytes(facts),
    }
}

/// The tokens of the prompt; of a body that cannot be read, what its length lets expect.
pub(crate) fn prompt_tokens(facts: &Facts) -> u64 {
    match facts.body.prompt.tokens {
        0 => facts.body_bytes.unwrap_or(0) / 4,
        tokens => tokens,
    }
}

/// The length of the body. One that was not announced, and not seen to its end, may have any.
fn body_bytes(facts: &Facts) -> Option<u64> {
    let is_open = facts.part == Part::Beginning && facts.body_bytes.is_none();
    if is_open { Some(u64::MAX) } else { facts.body_bytes }
}
