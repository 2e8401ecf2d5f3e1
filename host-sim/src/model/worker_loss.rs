//! A worker thread ends, and nobody on it is told.
//!
//! What its plugins had promised to the others stays promised: shared data, the names of queues, a
//! lease on the tick. Whether a filter notices is what this is for.

use super::{engine::Engine, thread::Thread, vm::VmId};

impl Engine {
    /// Ends the VMs of a worker, then cuts its streams.
    pub(crate) fn lose_worker(&mut self, worker: usize) {
        let thread = Thread::Worker(worker);
        let vms = self.world.vms.iter().enumerate();
        let lost: Vec<VmId> = vms
            .filter(|(_, vm)| vm.thread == thread && !vm.failed)
            .map(|(place, _)| VmId(place))
            .collect();
        for vm in lost {
            self.end_vm(vm);
        }
        for stream in self.world.streams.of_worker(worker) {
            self.downstream_gone(stream);
            // Its connection is gone too, and the client has to hear it.
            let event = super::effect::StreamEvent::Reset("worker_lost".to_owned());
            self.world.effect(super::effect::Effect::Downstream { stream, event });
        }
    }
}
