//! The HTTP connection manager: what stands between a client's bytes and the filter chain.
//!
//! [`normalize`] gives headers the form that filters see, [`request`] is what is done to a request
//! before any filter sees it, with [`address`] and [`request_id`]; what is no request [`http1`] and [`http2`]
//! find, and [`malformed`] refuses; [`arrival`] brings its body in,
//! [`response`] sends what the last filter lets through, framed by [`codec`]; [`life`] and [`end`] are
//! how streams begin, wait too long, and end.

mod address;
mod arrival;
mod codec;
mod end;
mod http1;
mod http2;
mod life;
mod malformed;
mod normalize;
mod request;
mod request_id;
mod response;

pub(crate) use arrival::Arrival;
pub(crate) use codec::{Follows, frame, is_tunnel, is_upgrade, method_without_body};
pub(crate) use http1::read as read_http1;
pub(crate) use http2::check as check_http2;
pub(crate) use malformed::Malformed;
