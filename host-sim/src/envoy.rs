//! A real Envoy as a child process, from a bootstrap to its metrics and logs.
//!
//! The bootstrap's listeners and admin interface may name port 0: Envoy binds free ports itself and is
//! asked for them, so that no other process can take a port between choosing and binding it.
//! Hot restart is off, so that any number of Envoys run side by side without base ids.
//!
//! # Nothing is left running
//! Dropping a [`RunningEnvoy`] kills the process. Ctrl-C reaches it as well, because it stays in our
//! process group. Against our own violent death it is started through `setpriv --pdeathsig` where that
//! program exists (util-linux, Linux only).

mod log;
mod metrics;
mod process;

pub use log::{LogLine, PluginLine};
pub use metrics::read_metrics;
pub use process::{AdminError, EndedError, EnvoyOptions, RunningEnvoy, StartError};
