//! The encodings of which this library can have the vocabulary.

/// A published encoding. Whether its table is in this build is another question, which
/// [`is_built`](Self::is_built) answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `o200k_base`: GPT-4o and later.
    O200kBase,
    /// `o200k_harmony`: gpt-oss. The same tokens, and special ones that a raw prompt may have.
    O200kHarmony,
    /// `cl100k_base`: GPT-4, GPT-3.5, the embeddings.
    Cl100kBase,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::O200kBase, Self::O200kHarmony, Self::Cl100kBase];

    /// Its published name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::O200kBase => "o200k_base",
            Self::O200kHarmony => "o200k_harmony",
            Self::Cl100kBase => "cl100k_base",
        }
    }

    /// The cargo feature that puts its table into a build.
    #[must_use]
    pub fn feature(self) -> &'static str {
        match self {
            Self::O200kBase | Self::O200kHarmony => "exact-o200k",
            Self::Cl100kBase => "exact-cl100k",
        }
    }

    /// An allowance for what its servers put before every conversation: gpt-oss is told its name,
    /// its knowledge, the date, how much to reason and which channels it has.
    #[must_use]
    pub fn preamble_tokens(self) -> u64 {
        match self {
            Self::O200kHarmony => 61,
            Self::O200kBase | Self::Cl100kBase => 0,
        }
    }

    /// Whether its table is in this build.
    #[must_use]
    pub fn is_built(self) -> bool {
        match self {
            Self::O200kBase | Self::O200kHarmony => cfg!(feature = "exact-o200k"),
            Self::Cl100kBase => cfg!(feature = "exact-cl100k"),
        }
    }
}
