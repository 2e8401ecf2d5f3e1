//! The attempt guard: a plugin behind the router, in the chain of a cluster, that sees every attempt.
//!
//! A plugin before the router is shown one answer, the last; what came before it is gone. Behind the router
//! each attempt passes on its own. This one has eyes and hands and no policy: a [`Plan`] comes with the
//! request in filter state, it does what the plan says, and leaves a record of what became of each attempt, which
//! the plugins before the router read.
//!
//! # The request
//! Model, path, fields and headers are those of the attempt's own pool. All attempts share one map of headers,
//! in which the second finds what the first has set; so each of them sets them all anew, from what the client
//! sent, which the first attempt has written down ([`original`]). Bodies come as the client sent them, each time.
//!
//! # The answer
//! Its headers are held until it has said what it will be: a first event with something generated in it, or an
//! error. Nothing is lost by that, because before it there was nothing to show. If it will be none, its
//! status becomes one that the router tries again for; a reply of our own would go to the client at once. On
//! the last attempt that is what is wanted, and the client gets an error in its API's own shape.
//!
//! # Limits
//! - Needs `allow_on_headers_stop_iteration`: a proxy without it shows nothing of an answer that is held, and each
//!   of them waits for its deadline.
//! - Only answers to requests that have been sent to their end are held: Envoy does not survive it otherwise.
//!   Of the others it is told what they were.
//! - Compressed answers cannot be read; servers are asked for plain ones.
//! - A stream that is reset or falls silent after it has begun can only be cut. Where a server ends it in good
//!   order and without its end marker, an error event is added.
//! - A trap here is a `503` for its request at once, and no other attempt; the plugin has a VM of its own, so
//!   that nothing else is hurt.
//!
//! [`Plan`]: traffic_policy::attempt::Plan

mod answer;
mod ask;
mod attempt;
mod config;
mod judging;
mod original;
mod root;
mod said;
mod settle;
mod stream;
mod watch;

pub(crate) use root::Guard;
pub(crate) use stream::GuardStream;
