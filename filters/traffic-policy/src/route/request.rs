//! What a decision may look at: the facts of a request, as far as they are known.

/// A fact that is known, known to be absent, or may still come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<T> {
    /// It was seen.
    Value(T),
    /// The request does not have it.
    Absent,
    /// The part that may hold it was not seen.
    NotYet,
}

/// How much of the request the facts come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// All of it.
    Whole,
    /// A part: the rest of the body may still say anything.
    Part,
    /// Headers; the body, if there is one, will not be looked at.
    HeadersOnly,
    /// The body breaks the rules of its format.
    Malformed,
}

/// A number of tokens as an interval: the truth lies in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenCount {
    /// There are at least this many.
    pub at_least: u64,
    /// There are at most this many, if that is known.
    pub at_most: Option<u64>,
}

impl TokenCount {
    /// A count of which the whole is known.
    pub fn exactly(tokens: u64) -> Self {
        Self { at_least: tokens, at_most: Some(tokens) }
    }

    /// A count that can only grow.
    pub fn at_least(tokens: u64) -> Self {
        Self { at_least: tokens, at_most: None }
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            at_least: self.at_least.saturating_add(other.at_least),
            at_most: self.at_most.zip(other.at_most).map(|(a, b)| a.saturating_add(b)),
        }
    }
}

/// The facts of one request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// How much the facts rest on.
    pub seen: Seen,
    /// The request's path, without query.
    pub path: &'a str,
    /// The headers that rules look at, lower-case names.
    pub headers: &'a [(String, String)],
    /// Whether requests of this kind name a model; listing models, say, does not.
    pub expects_model: bool,
    /// The model the client asks for, by whatever name.
    pub model: Known<&'a str>,
    /// Tokens of the prompt.
    pub prompt_tokens: TokenCount,
    /// What that number may be at worst; the same where it is exact.
    pub prompt_within: TokenCount,
    /// The longest answer the client allows.
    pub requested_tokens: Known<u64>,
    /// Whether the answer is to be streamed.
    pub stream: Known<bool>,
    /// Whether tools are offered.
    pub tools: Known<bool>,
    /// Whether there are images.
    pub images: Known<bool>,
}
