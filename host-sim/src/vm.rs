//! Runs plugins: compiles modules, makes instances, calls exports, explains traps.
//!
//! [`Engine`] is what a host is given to make VMs with; [`Instance`] is one VM.
//! Neither knows what a call means to a request: the [`World`](crate::model::World) is lent to
//! an instance for the time of one call, and hostcalls act on it (see [`crate::hostcalls`]).
//!
//! # Why wasmtime, when Envoy has V8
//! Both execute the same bytes, and everything that a plugin can see of a host is decided by the
//! hostcalls. Wasmtime is a library that cargo builds; V8 is not.
//!
//! # Limits
//! Memory is bounded as in Envoy (1 GiB). An endless loop, which blocks a worker of Envoy for
//! ever, ends with an error here; see [`EngineOptions::call_limit`].
//! Modules that import their memory, share it between threads, or use the older encoding of
//! exceptions load in V8 and are refused here by name.

mod audit;
mod engine;
mod exports;
mod instance;
mod limits;
mod load_error;
mod memory;
mod module_cache;
pub mod sabotage;
mod state;
pub(crate) mod trap;
mod watchdog;

pub use engine::{Engine, EngineOptions};
pub use instance::Instance;
pub use load_error::LoadError;
pub(crate) use memory::GuestMemory;
pub(crate) use state::{Allowed, Phase, State};
