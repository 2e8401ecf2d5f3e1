//! Random chains of tracing guests, on both hosts: whoever wants to find where the simulator differs from
//! Envoy asks here.
//!
//! A case is one request through one to three guests that hold, resume, change, answer and cut at random,
//! with a client and a server that cut their messages into pieces ([`case`], [`draw`]). Many cases run in
//! one process, each with its guests' rules in its own request headers ([`batch`]). A case in which the
//! hosts differ is played again alone with others of its kind, and then made smaller ([`hunt`]).
//!
//! # What is left out by construction
//! - What Envoy itself does not define: resuming a side that is not held, or headers inside the callback
//!   that brings them (assertions in debug builds), and looking at a body that nobody holds (a null
//!   pointer). The model notices, and the case does not count.
//! - What depends on which of two independent events comes first. Each case is played in the simulator at
//!   three paces; when they differ, the sockets would decide.
//! - A second local reply in one stream, and traps: a trap ends all cases of the process.
//! - A body that is changed under an announced length: the peers' HTTP libraries decide what comes of it.
//!
//! # Limits
//! One worker; no updates of configuration, no drains.

mod batch;
mod case;
mod draw;
mod hunt;
mod smaller;

pub use hunt::{Finding, Hunt, Report};
