//! Where prompt text goes while it streams by.
//!
//! The scanner knows where text is, a [`TextSink`] knows what it costs. Text is handed over as it
//! stands in the body, in whatever slices the network made of it: JSON escapes are still in it,
//! an escape or a UTF-8 sequence may be cut in two, and nobody keeps a copy. That is what lets a
//! prompt of any size be counted in constant memory; the price is that a sink must understand
//! escapes, and carry a few bytes of state from slice to slice.
//!
//! Sinks are generic parameters, not trait objects, because the calls are on the hot path.

use crate::count::TokenCount;
use crate::media::Media;

/// What a stretch of text is. It decides what a sink does with it, and how it is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// A message's author: `user`, `assistant`, ...
    Role,
    /// A participant's name.
    Name,
    /// Instructions that stand outside the messages (`system`, `instructions`).
    System,
    /// Prose: a message's content, one text part of it, a whole prompt, reasoning kept from before.
    Text,
    /// The name of a tool that the assistant called.
    CallName,
    /// Arguments of such a call, or any other JSON inside a string.
    CallArguments,
    /// Arguments given as JSON. Raw: whitespace, quotes and brackets included.
    CallInput,
    /// A tool's definition. Raw: whitespace, quotes and brackets included.
    Definition,
}

impl Piece {
    /// True when the bytes are JSON as written, not the inside of one JSON string.
    #[must_use]
    pub fn is_raw_json(self) -> bool {
        matches!(self, Self::CallInput | Self::Definition)
    }
}

/// Something between pieces of text that costs tokens or changes what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// A message, or an item of the Responses API, begins.
    Message,
    /// A part of a message's content begins.
    Part,
    /// The part was an image, audio or a file. Comes once, when the part is complete.
    Media(Media),
    /// The assistant called a tool.
    Call,
    /// One of several independent prompts (completions, embeddings) begins.
    Prompt,
    /// One token, given as a number.
    TokenId,
}

/// Receives the prompt while the body is read.
pub trait TextSink {
    /// The model that the text is for. Comes where the body says it: before the text, as clients
    /// write it, or after.
    fn model(&mut self, _name: &str) {}

    /// Something that is not text.
    fn mark(&mut self, mark: Mark);

    /// Text begins; the slices that follow belong to it until [`close`](Self::close).
    fn open(&mut self, piece: Piece);

    /// The next bytes of the open piece, cut anywhere.
    fn text(&mut self, bytes: &[u8]);

    /// The open piece is complete.
    fn close(&mut self);

    /// What has been seen until now. May be called at any moment.
    fn count(&self) -> TokenCount;
}
