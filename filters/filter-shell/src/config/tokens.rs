//! `tokens`: how tokens are counted.

use serde::Deserialize;

/// The section as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTokens {
    /// When tokens are counted exactly, for models that name their `encoding`.
    #[serde(default)]
    pub(super) exact: Exact,
}

/// When tokens are counted exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Exact {
    /// When the decision depends on it.
    #[default]
    WhenNeeded,
    /// Always, for the sake of access logs.
    Always,
}
