//! The tokens of one exchange, and where each number comes from.
//!
//! A number that a server reported and one that was guessed here are different things to whoever
//! pays by them, so each exchange has one source, and a metric never adds two up.
//!
//! # How output is estimated
//! Servers send an event for each token, or for a few. An estimate of the text is off by some
//! percent, more so for a short one, whereas the number of events is exact for the former. So the
//! events count, unless the text has clearly more tokens than there were events: twice as many, and
//! [`CLEARLY`] besides.

use super::{Kind, Outcome};

/// An estimate of one word may be off by so many tokens.
const CLEARLY: u64 = 16;

/// Where the numbers of an exchange come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The server has said so.
    Reported,
    /// The answer is whole, and the server has not said; so they were counted here.
    Estimated,
    /// The answer is not whole: what was delivered until then, counted here.
    Aborted,
}

impl Source {
    /// The word for labels and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Estimated => "estimated",
            Self::Aborted => "aborted",
        }
    }
}

/// What is known of the prompt before there is an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Its tokens, counted here; none if its body was not read.
    pub tokens: Option<u64>,
}

impl Prompt {
    /// A prompt that was read to its end.
    pub fn whole(tokens: u64) -> Self {
        Self { tokens: Some(tokens) }
    }

    /// One of which so many bytes were read, of so many that it has: it has as many more tokens as it is
    /// longer.
    pub fn beginning(tokens: u64, read: u64, length: Option<u64>) -> Self {
        let length = length.unwrap_or(read).max(read);
        Self { tokens: tokens.saturating_mul(length).checked_div(read) }
    }
}

/// What was found in an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answer {
    /// What the server reported.
    pub reported: Option<Counts>,
    /// How many events had generated output.
    pub generated_events: u64,
    /// The estimate of the generated text.
    pub estimated_output: u64,
    /// Why it stopped.
    pub finish: Option<Finish>,
    /// It said that it had failed.
    pub has_error: bool,
    /// It said that it was at its end.
    pub is_complete: bool,
}

/// Why a server stopped generating.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finish {
    /// The answer was at its end.
    Stop,
    /// There was no more room, or no more was wanted.
    Length,
    /// A tool is to be called.
    ToolCalls,
    /// Somebody's policy does not want the rest.
    ContentFilter,
    /// Another reason.
    Other,
}

impl Finish {
    /// OpenAI's word, for labels and logs.
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

/// Numbers of tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The whole prompt, however much of it came from a cache.
    pub input: Option<u64>,
    /// All that was generated.
    pub output: Option<u64>,
    /// The part of the prompt that came from a cache.
    pub cached_input: u64,
    /// The part of the prompt that was written to a cache.
    pub cache_creation_input: u64,
    /// The part of the output that is reasoning.
    pub reasoning: u64,
    /// The part of the prompt that is audio.
    pub input_audio: u64,
    /// The part of the output that is audio.
    pub output_audio: u64,
}

/// The tokens of one exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tokens {
    /// Where the numbers come from.
    pub source: Source,
    /// The numbers.
    pub counts: Counts,
}

impl Tokens {
    /// None: nothing was generated, or there is nothing to count it by.
    pub(super) fn of(
        outcome: Outcome,
        kind: Kind,
        prompt: &Prompt,
        answer: &Answer,
    ) -> Option<Self> {
        let reported = answer.reported.unwrap_or_default();
        match outcome {
            Outcome::Refused => None,
            Outcome::Failed | Outcome::Complete if answer.reported.is_some() => {
                Some(Self { source: Source::Reported, counts: reported })
            }
            Outcome::Failed => None,
            _ if !kind.is_read() => None,
            Outcome::Complete => Some(Self::counted(Source::Estimated, reported, prompt, answer)),
            Outcome::Truncated | Outcome::Stalled | Outcome::ErrorEvent | Outcome::Aborted => {
                Some(Self::counted(Source::Aborted, reported, prompt, answer))
            }
        }
    }

    /// What a server said before it was cut short is better than a guess.
    fn counted(source: Source, said: Counts, prompt: &Prompt, answer: &Answer) -> Self {
        let output = answer.output().max(said.output.unwrap_or(0));
        let input = said.input.or(prompt.tokens);
        Self { source, counts: Counts { input, output: Some(output), ..said } }
    }
}

impl Answer {
    /// How many tokens were generated, as far as can be told here.
    fn output(&self) -> u64 {
        let events = self.generated_events;
        let is_clear = self.estimated_output >= events.saturating_mul(2).saturating_add(CLEARLY);
        // A JSON body has no events.
        if is_clear || events == 0 { self.estimated_output } else { events }
    }
}

impl Counts {
    /// Those that are there, with the words for labels. All but the first two are parts of them.
    pub fn by_type(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = [
            ("input", self.input),
            ("output", self.output),
            ("cached_input", Some(self.cached_input)),
            ("cache_creation_input", Some(self.cache_creation_input)),
            ("reasoning", Some(self.reasoning)),
            ("input_audio", Some(self.input_audio)),
            ("output_audio", Some(self.output_audio)),
        ];
        all.into_iter().filter_map(|(name, count)| Some((name, count.filter(|n| *n > 0)?)))
    }
}
