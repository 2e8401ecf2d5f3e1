//! Ticks.
//!
//! Each root context of each VM has one timer, so N workers and the main thread tick N + 1 times a
//! period. The timer is armed again after the handler has run.

use std::time::Duration;

use super::{
    time::{Event, nanos},
    world::World,
};
use crate::abi::Status;

impl World {
    /// `proxy_set_tick_period_milliseconds`; 0 stops the timer.
    ///
    /// # Errors
    /// None in practice: the call comes from a VM, which has a root context.
    pub fn set_tick_period(&mut self, millis: u32) -> Result<(), Status> {
        let vm = self.vm_place().ok_or(Status::InternalFailure)?;
        let root = self.vm().map_or(0, |vm| vm.root_of(self.effective_context()));
        let context = self.root_mut().ok_or(Status::InternalFailure)?;
        context.tick_millis = millis;
        let old = context.tick.take();
        self.schedule.cancel(old);
        self.arm_tick(vm, root);
        Ok(())
    }

    /// Arms the timer for one period from now, unless it is off.
    pub(crate) fn arm_tick(&mut self, vm: super::vm::VmId, root: u32) {
        let now = self.now;
        let Some(context) = self.root_at(vm, root) else { return };
        if context.tick_millis == 0 || context.tick.is_some() {
            return;
        }
        let period = nanos(Duration::from_millis(context.tick_millis.into()));
        let key = self.schedule.at(now.saturating_add(period), Event::Tick { vm, root });
        if let Some(context) = self.root_at(vm, root) {
            context.tick = Some(key);
        }
    }
}
