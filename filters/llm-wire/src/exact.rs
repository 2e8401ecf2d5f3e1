//! Counts tokens with a model's own vocabulary.
//!
//! The text is decoded and cut into pieces as it streams by, and each piece is looked up, or its
//! bytes joined as the encoder joins them. The counts are those of OpenAI's `tiktoken`, in some
//! seventy kilobytes of memory besides the tables; these are constants of the module.
//!
//! # Why not a crate
//! Every tokenizer library wants the text in one slice, and builds tables of tens of megabytes
//! when it starts: a proxy would pay that for each of its threads, and start a second later.
//! What is here does neither (`benches/README.md` has the figures).
//!
//! # Limits
//! A piece of more than 4,096 bytes (one word, one run of blanks) is cut, and the count is then
//! called an estimate.
//!
//! # Special tokens
//! `<|endoftext|>` and its like are text, as they are for a server that gets them from a client;
//! with one exception: servers of gpt-oss (`o200k_harmony`) parse them in raw prompts, and so does
//! the counter there, as Python's `encode(text, allowed_special="all")` does. The same servers put a
//! message of their own before a conversation, and a frame of other words around instructions, so
//! a conversation of theirs is an estimate, with [`Encoding::preamble_tokens`] in it.

mod classes;
mod counter;
mod hash;
mod long;
mod memo;
mod merge;
mod perfect;
mod pieces;
mod run;
mod special;
mod split;
mod tools;
mod unescape;
mod vocabulary;

use counter::Counter;
use special::Special;
use tools::Definition;
use unescape::Unescape;

use crate::count::{TokenCount, TokenSource};
use crate::encoding::Encoding;
use crate::estimate::CALL_TOKENS;
use crate::media::MediaTokens;
use crate::text::{Mark, Piece, TextSink};

/// What every message costs besides its text, its role being text.
const MESSAGE_TOKENS: u64 = 3;

/// What a participant's name costs besides itself.
const NAME_TOKENS: u64 = 1;

/// The beginning of the answer, which the server adds to every conversation.
const REPLY_TOKENS: u64 = 3;

/// The error of a count with a piece that was cut. A cut makes or saves a token or two; the largest
/// share that was seen was 3.1 %, of one long row of points.
const CUT_PERCENT: u64 = 5;

/// The sink that counts exactly.
///
/// The frame around the text is the one that OpenAI's cookbook publishes for its chat models, and so
/// is what functions cost that are offered to them. What has no published rule (other tools,
/// calls) is an allowance: it is in the count, and a count that has one is called an estimate, with
/// the allowance's share as its error. So is a count with media, which have a doubt of their own.
#[derive(Clone, Debug)]
pub struct ExactCounter {
    counter: Counter,
    unescape: Unescape,
    /// Where special tokens may be in a text.
    special: Option<Special>,
    /// The text that comes is a prompt as the model sees it.
    is_prompt: bool,
    frame: u64,
    allowance: u64,
    /// Tokens of images, audio and files.
    media: MediaTokens,
    is_conversation: bool,
    has_functions: bool,
    open: Option<Open>,
    /// The tool's definition that is open.
    definition: Option<Box<Definition>>,
}

/// An open piece, and what was counted before it.
#[derive(Clone, Copy, Debug)]
struct Open {
    piece: Piece,
    before: u64,
    was_exact: bool,
}

impl Open {
    /// Its tokens are counted as they are, whatever follows.
    fn is_certain(self) -> bool {
        matches!(self.piece, Piece::Role | Piece::Name | Piece::System | Piece::Text)
    }
}

impl ExactCounter {
    /// A counter for one encoding, if its table is in this build.
    #[must_use]
    pub fn new(encoding: Encoding) -> Option<Self> {
        encoding.is_built().then(|| Self {
            counter: Counter::new(encoding),
            unescape: Unescape::default(),
            special: None,
            is_prompt: false,
            frame: 0,
            allowance: 0,
            media: MediaTokens::default(),
            is_conversation: false,
            has_functions: false,
            open: None,
            definition: None,
        })
    }

    /// The encoding whose tokens are counted.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.counter.encoding()
    }

    /// The tokens that the prompt has already, whatever follows.
    #[must_use]
    pub fn certain(&self) -> u64 {
        let doubtful = self.open.filter(|open| !open.is_certain());
        doubtful.map_or(self.counter.tokens(), |open| open.before) + self.frame
    }

    /// Begins anew, for another prompt. What was learnt of frequent words stays.
    pub fn clear(&mut self) {
        self.counter.clear();
        self.unescape = Unescape::default();
        (self.frame, self.allowance, self.open) = (0, 0, None);
        self.media = MediaTokens::default();
        (self.is_conversation, self.has_functions, self.definition) = (false, false, None);
        (self.is_prompt, self.special) = (false, None);
    }

    /// The next bytes of a prompt that is no JSON.
    pub fn plain(&mut self, text: &[u8]) {
        self.parse_special();
        let mut out = feed(&mut self.special, &mut self.counter);
        self.unescape.raw(text, &mut out);
    }

    /// A prompt that is no JSON ends.
    pub fn end_plain(&mut self) {
        self.end_text();
    }

    fn parse_special(&mut self) {
        if self.special.is_none() && self.encoding() == Encoding::O200kHarmony {
            self.special = Some(Special::default());
        }
    }

    fn end_text(&mut self) {
        self.unescape.end(&mut feed(&mut self.special, &mut self.counter));
        if let Some(mut special) = self.special.take() {
            special.release(&mut self.counter);
        }
        self.counter.end();
    }
}

/// Where decoded text goes.
#[inline(always)]
fn feed<'a>(
    special: &'a mut Option<Special>,
    counter: &'a mut Counter,
) -> impl FnMut(&[u8]) + use<'a> {
    move |text| match special {
        Some(special) => special.feed(text, counter),
        None => counter.feed(text),
    }
}

impl TextSink for ExactCounter {
    fn mark(&mut self, mark: Mark) {
        match mark {
            Mark::Message => {
                self.frame += MESSAGE_TOKENS;
                self.is_conversation = true;
            }
            Mark::Media(medium) => self.media.add(medium),
            Mark::Call => self.allowance += CALL_TOKENS,
            Mark::TokenId => self.frame += 1,
            Mark::Prompt => self.is_prompt = true,
            Mark::Part => {}
        }
    }

    fn open(&mut self, piece: Piece) {
        if piece == Piece::Name {
            self.frame += NAME_TOKENS;
        }
        if piece == Piece::Definition {
            self.definition = Definition::new(self.encoding()).map(Box::new);
        }
        if std::mem::take(&mut self.is_prompt) {
            self.parse_special();
        }
        let (before, was_exact) = (self.counter.tokens(), self.counter.is_exact());
        self.open = Some(Open { piece, before, was_exact });
    }

    #[inline]
    fn text(&mut self, bytes: &[u8]) {
        let Some(Open { piece, .. }) = self.open else { return };
        let mut out = feed(&mut self.special, &mut self.counter);
        if let Some(definition) = &mut self.definition {
            definition.feed(bytes);
        }
        if piece.is_raw_json() {
            self.unescape.raw(bytes, &mut out);
        } else {
            self.unescape.feed(bytes, &mut out);
        }
    }

    fn close(&mut self) {
        self.end_text();
        let Some(open) = self.open.take().filter(|open| !open.is_certain()) else { return };
        let as_text = self.counter.tokens() - open.before;
        let price = self.definition.take().and_then(|definition| definition.price());
        let Some(price) = price else {
            self.counter.forget(open.before, self.counter.is_exact());
            self.allowance += as_text;
            return;
        };
        self.counter.forget(open.before, open.was_exact);
        for line in price.lines() {
            self.unescape.raw(line, &mut |text| self.counter.feed(text));
            self.end_text();
        }
        self.frame += price.tokens;
        if !std::mem::replace(&mut self.has_functions, true) {
            self.frame += tools::END_TOKENS;
        }
    }

    fn count(&self) -> TokenCount {
        let preamble = self.encoding().preamble_tokens();
        let (reply, preamble) =
            if self.is_conversation { (REPLY_TOKENS, preamble) } else { (0, 0) };
        let exact = self.counter.tokens() + self.frame + reply;
        let held = self.counter.held() + self.special.map_or(0, |special| special.held());
        let held = u64::try_from(held).unwrap_or(u64::MAX);
        let doubtful = self.allowance + preamble + held.div_ceil(4);
        let tokens = exact.saturating_add(doubtful);
        let (error_percent, source) = if doubtful == 0 && self.counter.is_exact() {
            (0, TokenSource::Exact)
        } else {
            let least = if self.counter.is_exact() { 1 } else { CUT_PERCENT };
            let share = (doubtful.saturating_mul(100)).div_ceil(tokens.max(1)).clamp(least, 100);
            (u32::try_from(share).unwrap_or(100), TokenSource::Estimated)
        };
        TokenCount { tokens, error_percent, source }.with_media(self.media)
    }
}

#[cfg(test)]
mod tests;
