//! Whether what is decided is done.

use serde::Deserialize;

/// Whether what is decided is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It is.
    #[default]
    Enforce,
    /// It is counted and told only.
    Shadow,
}

impl Mode {
    /// Whether nothing is to be done.
    pub fn is_shadow(self) -> bool {
        self == Self::Shadow
    }
}
