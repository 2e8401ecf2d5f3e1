//! One condition of a rule, judged on facts that may be incomplete.

use super::request::{Known, Request, TokenCount};
use crate::pattern::Pattern;

/// A condition. Within a rule all of them must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The model's requested or real name fits.
    Model(Pattern),
    /// The prompt's tokens lie in the range.
    PromptTokens(Range),
    /// Prompt and longest allowed answer together lie in the range.
    TotalTokens(Range),
    /// The answer is to be streamed, or not.
    Stream(bool),
    /// Tools are offered, or not.
    Tools(bool),
    /// There are images, or not.
    Images(bool),
    /// A header is there and its value fits.
    Header(String, Pattern),
    /// The path fits.
    Path(Pattern),
}

/// Whole numbers from `at_least` to `at_most`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    pub(super) at_least: u64,
    pub(super) at_most: u64,
}

/// Whether something is so, as far as can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    /// It is, whatever follows.
    Holds,
    /// It is not, whatever follows.
    Fails,
    /// It depends on what was not seen.
    Open,
}

impl Truth {
    /// The truth of "all of them": one failure decides, else one open question leaves it open.
    pub(super) fn all(parts: impl Iterator<Item = Self>) -> Self {
        let mut truth = Self::Holds;
        for part in parts {
            match part {
                Self::Fails => return Self::Fails,
                Self::Open => truth = Self::Open,
                Self::Holds => {}
            }
        }
        truth
    }

    fn of(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }
}

impl Condition {
    /// Judges the condition; `resolved` is the real name of the requested model, if it has one.
    pub(super) fn holds(&self, request: &Request<'_>, resolved: Option<&str>) -> Truth {
        match self {
            Self::Model(pattern) => match request.model {
                Known::Value(name) => {
                    Truth::of(pattern.matches(name) || resolved.is_some_and(|r| pattern.matches(r)))
                }
                Known::Absent => Truth::Fails,
                Known::NotYet => Truth::Open,
            },
            Self::PromptTokens(range) => range.contains(request.prompt_tokens),
            Self::TotalTokens(range) => range.contains(total(request)),
            Self::Stream(wanted) => flag(request.stream, *wanted),
            Self::Tools(wanted) => flag(request.tools, *wanted),
            Self::Images(wanted) => flag(request.images, *wanted),
            Self::Header(name, pattern) => Truth::of(
                request.headers.iter().any(|(n, value)| n == name && pattern.matches(value)),
            ),
            Self::Path(pattern) => Truth::of(pattern.matches(request.path)),
        }
    }

    /// The header this condition looks at.
    pub(super) fn header(&self) -> Option<&str> {
        match self {
            Self::Header(name, _) => Some(name),
            Self::Model(_)
            | Self::PromptTokens(_)
            | Self::TotalTokens(_)
            | Self::Stream(_)
            | Self::Tools(_)
            | Self::Images(_)
            | Self::Path(_) => None,
        }
    }
}

impl Range {
    fn contains(self, count: TokenCount) -> Truth {
        let below = count.at_most.is_some_and(|most| most < self.at_least);
        let above = count.at_least > self.at_most;
        let inside = count.at_least >= self.at_least
            && (self.at_most == u64::MAX || count.at_most.is_some_and(|most| most <= self.at_most));
        match (below || above, inside) {
            (true, _) => Truth::Fails,
            (false, true) => Truth::Holds,
            (false, false) => Truth::Open,
        }
    }
}

/// A client that names no limit asks for nothing that could be added up.
fn total(request: &Request<'_>) -> TokenCount {
    let requested = match request.requested_tokens {
        Known::Value(tokens) => TokenCount::exactly(tokens),
        Known::Absent => TokenCount::exactly(0),
        Known::NotYet => TokenCount::at_least(0),
    };
    request.prompt_tokens.plus(requested)
}

/// A flag that is absent is off: that is what the APIs take it for.
fn flag(known: Known<bool>, wanted: bool) -> Truth {
    match known {
        Known::Value(value) => Truth::of(value == wanted),
        Known::Absent => Truth::of(!wanted),
        Known::NotYet => Truth::Open,
    }
}
