//! The router: the last filter, which turns a request into attempts at upstream endpoints.
//!
//! [`request`] chooses what to do with a request and prepares its headers, [`attempt`] speaks to one
//! endpoint, [`failure`] decides what the client hears when that does not work.
//!
//! # Limits
//! One attempt for each request. A failed attempt ends in [`failure`], at the one place where a retry
//! would be decided.

mod attempt;
mod balance;
mod edits;
mod failure;
mod request;

use super::{
    effect::{AttemptId, UpstreamEvent},
    time::{Nanos, TimerKey},
};
pub(crate) use balance::Upstreams;

/// The router's part of a stream.
#[derive(Debug, Default)]
pub(crate) struct Router {
    pub(crate) attempt: Option<Attempt>,
    pub(crate) timeout: Option<Nanos>,
    pub(crate) timer: Option<TimerKey>,
    /// When the request had arrived completely.
    pub(crate) request_complete: Option<Nanos>,
    /// Response headers went into the chain.
    pub(crate) response_started: bool,
}

/// One try at one endpoint.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) id: AttemptId,
    pub(crate) http2: bool,
    pub(crate) connect_timer: Option<TimerKey>,
    /// What is to be sent once the connection stands; none when it does.
    pub(crate) waiting: Option<Vec<UpstreamEvent>>,
    /// Everything was sent.
    pub(crate) request_ended: bool,
    /// How many reasons there are not to read from the server.
    pub(crate) read_disabled: usize,
}
