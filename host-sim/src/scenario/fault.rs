//! What goes wrong on purpose, beyond what clients and servers do.
//!
//! A request that is cut (`reset_after`), a server that fails (`upstreams`) and a new configuration
//! (a step `update`) have places of their own; here is what happens to the proxy itself.
//!
//! # Which hosts
//! A guest's faults are put into a copy of the module ([`crate::vm::sabotage`]), so a real Envoy has
//! them too. No Envoy can be made to lose one worker thread, or to set its wall clock: those run
//! only in the simulator, and a scenario with one has to say `hosts: sim`.

use std::time::Duration;

use crate::vm::sabotage::Sabotage;

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The wall clock is set forward (positive) or back, in nanoseconds.
    ClockJump(i64),
    /// A worker thread ends: its streams are cut, its VMs are gone, nothing in them is told.
    WorkerLoss(usize),
}

/// An event at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedEvent {
    /// From the start of the scenario.
    pub at: Duration,
    /// What happens.
    pub event: Event,
}

/// Something that goes wrong inside a guest, in each of its VMs again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestFault {
    /// Root id of the plugin. Plugins that share its VM share the fault.
    pub plugin: String,
    /// What goes wrong.
    pub sabotage: Sabotage,
}
