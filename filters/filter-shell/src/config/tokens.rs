//! `tokens`: how tokens are counted.

use serde::Deserialize;

/// The section as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTokens {
    /// When tokens are counted exactly, for models that name their `encoding`.
    #[serde(default)]
    pub(super) exact: Exact,
    /// Whether estimates are corrected by what servers report.
    #[serde(default = "yes")]
    pub(super) calibrate: bool,
}

impl Default for RawTokens {
    fn default() -> Self {
        Self { exact: Exact::default(), calibrate: yes() }
    }
}

/// It costs next to nothing, and an estimate for another vocabulary than the model's own is off by
/// a tenth and more.
fn yes() -> bool {
    true
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
