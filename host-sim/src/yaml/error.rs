//! What can be wrong with a file, and how it is said.

use std::{fmt, sync::Arc};

/// A position in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the user named it.
    pub file: Arc<str>,
    /// Line, from 1; 0 means the whole file.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}", self.file)
        } else {
            write!(f, "{}:{}:{}", self.file, self.line, self.column)
        }
    }
}

/// A mistake in a file: `file:line:column: path: problem`.
///
/// The details are boxed, because every reader returns this type and almost none fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0)]
pub struct Error(Box<Details>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Details {
    place: Place,
    path: String,
    problem: Problem,
}

impl fmt::Display for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.problem)
    }
}

impl Error {
    /// An error at a place; `path` names the value from the root of the file.
    #[must_use]
    pub fn new(place: Place, path: impl Into<String>, problem: Problem) -> Self {
        Self(Box::new(Details { place, path: path.into(), problem }))
    }

    /// Where the mistake is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.0.place
    }

    /// The path of the value, such as `static_resources.listeners[0].address`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.0.problem
    }
}

/// What is wrong at a place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The file is not YAML.
    #[error("not YAML: {0}")]
    Syntax(String),
    /// A field that must be there is not.
    #[error("`{field}` is missing; add it")]
    Missing {
        /// Its name.
        field: String,
    },
    /// A field that nobody asked for.
    #[error("found unknown field `{field}`; allowed {allowed}; {cure}")]
    UnknownField {
        /// Its name.
        field: String,
        /// The fields that there are.
        allowed: String,
        /// What to do.
        cure: String,
    },
    /// A value that is not allowed.
    #[error("found {found}; allowed {allowed}{}", cure_suffix(.cure))]
    Invalid {
        /// What was found.
        found: String,
        /// What is allowed.
        allowed: String,
        /// What to do; empty where `allowed` says it.
        cure: String,
    },
    /// Something that the real thing has and the model has not.
    #[error("found {found}, which is not modelled; the model has {has}; {cure}")]
    NotModelled {
        /// What was found.
        found: String,
        /// What there is in its stead.
        has: String,
        /// What to do.
        cure: String,
    },
}

fn cure_suffix(cure: &str) -> String {
    if cure.is_empty() { String::new() } else { format!("; {cure}") }
}
