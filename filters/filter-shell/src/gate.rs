//! The body gate: a plugin of its own that holds a request until its decision comes.
//!
//! A plugin that pauses in request headers gets no body (without a setting that a stock Istio
//! cannot make), and one that does not pause cannot change the headers any more. Two plugins can
//! do together what one cannot: the first lets the headers pass and reads the body as it streams
//! by; the second, right behind it, pauses, so that the frames pile up there and the first still
//! sees each of them. When the first has decided, it sends the headers to be set to the second,
//! which sets them on its own paused request and lets it go.
//!
//! # Why a queue
//! The gate must not be resumed from within the callback that brought the last frame: the proxy
//! has not handed that frame on yet, and a request with a single frame would go out as one without
//! body. A message on a shared queue arrives on the next turn of the same worker's event loop.
//!
//! # Why a virtual machine of its own
//! A trap ends everything in its VM, ticks included. If the deciding plugin traps, requests that
//! wait here still have this VM's deadline.

mod message;
mod root;
mod stream;

pub(crate) use message::{Release, Ticket};
pub(crate) use root::Gate;
pub(crate) use stream::GateStream;

/// What the deciding plugin writes in place of facts to ask the gate to hold a request. No facts
/// start like this: their first byte is a version.
pub(crate) const HOLD_MARK: &[u8] = b"hold";

/// Filter state in which the gate says where to send the decision.
pub(crate) const TICKET: &str = "llm.ticket";
