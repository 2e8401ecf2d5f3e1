//! Random chains of tracing guests, on both hosts: whoever wants to find where the simulator differs from
//! Envoy asks here.
//!
//! A case is one request, or the same a few times, through one to four guests that hold, resume, change,
//! answer, cut, call servers of their own and trap at random, with a client and a server that cut their
//! messages into pieces ([`case`], [`draw`]). Many cases run in one process ([`script`], [`batch`]), each
//! with its guests' rules in its own request headers. A case in which the hosts differ is played again
//! alone with others of its kind, and then made smaller; so is one that ends Envoy's process ([`hunt`],
//! [`search`]).
//!
//! # What is left out
//! - What Envoy itself does not define: resuming a side that is not held, or headers inside the callback
//!   that brings them (assertions in debug builds), and looking at a body that nobody holds (a null
//!   pointer). The model notices, and the case does not count.
//! - What depends on which of two independent events comes first ([`pace`]).
//! - A request that an HTTP/1 server gets longer than it was announced: the rest breaks whichever request is
//!   next on that connection.
//! - A response that is cut within 30 ms of its headers: the client's library hands them out, or not.
//! - A second local reply in one stream: Envoy does not define it inside the first one's headers.
//! - A body that is changed under an announced length: the peers' HTTP libraries decide what comes of it.
//!
//! # Limits
//! Each request has a connection of its own.

mod batch;
mod case;
mod draw;
mod hunt;
mod pace;
mod script;
mod search;
mod smaller;

pub use hunt::{Finding, Hunt, Report};
