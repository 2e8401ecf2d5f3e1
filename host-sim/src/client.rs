//! An HTTP client that does what scenarios need and ordinary clients hide.
//!
//! It decides where a body is cut and when each piece leaves, sends bodies with GET, trailers, and
//! `Expect: 100-continue`, speaks HTTP/1.0, 1.1 and 2 with prior knowledge, goes through upgrades and
//! CONNECT, gives up in the middle, and reports how an answer ended rather than that it failed.
//! Heads that are none go out as they are written ([`Raw`]).
//! Each request has a connection of its own, so that one request's reset cannot touch another.
//!
//! # Limits
//! Pieces leave in writes of their own, with `TCP_NODELAY`, but the first one with the headers if it is there
//! at once, and trailers with the last one, on one thread (a runtime with more may part them); a reader that is slower than the writer still
//! gets several at once. Over HTTP/2 interim responses are not seen (hyper does not show them), so a
//! body that waits for `100 Continue` leaves after [`CONTINUE_WAIT`] there.

mod body;
mod connection;
mod exchange;
mod outcome;
mod raw;
mod tunnel;

pub use body::Frame;
pub(crate) use connection::Connection;
pub use connection::Http;
pub use exchange::{CONTINUE_WAIT, ClientRequest, exchange};
pub use outcome::{Ending, Outcome};
pub use raw::Raw;
