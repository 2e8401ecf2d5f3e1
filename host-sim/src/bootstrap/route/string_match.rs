//! String matchers of routes.

use regex::bytes::Regex;

use super::super::message::Message;
use crate::yaml::{Error, Reader};

/// A string matcher.
#[derive(Debug, Clone)]
pub struct StringMatcher {
    /// What to compare with.
    pub pattern: Pattern,
    /// ASCII case does not count.
    pub ignore_case: bool,
}

/// What to compare with.
#[derive(Debug, Clone)]
pub enum Pattern {
    /// The whole value.
    Exact(String),
    /// Its start.
    Prefix(String),
    /// Its end.
    Suffix(String),
    /// Any part of it.
    Contains(String),
    /// The whole value, by a regular expression.
    Regex(Regex),
}

impl StringMatcher {
    /// Whether the value matches.
    #[must_use]
    pub fn matches(&self, value: &[u8]) -> bool {
        if !self.ignore_case {
            return self.pattern.matches(value);
        }
        let value = value.to_ascii_lowercase();
        self.pattern.matches(&value)
    }

    /// A matcher that respects case.
    pub(super) fn new(pattern: Pattern) -> Self {
        Self { pattern, ignore_case: false }
    }
}

impl Pattern {
    fn matches(&self, value: &[u8]) -> bool {
        match self {
            Self::Exact(own) => value == own.as_bytes(),
            Self::Prefix(own) => value.starts_with(own.as_bytes()),
            Self::Suffix(own) => value.ends_with(own.as_bytes()),
            Self::Contains(own) => {
                own.is_empty() || value.windows(own.len()).any(|part| part == own.as_bytes())
            }
            Self::Regex(regex) => regex.is_match(value),
        }
    }

    fn lower_case(self) -> Self {
        match self {
            Self::Exact(own) => Self::Exact(own.to_ascii_lowercase()),
            Self::Prefix(own) => Self::Prefix(own.to_ascii_lowercase()),
            Self::Suffix(own) => Self::Suffix(own.to_ascii_lowercase()),
            Self::Contains(own) => Self::Contains(own.to_ascii_lowercase()),
            Self::Regex(regex) => Self::Regex(regex),
        }
    }
}

/// The fields by which Envoy's matchers name their pattern.
pub(super) const PATTERNS: [&str; 5] = ["exact", "prefix", "suffix", "contains", "safe_regex"];

/// Reads a `StringMatcher`.
pub(in super::super) fn read(reader: &Reader<'_>) -> Result<StringMatcher, Error> {
    let mut message = Message::read(reader, "envoy.type.matcher.v3.StringMatcher")?;
    let (field, value) = message.exactly_one_of(&PATTERNS)?;
    let pattern = pattern(field, &value)?;
    let ignore_case = message.or("ignore_case", false, Reader::boolean)?;
    message.finish()?;
    if ignore_case && matches!(pattern, Pattern::Regex(_)) {
        let cure = "remove it, and write `(?i)` into the expression";
        return Err(reader.invalid("`ignore_case` with `safe_regex`", "one of them", cure));
    }
    let pattern = if ignore_case { pattern.lower_case() } else { pattern };
    Ok(StringMatcher { pattern, ignore_case })
}

/// Reads the pattern in one of the fields [`PATTERNS`].
pub(super) fn pattern(field: &str, value: &Reader<'_>) -> Result<Pattern, Error> {
    let text = || value.string().map(str::to_owned);
    Ok(match field {
        "exact" => Pattern::Exact(text()?),
        "prefix" => Pattern::Prefix(text()?),
        "suffix" => Pattern::Suffix(text()?),
        "contains" => Pattern::Contains(text()?),
        _ => Pattern::Regex(regex(value)?),
    })
}

/// Reads a `RegexMatcher`; like RE2's it has to match the whole value.
pub(super) fn regex(reader: &Reader<'_>) -> Result<Regex, Error> {
    let mut message = Message::read(reader, "envoy.type.matcher.v3.RegexMatcher")?;
    // Older files name the engine; there is only this one.
    message.maybe("google_re2", |engine| engine.entries().map(drop))?;
    let expression = message.required("regex")?;
    message.finish()?;
    let text = expression.string()?;
    Regex::new(&format!(r"\A(?:{text})\z")).map_err(|error| {
        let found = format!("`{text}`, which is no regular expression ({})", last_line(&error));
        expression.invalid(&found, "RE2 syntax", "correct it")
    })
}

fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim().trim_start_matches("error: ").to_owned()
}
