//! Envoy's semantics as plain Rust.
//!
//! A deterministic, single-threaded machine under virtual time: contexts and their header windows,
//! the filter manager, what the HTTP connection manager and the router do around it, shared data,
//! queues, timers, metrics, properties, and the life of VMs.
//! It knows neither wasm nor a guest's memory: a VM is a [`guest::Guest`], and tests play one with closures.
//!
//! Two kinds of code live here. A hostcall is a method of [`World`], in the file of its chapter
//! ([`maps`], [`bodies`], [`property`], [`flow`], [`queue`], ...); what Envoy does between hostcalls is
//! a method of the engine behind [`crate::host::Host`] ([`filter_manager`], [`hcm`], [`router`],
//! [`vm_registry`]).

mod access_log;
mod bodies;
pub mod buffer;
pub mod call;
mod callout;
mod chain;
pub mod config;
mod context;
pub mod credential;
pub(crate) mod date;
mod deliver;
pub mod effect;
pub(crate) mod engine;
mod filter_manager;
mod flag;
mod flow;
mod foreign;
mod grpc;
pub mod guest;
pub(crate) mod hcm;
pub mod headers;
pub mod lint;
pub mod log;
mod maps;
pub mod metric;
mod property;
mod protobuf;
mod queue;
pub mod reload;
mod route;
mod router;
mod shared_data;
mod stream;
#[cfg(test)]
mod tests;
pub mod thread;
pub mod time;
mod timer;
pub(crate) mod trace;
pub mod version;
mod vm;
pub mod vm_registry;
mod worker_loss;
pub mod world;

pub use call::{GrpcCall, GrpcStream, HttpCall, LocalReply, Pairs};
pub use date::iso_date;
pub use guest::{Guest, GuestFactory, InstantiateError, Trap, VmSpec};
pub use headers::HeaderMap;
pub use router::CLUSTER_COUNTERS;
pub use version::EnvoyVersion;
pub use world::World;
