//! Envoy's semantics as plain Rust.
//!
//! A deterministic, single-threaded machine under virtual time: contexts and their header windows,
//! the filter manager, what the HTTP connection manager and the router do around it, shared data,
//! queues, timers, metrics, properties, and the life of VMs.
//! It knows neither wasm nor a guest's memory: a VM is a [`guest::Guest`], and tests play one with closures.
//!
//! Two kinds of code live here. A hostcall is a method of [`World`]; what Envoy does between
//! hostcalls is a method of the engine behind [`crate::host::Host`].

pub mod buffer;
pub mod call;
pub mod config;
pub mod effect;
pub mod guest;
pub mod headers;
pub mod shared_data;
pub mod version;
pub mod world;

pub use call::{HttpCall, LocalReply, Pairs};
pub use guest::{Guest, GuestFactory, InstantiateError, Trap, VmSpec};
pub use headers::HeaderMap;
pub use version::EnvoyVersion;
pub use world::World;
