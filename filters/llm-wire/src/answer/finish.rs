//! Why a model stopped, in one set of words.

/// Why an answer ended. The words of the APIs and of the servers that follow them are mapped to
/// OpenAI's, which metrics know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FinishReason {
    /// The model had no more to say, or said what it was told to stop at.
    Stop,
    /// The answer was as long as it may be.
    Length,
    /// The model wants tools to be called.
    ToolCalls,
    /// What it would have said is not to be said.
    ContentFilter,
    /// Something else.
    Other,
}

const WORDS: [(FinishReason, &[&str]); 4] = [
    (
        FinishReason::Stop,
        &["stop", "end_turn", "stop_sequence", "eos", "eos_token", "stop_token", "completed"],
    ),
    (
        FinishReason::Length,
        &["length", "max_tokens", "max_output_tokens", "model_context_window_exceeded", "limit"],
    ),
    (FinishReason::ToolCalls, &["tool_calls", "tool_use", "function_call", "tool_call"]),
    (FinishReason::ContentFilter, &["content_filter", "refusal", "safety", "content_filtered"]),
];

impl FinishReason {
    /// What a server's word means; upper case or not.
    #[must_use]
    pub fn from_word(word: &[u8]) -> Self {
        let has = |words: &[&str]| words.iter().any(|w| w.as_bytes().eq_ignore_ascii_case(word));
        WORDS.iter().find(|(_, words)| has(words)).map_or(Self::Other, |(reason, _)| *reason)
    }

    /// OpenAI's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
            Self::Other => "other",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_every_api_mean_one_of_openais() {
        for (word, reason) in [
            ("stop", "stop"),
            ("end_turn", "stop"),
            ("stop_sequence", "stop"),
            ("STOP", "stop"),
            ("max_tokens", "length"),
            ("model_context_window_exceeded", "length"),
            ("tool_use", "tool_calls"),
            ("function_call", "tool_calls"),
            ("refusal", "content_filter"),
            ("SAFETY", "content_filter"),
            ("abort", "other"),
            ("", "other"),
        ] {
            assert_eq!(FinishReason::from_word(word.as_bytes()).as_str(), reason, "{word}");
        }
    }
}
