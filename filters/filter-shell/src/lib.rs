//! Turns proxy-wasm callbacks into phases, and decisions into host calls.
//!
//! A filter implements [`Filter`] and sees [`Facts`]; it knows nothing of the proxy's callbacks, of
//! the other filters in its plugin, or of how the body was seen. This crate knows all of that and
//! nothing of any filter.
//!
//! # A request's way
//! | phase | callback | what happens |
//! |---|---|---|
//! | arrive | request headers | does `match` cover it; headers that only we may set are removed; facts from headers |
//! | scan | request body, trailers | facts from the body, frame by frame |
//! | decide | the one that brings the last fact, or a tick | filters add to one [`Decision`] |
//! | deliver | the same | headers on the own paused request (`knob`), on the gate's (`gate`), or at once |
//! | respond | response headers | the decision's headers for the client, if configured; who follows the answer |
//! | stream | response body | the answer is read as it goes by; usage that only we asked for is taken out |
//! | finish | the last of the answer, or the log | what became of it, for filters, filter state and calibration |
//!
//! # Map
//! | module | what it knows |
//! |---|---|
//! | `root` | a plugin's life: configuration, ticks, queues; which part this root context plays |
//! | `config` | the configuration's shell part, and reading sections |
//! | `facts`, `decision`, `filter` | what filters see, say and are |
//! | `exchange` | one request and its answer: its phases |
//! | `tokens` | which way of counting is taken |
//! | `calibration` | what servers' reports teach about each model, shared by the workers |
//! | `asking` | which servers do not want to be asked for usage |
//! | `shared_record` | what all workers know and change together |
//! | `question` | what filters ask of other servers at ticks, and are told |
//! | `waiting` | deadlines of what waits, bounded |
//! | `gate` | the second plugin, which holds a request until its decision comes |
//! | `attempt_guard` | the plugin behind the router, which sees every attempt |
//! | `metrics` | counters with labels |
//! | `host` | host calls that return results; the only unsafe code |

mod asking;
mod attempt_guard;
mod calibration;
mod config;
mod decision;
mod edit;
mod exchange;
mod facts;
#[cfg(feature = "fault-injection")]
mod fault;
mod filter;
mod gate;
mod host;
mod metrics;
mod question;
mod root;
mod shared_record;
mod tokens;
mod waiting;

pub use config::{Body, Build, Section, Shared, check, section};
pub use decision::{Decision, Reply};
pub use facts::{Facts, Part};
pub use filter::{Filter, Followed, Follower, Follows};
pub use host::clock::monotonic;
pub use metrics::{Counter, Gauge, Histogram};
pub use question::{Answered, Now, Question};
pub use root::start;
pub use shared_record::SharedRecord;
