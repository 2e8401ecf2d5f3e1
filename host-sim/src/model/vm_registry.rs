//! The life of VMs: which there are on which thread, how they start, and how they come back.
//!
//! Every plugin is tried on a throw-away VM first (the canary), then set up on the main thread and on
//! every worker: with one template to clone from, N workers make N + 2 VMs, and `on_configure` runs
//! N + 2 times.
//! Plugins with the same code, VM id, VM configuration and environment share a VM on each thread, each
//! with a root context of its own; a trap kills the VM for all of them, and each recovers for itself,
//! if its failure policy says so, when its next stream begins.

mod set_up;
mod stream;

use std::collections::BTreeMap;

use super::{
    context::Context, effect::Effect, engine::Engine, thread::Thread, time::Nanos, vm::VmId,
};
use crate::abi::{Callback, ContextId};

/// Why a plugin could not be set up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetUpError {
    /// The module does not load.
    #[error("plugin `{plugin}`: {reason}")]
    Load {
        /// The plugin.
        plugin: String,
        /// What is wrong with the module.
        reason: String,
    },
    /// `on_vm_start` answered false or trapped.
    #[error("plugin `{plugin}` did not start{said}")]
    Start {
        /// The plugin.
        plugin: String,
        /// What the plugin logged.
        said: String,
    },
    /// `on_configure` answered false or trapped.
    #[error("plugin `{plugin}` refused its configuration{said}")]
    Configure {
        /// The plugin.
        plugin: String,
        /// What the plugin logged.
        said: String,
    },
}

/// A plugin on a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Handle {
    pub(crate) vm: VmId,
    pub(crate) root: ContextId,
}

/// One filter configuration on one thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) handle: Handle,
    /// The configuration in force, by place among the configured plugins.
    pub(crate) entry: usize,
    pub(crate) last_load: Nanos,
}

/// Which VMs and plugins are in use where.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// The VM of a key on a thread; a dead one is forgotten.
    vms: BTreeMap<(Thread, usize), VmId>,
    /// The root context of a plugin key on a thread; forgotten with its VM.
    pub(crate) handles: BTreeMap<(Thread, usize), Handle>,
    /// What each filter configuration holds on to, dead or alive.
    pub(crate) slots: BTreeMap<(Thread, usize), Slot>,
    /// Why a configuration was refused, by plugin key; it is not tried again.
    pub(crate) refused: BTreeMap<usize, SetUpError>,
}

/// What a new stream gets for a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForStream {
    /// A context in this VM.
    Live(Handle),
    /// A filter that fails the stream.
    Dead,
    /// No filter.
    Skip,
}

impl Registry {
    pub(crate) fn vm(&self, thread: Thread, key: usize) -> Option<VmId> {
        self.vms.get(&(thread, key)).copied()
    }

    fn forget(&mut self, dead: VmId) {
        self.vms.retain(|_, vm| *vm != dead);
        self.handles.retain(|_, handle| handle.vm != dead);
    }
}

impl Engine {
    /// A VM is called no more: it trapped. Nothing in it is told. What its plugins have sent by themselves
    /// stays under way, and nobody hears the answers, as long as somebody holds on to the VM.
    pub(crate) fn kill(&mut self, vm: VmId) {
        self.registry.forget(vm);
        if let Some(guest) = self.guests.get_mut(vm.0) {
            *guest = None;
        }
        if let Some(state) = self.world.vms.get_mut(vm.0) {
            state.failed = true;
        }
        for root in self.roots_of(vm) {
            let tick = self.world.root_at(vm, root).and_then(|root| root.tick.take());
            self.world.schedule.cancel(tick);
        }
    }

    /// Nobody needs a VM any more.
    pub(crate) fn end_vm(&mut self, vm: VmId) {
        self.kill(vm);
        for root in self.roots_of(vm) {
            self.disarm_root(vm, root);
        }
    }

    /// Ends a dead VM, when its last stream is over and every plugin of it has come back in another one. A
    /// plugin that does not come back holds on to it.
    pub(crate) fn end_vm_if_unused(&mut self, vm: VmId) {
        let is_held = self.registry.slots.values().any(|slot| slot.handle.vm == vm);
        let of_stream = |context: &Context| matches!(context, Context::Stream(_));
        let has_streams =
            self.world.vms.get(vm.0).is_some_and(|state| state.contexts.values().any(of_stream));
        if self.vm_failed(vm) && !is_held && !has_streams {
            self.end_vm(vm);
        }
    }

    fn roots_of(&self, vm: VmId) -> Vec<ContextId> {
        let Some(state) = self.world.vms.get(vm.0) else { return Vec::new() };
        let roots =
            state.contexts.iter().filter(|(_, context)| matches!(context, Context::Root(_)));
        roots.map(|(id, _)| *id).collect()
    }

    /// Nothing happens by itself any more for this root context: no tick, no answer.
    fn disarm_root(&mut self, vm: VmId, root: ContextId) {
        let Some(root) = self.world.root_at(vm, root) else { return };
        let (tick, calls) = (root.tick.take(), std::mem::take(&mut root.calls));
        let grpc = std::mem::take(&mut root.grpc);
        self.world.schedule.cancel(tick);
        for attempt in grpc.into_values().filter_map(|token| token.attempt) {
            self.world.abandon_grpc(attempt);
        }
        for call in calls.into_values() {
            if let Some(call_state) = self.world.callouts.take(call) {
                self.world.effect(Effect::CalloutCancelled { call });
                self.release_callout(&call_state, call_state.http2);
            }
        }
    }

    /// A root context is over, and its guest has agreed.
    pub(crate) fn delete_root(&mut self, vm: VmId, context: ContextId) {
        self.call(vm, &Callback::Delete { context });
        self.disarm_root(vm, context);
        if let Some(state) = self.world.vms.get_mut(vm.0) {
            state.contexts.remove(&context);
        }
    }

    pub(crate) fn add_context(&mut self, vm: VmId, context: Context) -> ContextId {
        self.world.vms.get_mut(vm.0).map_or(0, |vm| vm.add_context(context))
    }
}
