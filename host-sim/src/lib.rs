//! A proxy-wasm host that behaves as Envoy does.

pub mod abi;
pub mod bootstrap;
mod child;
pub mod client;
pub mod demo;
pub mod envoy;
pub mod fields;
pub mod host;
mod hostcalls;
pub mod istio;
pub mod model;
pub mod parts;
mod protocol;
pub mod scenario;
pub mod serve;
pub mod upstream;
pub mod vm;
mod wasi;
pub mod yaml;
