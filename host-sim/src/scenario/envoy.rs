//! The outside of a real Envoy in a scenario: clients and model servers on sockets, and the
//! records that the process leaves.
//!
//! Everything is on free ports of the loopback interface, so runs do not disturb each other.

pub(crate) mod access_log;
mod clients;
mod metrics;
mod servers;

pub use clients::{Proxy, play};
pub(crate) use metrics::{canonical, plugin_metrics};
pub use servers::Servers;
