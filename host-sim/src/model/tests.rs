//! The model, seen from both ends: clients and servers outside, native guests inside.
//!
//! A guest here is a Rust function, so what a test shows is Envoy's semantics and nothing of wasm.
//! Configurations are bootstrap files in text, as users write them.

mod attempts;
mod body_gate;
mod callouts;
mod clusters;
mod knob;
mod lints;
mod refusals;
mod reload;
mod replies;
mod retries;
mod router;
mod scene;
mod vm_life;
