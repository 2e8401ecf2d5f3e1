//! Which version of the ABI a module says it was built for.

use std::fmt;

/// A version of the ABI, read from the marker that the module exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AbiVersion {
    /// The first published version; headers callbacks have no end of stream.
    V0_1_0,
    /// What most plugins in the field were built for.
    V0_2_0,
    /// 0.2.0 with `proxy_get_log_level`; what current SDKs make.
    V0_2_1,
}

impl AbiVersion {
    /// Every version, oldest first.
    pub const ALL: &'static [Self] = &[Self::V0_1_0, Self::V0_2_0, Self::V0_2_1];

    /// The empty function whose export says the version.
    #[must_use]
    pub fn marker(self) -> &'static str {
        match self {
            Self::V0_1_0 => "proxy_abi_version_0_1_0",
            Self::V0_2_0 => "proxy_abi_version_0_2_0",
            Self::V0_2_1 => "proxy_abi_version_0_2_1",
        }
    }

    /// The version that an export marks, if it is a marker.
    #[must_use]
    pub fn from_marker(export: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|version| version.marker() == export)
    }
}

impl fmt::Display for AbiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V0_1_0 => "0.1.0",
            Self::V0_2_0 => "0.2.0",
            Self::V0_2_1 => "0.2.1",
        })
    }
}
