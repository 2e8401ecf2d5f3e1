//! Domains of virtual hosts and which of several fits best.

use std::fmt;

use crate::yaml::{Error, Reader};

/// A domain, lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Domain {
    /// `api.example.com`
    Exact(String),
    /// `*.example.com`, held without the star.
    Suffix(String),
    /// `api.*`, held without the star.
    Prefix(String),
    /// `*`
    Any,
}

/// How well a domain fits a host; the greatest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fit {
    /// Everything fits `*`.
    Any,
    /// By a prefix of this length.
    Prefix(usize),
    /// By a suffix of this length.
    Suffix(usize),
    /// The host itself.
    Exact,
}

impl Domain {
    fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let domain = match (text.strip_prefix('*'), text.strip_suffix('*')) {
            (Some(""), _) => Self::Any,
            (Some(suffix), _) => Self::Suffix(suffix.to_owned()),
            (None, Some(prefix)) => Self::Prefix(prefix.to_owned()),
            (None, None) => Self::Exact(text.clone()),
        };
        let rest = match &domain {
            Self::Exact(rest) | Self::Suffix(rest) | Self::Prefix(rest) => rest.as_str(),
            Self::Any => "any",
        };
        (!rest.is_empty() && !rest.contains('*')).then_some(domain)
    }

    /// How well the domain fits a host in lower case. A star stands for one character at least.
    pub(super) fn fit(&self, host: &str) -> Option<Fit> {
        match self {
            Self::Exact(own) => (own == host).then_some(Fit::Exact),
            Self::Suffix(own) => (host.len() > own.len() && host.ends_with(own.as_str()))
                .then_some(Fit::Suffix(own.len())),
            Self::Prefix(own) => (host.len() > own.len() && host.starts_with(own.as_str()))
                .then_some(Fit::Prefix(own.len())),
            Self::Any => Some(Fit::Any),
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(own) => f.write_str(own),
            Self::Suffix(own) => write!(f, "*{own}"),
            Self::Prefix(own) => write!(f, "{own}*"),
            Self::Any => f.write_str("*"),
        }
    }
}

pub(super) fn read(reader: &Reader<'_>) -> Result<Domain, Error> {
    Domain::parse(reader.string()?).ok_or_else(|| {
        reader.expected("a host, `*.suffix`, `prefix.*` or `*`, with one star at most")
    })
}
