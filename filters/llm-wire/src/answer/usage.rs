//! How many tokens a server says that it read and wrote.
//!
//! # What counts
//! `prompt_tokens` is the whole prompt, whether or not some of it came from a cache; so is
//! `input_tokens` of the Responses API. Anthropic's `input_tokens` leaves out what was read from a
//! cache or written to one, which stands beside it and is added.
//!
//! `completion_tokens` has the reasoning in it, at OpenAI. Servers that leave it out (xAI) tell so by a
//! `total_tokens` that is larger by just that, and then it is added.
//!
//! # What is not believed
//! Negative numbers, fractions, strings, and counts of more than 32 bits, which no answer has: one of
//! them would spoil a sum for good. A field that is not believed is one that was not there.

use crate::json::Number;

/// What a server reports. Details are parts of the whole that they stand beside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The whole prompt, however it was served.
    pub input: Option<u64>,
    /// All that was generated, reasoning included.
    pub output: Option<u64>,
    /// Of the prompt: read from a cache.
    pub cached_input: u64,
    /// Of the prompt: written to a cache.
    pub cache_creation_input: u64,
    /// Of the output: not told to the client as the answer.
    pub reasoning: u64,
    /// Of the prompt: sound.
    pub input_audio: u64,
    /// Of the output: sound.
    pub output_audio: u64,
}

/// A number in a usage object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// OpenAI's two wholes, and their sum.
    Prompt,
    Completion,
    Total,
    /// The same for Responses and for Anthropic.
    Input,
    Output,
    /// Anthropic's, not part of its input.
    CacheRead,
    CacheCreation,
    /// In the details of the prompt, and beside it.
    CachedDetail,
    Cached,
    /// In the details of the output, and beside it.
    ReasoningDetail,
    Reasoning,
    InputAudio,
    OutputAudio,
}

const FIELDS: usize = 13;

impl Field {
    /// A member of the usage object.
    pub(super) fn of_usage(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"prompt_tokens" => Self::Prompt,
            b"completion_tokens" => Self::Completion,
            b"total_tokens" => Self::Total,
            b"input_tokens" => Self::Input,
            b"output_tokens" => Self::Output,
            b"cache_read_input_tokens" => Self::CacheRead,
            b"cache_creation_input_tokens" => Self::CacheCreation,
            // DeepSeek, Moonshot.
            b"prompt_cache_hit_tokens" | b"cached_tokens" => Self::Cached,
            // SGLang.
            b"reasoning_tokens" => Self::Reasoning,
            _ => return None,
        })
    }

    /// A member of the prompt's details.
    pub(super) fn of_input(name: &[u8]) -> Option<Self> {
        match name {
            b"cached_tokens" => Some(Self::CachedDetail),
            b"audio_tokens" => Some(Self::InputAudio),
            _ => None,
        }
    }

    /// A member of the output's details.
    pub(super) fn of_output(name: &[u8]) -> Option<Self> {
        match name {
            b"reasoning_tokens" => Some(Self::ReasoningDetail),
            b"audio_tokens" => Some(Self::OutputAudio),
            _ => None,
        }
    }
}

/// The numbers as they stand in one usage object, or in several where a later one wins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Report([Option<u32>; FIELDS]);

impl Report {
    /// What a field is now, whatever it was before.
    pub(super) fn set(&mut self, field: Field, number: Option<Number>) {
        let believed = number.and_then(|number| number.count()).and_then(|n| u32::try_from(n).ok());
        if let Some(place) = self.0.get_mut(field as usize) {
            *place = believed;
        }
    }

    /// Takes over what a later report says.
    pub(super) fn update(&mut self, later: &Self) {
        for (field, later) in self.0.iter_mut().zip(later.0) {
            *field = later.or(*field);
        }
    }

    fn get(&self, field: Field) -> Option<u64> {
        self.0.get(field as usize).copied().flatten().map(u64::from)
    }

    /// What it means; nothing if it says neither what was read nor what was written.
    pub(super) fn usage(&self) -> Option<Usage> {
        let get = |field| self.get(field);
        let [read, created] = [Field::CacheRead, Field::CacheCreation].map(|f| get(f).unwrap_or(0));
        let input = get(Field::Prompt).or(get(Field::Input).map(|input| input + read + created));
        let reasoning = get(Field::ReasoningDetail).or(get(Field::Reasoning)).unwrap_or(0);
        let is_aside = |output| {
            get(Field::Total).is_some_and(|total| total == input.unwrap_or(0) + output + reasoning)
        };
        let output = get(Field::Completion)
            .map(|output| if is_aside(output) { output + reasoning } else { output })
            .or(get(Field::Output));
        if input.is_none() && output.is_none() {
            return None;
        }
        let part = |part: u64, whole: Option<u64>| whole.map_or(part, |whole| part.min(whole));
        let cached = get(Field::CachedDetail).or(get(Field::CacheRead)).or(get(Field::Cached));
        Some(Usage {
            input,
            output,
            cached_input: part(cached.unwrap_or(0), input),
            cache_creation_input: part(created, input),
            reasoning: part(reasoning, output),
            input_audio: part(get(Field::InputAudio).unwrap_or(0), input),
            output_audio: part(get(Field::OutputAudio).unwrap_or(0), output),
        })
    }
}
