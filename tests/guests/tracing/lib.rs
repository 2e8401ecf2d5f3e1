//! A plugin that writes down every callback, and does in each what its configuration says.
//!
//! Run on two hosts, its lines show the first callback in which they differ: an order, a size, an end of
//! stream, the status of a hostcall, in which phase a header can still be changed. It returns every action's
//! number and calls the bare imports, because an SDK hides what only some statuses and actions reach.
//!
//! It is built by tests and never shipped.
//!
//! # Limits
//! HTTP streams only: no TCP, no gRPC. Calls go to one cluster, without a body.

mod act;
mod exports;
mod host;
mod plan;
mod stream;
