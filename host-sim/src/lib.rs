//! A proxy-wasm host that behaves as Envoy does.

pub mod abi;
