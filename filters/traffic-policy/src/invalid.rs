//! What is wrong with a configuration, in one line a person can act on.

use std::fmt;

/// A refused setting: where it stands, what was found, what is allowed, and the cure.
///
/// The text reads ``token_router.rules[1].pool: found `gpu-big`; allowed gpu-large, gpu-small; add
/// it to pools``. The path is relative to the section that is being read; [`Invalid::under`] puts
/// the section's own place in front, so that each layer only knows its own names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The setting, as a path: `rules[1].pool`.
    pub path: String,
    /// What was found, what is allowed, the cure.
    pub problem: String,
}

impl Invalid {
    /// A problem that stands at `path`.
    pub fn new(path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { path: path.into(), problem: problem.into() }
    }

    /// A value that is not one of the `allowed`, with the cure.
    pub fn not_one_of<'a>(
        path: impl Into<String>,
        found: &str,
        allowed: impl IntoIterator<Item = &'a str>,
        cure: &str,
    ) -> Self {
        let allowed: Vec<&str> = allowed.into_iter().collect();
        let allowed = if allowed.is_empty() { "none yet".into() } else { allowed.join(", ") };
        Self::new(path, format!("found `{found}`; allowed {allowed}; {cure}"))
    }

    /// The same problem, seen from one level further out.
    #[must_use]
    pub fn under(mut self, parent: &str) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{parent}{separator}{}", self.path);
        self
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

impl std::error::Error for Invalid {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_grows_outwards_with_dots_and_indices() {
        let invalid = Invalid::new("pool", "found `x`").under("[1]").under("rules");
        assert_eq!(invalid.path, "rules[1].pool");
        assert_eq!(
            invalid.under("token_router").to_string(),
            "token_router.rules[1].pool: found `x`"
        );
    }

    #[test]
    fn an_empty_list_of_choices_says_so() {
        let invalid = Invalid::not_one_of("pool", "a", [], "add it to pools");
        assert_eq!(invalid.problem, "found `a`; allowed none yet; add it to pools");
    }
}
