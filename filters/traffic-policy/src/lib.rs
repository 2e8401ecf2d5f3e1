//! Traffic decisions as pure functions.
//!
//! Values in, a decision out. Nothing here knows a proxy, a clock, randomness or a log: `now` and
//! `draw` are arguments, and every limit is explicit. That is what lets the same code decide in a
//! proxy, in a simulator and in a property test.
//!
//! # Map
//! | module | what it decides |
//! |---|---|
//! | [`adjust`] | how weights follow load |
//! | [`attempt`] | nothing: what an attempt at an answer is to be, and what became of it |
//! | [`asking`] | whether a server refuses to be asked for usage |
//! | [`breaker`] | whether a pool, a version or an endpoint gets requests, by what became of others |
//! | [`budget`] | how much of the servers' work may be done twice |
//! | [`calibration`] | how many tokens an estimate stands for, by what servers reported |
//! | [`catalog`] | which models and pools exist, and what a model's other names are |
//! | [`evidence`] | whether a candidate is worse than the stable version |
//! | [`lease`] | who of all workers does what one is enough for |
//! | [`mode`] | nothing: whether what is decided is done |
//! | [`price`] | what tokens cost |
//! | [`record`] | nothing: how what is learnt is kept in shared data |
//! | [`retry`] | whether and how Envoy may try a request again, in Envoy's own words |
//! | [`rollout`] | how far a candidate has come |
//! | [`route`] | which pool a request goes to, and why |
//! | [`split`] | which version a request gets |
//! | [`stream`] | what became of an answer |
//!
//! # Rules
//! - A policy is built once, from configuration, by `TryFrom`; building is where errors happen.
//! - A decision cannot fail: whatever the request is, some variant of the answer describes it.

pub mod adjust;
pub mod asking;
pub mod attempt;
pub mod breaker;
pub mod budget;
pub mod calibration;
pub mod catalog;
pub mod evidence;
pub mod invalid;
pub mod lease;
pub mod mode;
pub mod pattern;
pub mod price;
mod recent;
pub mod record;
pub mod retry;
pub mod rollout;
pub mod route;
pub mod split;
pub mod stream;
pub mod units;
