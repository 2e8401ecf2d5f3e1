//! A live gateway on this machine, without an Envoy: the simulated proxy behind real sockets.
//!
//! [`crate::host::Host`] knows no input and output; here are the sockets. One engine task owns the host and
//! is the only one to touch it; every connection has tasks of its own that turn HTTP into inputs and
//! effects into HTTP. Virtual time is the time since the start, so timers fire when they should.
//!
//! | file | what |
//! |---|---|
//! | `engine` | owns the host: inputs in, effects out, time |
//! | `input` | what connections tell the engine |
//! | `downstream` | clients: hyper's server, HTTP/1 and HTTP/2 on one port |
//! | `upstream` | attempts: hyper's client, a connection for each |
//! | `callout` | requests that plugins send by themselves |
//! | `backlog` | back-pressure: how much is on its way and not yet taken |
//! | `message` | between hyper's messages and the model's header maps |
//! | `gateway` | starting and stopping all that |
//!
//! # Limits
//! A gateway for one developer: one core, plain HTTP, no connection pool towards servers, no admin
//! interface. What the model refuses to play ends up on the gateway's [`Notice`]s.

mod backlog;
mod callout;
mod downstream;
mod engine;
mod gateway;
mod input;
mod message;
mod tunnel;
mod upstream;

pub use engine::Notice;
pub use gateway::{Gateway, GatewayError, GatewayOptions};
