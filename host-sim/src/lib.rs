//! A proxy-wasm host that behaves as Envoy does.

pub mod abi;
pub mod host;
pub mod model;
pub mod yaml;
