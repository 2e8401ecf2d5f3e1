//! The encodings of which this library can have the vocabulary.

/// A published encoding. Whether its table is in this build is another question, which
/// [`is_built`](Self::is_built) answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `o200k_base`: GPT-4o and later, gpt-oss.
    O200kBase,
    /// `cl100k_base`: GPT-4, GPT-3.5, the embeddings.
    Cl100kBase,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::O200kBase, Self::Cl100kBase];

    /// Its published name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::O200kBase => "o200k_base",
            Self::Cl100kBase => "cl100k_base",
        }
    }

    /// The cargo feature that puts its table into a build.
    #[must_use]
    pub fn feature(self) -> &'static str {
        match self {
            Self::O200kBase => "exact-o200k",
            Self::Cl100kBase => "exact-cl100k",
        }
    }

    /// Whether its table is in this build.
    #[must_use]
    pub fn is_built(self) -> bool {
        match self {
            Self::O200kBase => cfg!(feature = "exact-o200k"),
            Self::Cl100kBase => cfg!(feature = "exact-cl100k"),
        }
    }
}
