//! What a scanner found in a request body.

use std::ops::Range;

use super::asking::{Insertion, UsagePlace};
use crate::count::TokenCount;

/// What is known of a request. Fields that were not seen, or are of the wrong type, are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each read alone")]
pub struct RequestFacts {
    /// The model's name, decoded. Invalid UTF-8 and halves of surrogate pairs are U+FFFD in it.
    pub model: Option<String>,
    /// Where in the body it stands, as written there, between its quotes.
    pub model_at: Option<Range<u64>>,
    /// A model's name was there, longer than the limit.
    pub model_too_long: bool,
    /// Whether the answer is to be streamed.
    pub stream: Option<bool>,
    /// Whether the stream is to end with the usage (`stream_options.include_usage`).
    pub include_usage: Option<bool>,
    /// Where the body could be made to ask for that.
    pub usage_place: UsagePlace,
    /// The most tokens the answer may have, whatever the API calls it.
    pub max_output_tokens: Option<u64>,
    /// How many answers are asked for (`n`).
    pub n: Option<u64>,
    /// A number for who asks, as the client names its user (`user`, `safety_identifier`, Anthropic's
    /// `metadata.user_id`).
    pub user: Option<u64>,
    /// A number for what the request belongs to, as the client names it (`session_id`, `prompt_cache_key`).
    pub session: Option<u64>,
    /// Tools or functions are offered to the model.
    pub has_tools: bool,
    /// Some message has an image.
    pub has_images: bool,
    /// Some message has an image, audio or a file, whose tokens are not those of text.
    pub has_media: bool,
    /// The prompt refers to something that the server has stored, so that it is longer than the
    /// body tells (`previous_response_id`, `conversation`, a prompt template).
    pub has_stored_context: bool,
    /// Something in the body costs tokens by no published rule (a schema of the answer, reasoning
    /// that is encrypted), and is not in the count.
    pub has_unpriced: bool,
    /// A field that decides something occurs twice. The last one won, so far.
    pub has_duplicate_keys: bool,
    /// The prompt's tokens.
    pub prompt: TokenCount,
    /// How many bytes of the body were read.
    pub bytes_read: u64,
}

impl RequestFacts {
    /// The one edit after which the stream ends with its usage; `None` if the request is for no
    /// stream, asks already, or is too odd to tell.
    ///
    /// Only for a body that was read to its end: of one that was cut short, what follows may ask, and
    /// then the edited body would say the same thing twice.
    #[must_use]
    pub fn ask_for_usage(&self) -> Option<Insertion> {
        (self.stream == Some(true)).then(|| self.usage_place.insertion()).flatten()
    }
}
