//! Envoy's threads: one main thread and a number of workers, each with VMs of its own.

use std::fmt;

/// A thread that runs VMs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thread {
    /// Compiles modules and keeps the template of each VM; streams never see it.
    Base,
    /// Tries a configuration on a throw-away VM.
    Canary,
    /// Ticks and sends callouts; has no streams.
    Main,
    /// Serves streams.
    Worker(usize),
}

impl fmt::Display for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base => f.write_str("base"),
            Self::Canary => f.write_str("canary"),
            Self::Main => f.write_str("main"),
            Self::Worker(number) => write!(f, "w{number}"),
        }
    }
}
