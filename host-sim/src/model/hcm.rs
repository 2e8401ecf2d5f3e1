//! The HTTP connection manager: what stands between a client's bytes and the filter chain.
//!
//! [`arrival`] brings a body in, [`request`] is what it does to a request before any filter sees it, [`response`] what it does to a
//! response after the last filter, [`life`] how streams begin, time out and end, [`codec`] what
//! HTTP/1 and HTTP/2 put on the wire for the same message.

mod address;
mod arrival;
mod codec;
mod life;
mod request;
mod response;

pub(crate) use arrival::Arrival;
pub(crate) use codec::{Follows, frame, is_upgrade, method_without_body};
pub(crate) use life::{is_tunnel, text_reply};
pub(crate) use request::plain_reply;
