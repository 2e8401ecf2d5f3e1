//! What an answer's bytes said, in the policy's words.
//!
//! Reading bytes and judging what they say are two crates that do not know each other; this is where they
//! meet.

use llm_wire::{AnswerFacts, FinishReason, Framing};
use traffic_policy::stream::{Answer, Counts, Finish, Kind};

/// What kind of answer it is.
pub(super) fn kind(framing: Option<Framing>, coding: Option<&[u8]>) -> Kind {
    match framing {
        Some(Framing::Events) => Kind::Stream,
        Some(Framing::Json) => Kind::Json,
        None if coding.is_some_and(|c| !c.eq_ignore_ascii_case(b"identity")) => Kind::Encoded,
        None => Kind::Other,
    }
}

/// What was found in it.
pub(super) fn answer(facts: &AnswerFacts) -> Answer {
    Answer {
        reported: facts.usage.map(|usage| Counts {
            input: usage.input,
            output: usage.output,
            cached_input: usage.cached_input,
            cache_creation_input: usage.cache_creation_input,
            reasoning: usage.reasoning,
            input_audio: usage.input_audio,
            output_audio: usage.output_audio,
        }),
        generated_events: facts.generated_events,
        estimated_output: facts.generated.tokens,
        finish: facts.finish.map(|reason| match reason {
            FinishReason::Stop => Finish::Stop,
            FinishReason::Length => Finish::Length,
            FinishReason::ToolCalls => Finish::ToolCalls,
            FinishReason::ContentFilter => Finish::ContentFilter,
            FinishReason::Other => Finish::Other,
        }),
        has_error: facts.has_error,
        is_complete: facts.is_complete,
    }
}
