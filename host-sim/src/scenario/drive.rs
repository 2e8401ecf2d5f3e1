//! Gives a scenario to a host: configuration in, record out.

mod configure;
mod envoy;
mod sim;

pub(super) use envoy::envoy;
pub(super) use sim::sim;
