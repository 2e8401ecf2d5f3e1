//! What images, audio and files in a prompt cost, as far as the request itself tells.
//!
//! A medium is no text: its base64 is never counted as such. What it costs follows from its size,
//! which the first bytes of the file say, and from the model's rule, if its vendor publishes one.
//! Everything else is an allowance. No count with a medium in it is called exact, for the rules
//! leave roundings open and servers do not keep to them always; how far off it may be is said with
//! each ([`Media::doubt`]).
//!
//! # Images
//! | model's name | rule | source |
//! |---|---|---|
//! | `gpt-4o`, `gpt-4.1`, `gpt-4.5`, `gpt-4-turbo` | 85, and 170 for each tile of 512 pixels, once the image fits into 2048 by 2048 and its short side into 768; in low detail 85 | OpenAI, "Images and vision", calculating costs |
//! | `gpt-5` / `o1`, `o3` / `computer-use-preview` / `gpt-4o-mini` | the same with 70 and 140 / 75 and 150 / 65 and 129 / 2,833 and 5,667 | the same |
//! | `gpt-4.1-mini`, `gpt-5-mini` / `gpt-4.1-nano`, `gpt-5-nano` / `o4-mini` | patches of 32 pixels, 1,536 at most, times 1.62 / 2.46 / 1.72; in low detail those of an image that fits into 512 by 512 | the same |
//! | `claude` in the name, and every other model of Anthropic's API | blocks of 28 pixels, once the long side is 1,568 at most and the blocks are 1,568 at most | Anthropic, "Vision" (older editions: width times height by 750, about 1,600 at most) |
//! | any other | as `gpt-4o` | an allowance: what open models take is between a tenth and twice of it |
//!
//! Small images are not made larger: OpenAI's text can be read so, but its servers report one tile
//! for 128 by 64 pixels. Without a `detail`, or with `auto`, high is counted, and that it may have
//! been low is part of the doubt. An image elsewhere (an URL, a file's id), or one whose size is not
//! found, is counted as one of 1024 by 1024: 765 tokens for `gpt-4o`, 1,369 for Claude.
//!
//! # Audio
//! Ten tokens a second (OpenAI, "Managing costs" of the Realtime API: one token for 100 ms of
//! what users say). A WAV file says how many seconds it has; of others 16,000 bytes are taken for a
//! second (128 kbit/s), and audio elsewhere for a minute. Models that are no `gpt-` take up to 32
//! tokens a second (Google's Gemini).
//!
//! # Files
//! Anthropic says of PDFs: 1,500 to 3,000 tokens of text a page, and an image of each. So a page is
//! 3,000 tokens, and as nobody can tell pages without reading the file, 50,000 bytes are taken for
//! one. A file that is no PDF is taken for text, four bytes a token, and a file elsewhere for ten pages. A
//! document that is given as text in the request is text.
//!
//! # Limits
//! The head of a file is looked for in its first 256 KiB; before a JPEG's size may stand a
//! photographer's whole thumbnail. A medium is counted when its part of the message is complete, by
//! the model that was named until then. Animation and video are one image, or a file by its bytes.

mod head;
mod image;
mod source;

use crate::api::Family;
pub(crate) use head::Head;
pub(crate) use image::Detail;
pub(crate) use source::Source;

/// What a part of a message is, if it is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// An image.
    Image,
    /// Sound.
    Audio,
    /// A document, or anything else.
    File,
}

/// What a medium adds to a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Media {
    /// What it is.
    pub kind: MediaKind,
    /// What it is taken to cost.
    pub tokens: u64,
    /// What it costs may be so many tokens more or less. Never zero.
    pub doubt: u64,
}

/// What all media of a prompt add to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MediaTokens {
    /// What they are taken to cost.
    pub tokens: u64,
    /// What they cost may be so many tokens more or less.
    pub doubt: u64,
}

impl MediaTokens {
    /// One more.
    pub(crate) fn add(&mut self, medium: Media) {
        self.tokens = self.tokens.saturating_add(medium.tokens);
        self.doubt = self.doubt.saturating_add(medium.doubt);
    }
}

/// Where a medium is, and what is known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Nothing was said, or it is elsewhere.
    #[default]
    Elsewhere,
    /// In the request.
    Inline { head: Head, bytes: u64 },
}

const SECOND_TOKENS: u64 = 10;
/// A minute of audio.
const AUDIO_TOKENS: u64 = 60 * SECOND_TOKENS;
/// 128 kbit/s are 16,000 bytes a second.
const AUDIO_BYTES_PER_TOKEN: u64 = 16_000 / SECOND_TOKENS;

const PAGE_TOKENS: u64 = 3_000;
const PAGE_BYTES: u64 = 50_000;
const FILE_PAGES: u64 = 10;
const TEXT_BYTES_PER_TOKEN: u64 = 4;

impl Media {
    /// What a medium costs a model, or one whose name is not known.
    pub(crate) fn price(
        family: Family,
        model: Option<&str>,
        kind: MediaKind,
        detail: Detail,
        sight: Sight,
    ) -> Self {
        // A gateway's name for it may have the vendor in front.
        let model = model.unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let size = match sight {
            Sight::Inline { head: Head::Picture { width, height }, .. } => {
                Some((width.into(), height.into()))
            }
            _ => None,
        };
        let (tokens, doubt) = match kind {
            MediaKind::File if size.is_none() => file(sight),
            MediaKind::Image | MediaKind::File => image::price(family, model, detail, size),
            MediaKind::Audio => audio(model.starts_with("gpt-"), sight),
        };
        Self { kind, tokens, doubt: doubt.max(1) }
    }
}

fn audio(is_openai: bool, sight: Sight) -> (u64, u64) {
    let others = |tokens: u64| tokens.saturating_mul(3);
    match sight {
        Sight::Inline { head: Head::Sound { bytes_per_second, bytes: said }, bytes } => {
            // What streams has no end yet when its head is written, which then says too much.
            let milliseconds =
                bytes.min(said.into()).saturating_mul(1000) / u64::from(bytes_per_second).max(1);
            let tokens = milliseconds.div_ceil(1000 / SECOND_TOKENS);
            (tokens, if is_openai { tokens.div_ceil(10) } else { others(tokens) })
        }
        Sight::Inline { bytes, .. } => {
            let tokens = bytes.div_ceil(AUDIO_BYTES_PER_TOKEN);
            // Speech at 32 kbit/s is four times as long.
            (tokens, others(tokens))
        }
        Sight::Elsewhere => (AUDIO_TOKENS, AUDIO_TOKENS),
    }
}

fn file(sight: Sight) -> (u64, u64) {
    match sight {
        Sight::Inline { head: Head::Pdf, bytes } => {
            let tokens = (bytes.saturating_mul(PAGE_TOKENS) / PAGE_BYTES).max(PAGE_TOKENS);
            // Pages of text alone take 20,000 bytes, and each may be an image besides.
            (tokens, tokens.saturating_mul(3))
        }
        Sight::Inline { bytes, .. } => {
            let tokens = bytes.div_ceil(TEXT_BYTES_PER_TOKEN);
            (tokens, tokens)
        }
        Sight::Elsewhere => (FILE_PAGES * PAGE_TOKENS, FILE_PAGES * PAGE_TOKENS),
    }
}

#[cfg(test)]
mod tests;
