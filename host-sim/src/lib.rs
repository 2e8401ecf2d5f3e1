//! A proxy-wasm host that behaves as Envoy does.
//!
//! [`simulation::Simulation`] puts a plugin into a simulated Envoy and sends it requests, in virtual
//! time: the whole of a test of a plugin is the example there.
//! [`host::Host`] is the proxy itself, for who brings clients and servers of his own;
//! [`scenario`] runs data files, on the simulator and on a real Envoy.
//!
//! # Limits
//! Nothing is global: a host is a value, and tests with hosts of their own run in parallel. What is
//! worth sharing is a [`vm::Engine`], which keeps compiled modules.

pub mod abi;
pub mod bootstrap;
pub mod canary;
pub mod check;
mod child;
pub mod client;
pub mod demo;
mod draw;
pub mod envoy;
pub mod fields;
pub mod fuzz;
pub mod host;
mod hostcalls;
pub mod istio;
mod labels;
pub mod llama;
pub mod model;
pub mod outage;
pub mod parts;
mod plot;
pub mod prometheus;
mod protocol;
pub mod scenario;
pub mod serve;
pub mod simulation;
pub mod upstream;
pub mod vm;
mod wasi;
pub mod weights;
pub mod yaml;
