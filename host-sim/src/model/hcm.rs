//! The HTTP connection manager: what stands between a client's bytes and the filter chain.
//!
//! [`normalize`] gives headers the form that filters see, [`request`] is what is done to a request
//! before any filter sees it, with [`address`] and [`request_id`]; [`arrival`] brings its body in,
//! [`response`] sends what the last filter lets through, framed by [`codec`]; [`life`] and [`end`] are
//! how streams begin, wait too long, and end.

mod address;
mod arrival;
mod codec;
mod end;
mod life;
mod normalize;
mod request;
mod request_id;
mod response;

pub(crate) use arrival::Arrival;
pub(crate) use codec::{Follows, frame, is_tunnel, is_upgrade, method_without_body};
