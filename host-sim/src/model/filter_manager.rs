//! The filter manager: how headers, bodies and trailers pass a chain of filters that may hold them.
//!
//! The shape is Envoy's. Each side of a stream runs through the filters in order; a filter's answer
//! says whether the next one is called, and what is held meanwhile. There is one held body per side,
//! whoever holds it. Resuming is [`resume`]: what was held goes on from the filter that held it, or
//! *into* that filter, if it had stopped everything and has not seen it.
//!
//! Side by side in files of their own: the two directions, resuming, local replies, and what a plugin
//! makes of each callback.

mod decode;
mod encode;
mod hold;
mod local_reply;
mod plugin;
mod resume;

pub(crate) use decode::SWALLOWED;
pub(crate) use local_reply::{DIRECT_RESPONSE, grpc_status_of};

use super::buffer::Buffer;

/// A filter's answer to headers, as the filter manager knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadersStatus {
    Continue,
    StopIteration,
    StopAllBuffer,
    StopAllWatermark,
}

/// A filter's answer to data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataStatus {
    Continue,
    StopAndBuffer,
    StopAndWatermark,
    StopNoBuffer,
}

/// A filter's answer to trailers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TrailersStatus {
    Continue,
    StopIteration,
}

/// Data on its way through the chain.
#[derive(Debug)]
pub(crate) enum Data {
    /// A piece that has just arrived.
    Frame(Buffer),
    /// The body that the filter manager holds; filters change it in place.
    Held,
}

/// Where an iteration begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the beginning of the chain.
    Chain,
    /// Behind a filter, or at it if it has not seen what it held.
    From(usize),
    /// Behind a filter, always.
    Behind(usize),
}
