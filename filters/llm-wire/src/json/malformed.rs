//! What can be wrong with JSON.

/// Why a body cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// The body ended before its outermost value did, or holds nothing.
    Truncated,
    /// The outermost value is not an object.
    NotAnObject,
    /// A byte that cannot stand here.
    UnexpectedByte,
    /// A number, `true`, `false` or `null` that is misspelled.
    BadLiteral,
    /// An escape that JSON does not have, in a string that had to be decoded.
    BadEscape,
    /// Brackets are nested deeper than the limit.
    TooDeep,
    /// Something other than whitespace follows the outermost value.
    TrailingBytes,
}

impl Malformed {
    /// The reason as a word, for metrics and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::NotAnObject => "not_an_object",
            Self::UnexpectedByte => "unexpected_byte",
            Self::BadLiteral => "bad_literal",
            Self::BadEscape => "bad_escape",
            Self::TooDeep => "too_deep",
            Self::TrailingBytes => "trailing_bytes",
        }
    }
}
