//! The life of VMs: which there are on which thread, how they start, and how they come back.
//!
//! Every plugin is tried on a throw-away VM first (the canary), then set up on the main thread and on
//! every worker: with one template to clone from, N workers make N + 2 VMs, and `on_configure` runs
//! N + 2 times.
//! Plugins with the same code, VM id, VM configuration and environment share a VM on each thread, each
//! with a root context of its own; a trap kills the VM for all of them, and each recovers for itself,
//! if its failure policy says so, when its next stream begins.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    config::Plugin,
    context::{Context, Root, StreamContext},
    effect::{Effect, StreamId},
    engine::{Called, Engine},
    thread::Thread,
    time::{Nanos, nanos},
    vm::{Vm, VmId},
};
use crate::{
    abi::{Callback, ContextId},
    bootstrap::FailurePolicy,
};

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
    /// Sets up every plugin on every thread.
    pub(crate) fn start(&mut self, workers: usize) -> Result<(), SetUpError> {
        let config = self.config();
        for (place, plugin) in config.plugins.iter().enumerate() {
            if self.registry.vm(Thread::Base, plugin.vm_key).is_none() {
                let base = self.make_vm(plugin, Thread::Base)?;
                self.registry.vms.insert((Thread::Base, plugin.vm_key), base);
            }
            if plugin.key == place {
                let canary = self.make_vm(plugin, Thread::Canary)?;
                self.set_up(canary, place)?;
                self.kill(canary);
            }
            self.fill_slot(Thread::Main, place, place)?;
        }
        for worker in 0..workers {
            for place in 0..config.plugins.len() {
                self.fill_slot(Thread::Worker(worker), place, place)?;
            }
        }
        Ok(())
    }

    /// Puts a configuration in force on a thread, for the filter at this place of the file.
    pub(crate) fn fill_slot(
        &mut self,
        thread: Thread,
        place: usize,
        entry: usize,
    ) -> Result<(), SetUpError> {
        let handle = self.local_plugin(thread, entry)?;
        let slot = Slot { handle, entry, last_load: self.world.now };
        self.registry.slots.insert((thread, place), slot);
        // A plugin can come back to a configuration that streams have kept alive.
        if let Some(root) = self.world.root_at(handle.vm, handle.root) {
            root.retired = false;
        }
        Ok(())
    }

    /// The plugin's root context on a thread; made if there is none.
    fn local_plugin(&mut self, thread: Thread, place: usize) -> Result<Handle, SetUpError> {
        let config = self.config();
        let Some(plugin) = config.plugins.get(place) else {
            return Err(SetUpError::Load { plugin: String::new(), reason: "unknown".to_owned() });
        };
        if let Some(handle) = self.registry.handles.get(&(thread, plugin.key)) {
            return Ok(*handle);
        }
        let vm = match self.registry.vm(thread, plugin.vm_key) {
            Some(vm) => vm,
            None => {
                let vm = self.make_vm(plugin, thread)?;
                self.registry.vms.insert((thread, plugin.vm_key), vm);
                vm
            }
        };
        let handle = Handle { vm, root: self.set_up(vm, place)? };
        self.registry.handles.insert((thread, plugin.key), handle);
        Ok(handle)
    }

    pub(crate) fn make_vm(&mut self, plugin: &Plugin, thread: Thread) -> Result<VmId, SetUpError> {
        let id = VmId(self.world.vms.len());
        self.world.vms.push(Vm::new(Arc::clone(&plugin.vm), plugin.vm_key, thread));
        self.guests.push(None);
        self.world
            .trace
            .line(self.world.now, format_args!("{thread} {id} is made for plugin {}", plugin.name));
        let factory = Arc::clone(&self.factory);
        let before = self.world.enter(id, 0);
        let made = factory.instantiate(&mut self.world, &plugin.vm);
        self.world.leave(before);
        match made {
            Ok(guest) => {
                if let Some(place) = self.guests.last_mut() {
                    *place = Some(guest);
                }
                Ok(id)
            }
            Err(error) => {
                self.kill(id);
                let reason = error.to_string();
                Err(SetUpError::Load { plugin: plugin.name.clone(), reason })
            }
        }
    }

    /// Makes a plugin's root context in a VM and configures it.
    pub(crate) fn set_up(&mut self, vm: VmId, place: usize) -> Result<ContextId, SetUpError> {
        let config = self.config();
        let Some(plugin) = config.plugins.get(place) else { return Ok(0) };
        let logged = (self.world.logs.len(), self.world.traps.len());
        let context = self.add_context(vm, Context::Root(Root::new(place)));
        self.configuring(vm, context, true);
        self.call(vm, &Callback::ContextCreate { context, parent: 0 });
        self.configuring(vm, context, false);
        if let Some(root) = self.world.root_at(vm, context) {
            root.created = true;
        }
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let size = length(&plugin.vm.configuration);
        if self.refused(vm, &Callback::VmStart { context, size }) {
            let said = self.said_since(logged);
            return Err(SetUpError::Start { plugin: plugin.name.clone(), said });
        }
        self.configuring(vm, context, true);
        let size = length(&plugin.configuration);
        let refused = self.refused(vm, &Callback::Configure { context, size });
        self.configuring(vm, context, false);
        if refused {
            let said = self.said_since(logged);
            return Err(SetUpError::Configure { plugin: plugin.name.clone(), said });
        }
        Ok(context)
    }

    fn refused(&mut self, vm: VmId, callback: &Callback) -> bool {
        matches!(self.call(vm, callback), Called::Failed | Called::Answer(0))
    }

    fn configuring(&mut self, vm: VmId, root: ContextId, on: bool) {
        if let Some(root) = self.world.root_at(vm, root) {
            root.configuring = on;
        }
    }

    /// What plugins said of importance, for an error message.
    fn said_since(&self, (log, trap): (usize, usize)) -> String {
        let lines = self.world.logs.get(log..).unwrap_or_default();
        let traps = self.world.traps.get(trap..).unwrap_or_default();
        let important = lines.iter().filter(|line| line.level >= 3).chain(traps);
        important.map(|line| format!(": {}", line.message.trim_end())).collect()
    }

    pub(crate) fn add_context(&mut self, vm: VmId, context: Context) -> ContextId {
        self.world.vms.get_mut(vm.0).map_or(0, |vm| vm.add_context(context))
    }

    /// What a stream that begins on a worker gets for a plugin.
    ///
    /// This is where a plugin whose VM died comes back: lazily, on its own thread, and not more often
    /// than its back-off allows.
    pub(crate) fn plugin_for_stream(&mut self, worker: usize, place: usize) -> ForStream {
        let thread = Thread::Worker(worker);
        let config = self.config();
        let Some(slot) = self.registry.slots.get(&(thread, place)).copied() else {
            return ForStream::Dead;
        };
        let Some(plugin) = config.plugins.get(slot.entry) else { return ForStream::Dead };
        if !self.vm_failed(slot.handle.vm) {
            return ForStream::Live(slot.handle);
        }
        match plugin.failure {
            FailurePolicy::FailOpen => ForStream::Skip,
            FailurePolicy::FailClosed => ForStream::Dead,
            FailurePolicy::FailReload(backoff) => {
                let wait = self.jittered(nanos(backoff.base_interval));
                if self.world.now.saturating_sub(slot.last_load) < wait {
                    return ForStream::Dead;
                }
                let handle = self.local_plugin(thread, slot.entry).unwrap_or(slot.handle);
                let slot = Slot { handle, last_load: self.world.now, ..slot };
                self.registry.slots.insert((thread, place), slot);
                if self.vm_failed(handle.vm) { ForStream::Dead } else { ForStream::Live(handle) }
            }
        }
    }

    /// Envoy waits at least the interval, and up to half of it longer.
    fn jittered(&mut self, interval: Nanos) -> Nanos {
        interval.saturating_add(self.world.random.u64(0..=interval / 2))
    }

    /// Ends a VM: by a trap, or because nobody needs it. Nothing in it is told.
    pub(crate) fn kill(&mut self, vm: VmId) {
        self.registry.forget(vm);
        if let Some(guest) = self.guests.get_mut(vm.0) {
            *guest = None;
        }
        let Some(state) = self.world.vms.get_mut(vm.0) else { return };
        state.failed = true;
        let roots =
            state.contexts.iter().filter(|(_, context)| matches!(context, Context::Root(_)));
        let roots: Vec<ContextId> = roots.map(|(id, _)| *id).collect();
        for root in roots {
            self.disarm_root(vm, root);
        }
    }

    /// Nothing happens by itself any more for this root context: no tick, no answer.
    fn disarm_root(&mut self, vm: VmId, root: ContextId) {
        let Some(root) = self.world.root_at(vm, root) else { return };
        let (tick, calls) = (root.tick.take(), std::mem::take(&mut root.calls));
        self.world.schedule.cancel(tick);
        for call in calls.into_values() {
            if let Some(call_state) = self.world.callouts.take(call) {
                self.world.schedule.cancel(call_state.timer);
                self.world.effect(Effect::CalloutCancelled { call });
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

    /// Makes the guest know a stream context, if it does not yet.
    pub(crate) fn create_stream_context(&mut self, id: StreamId, filter: usize) {
        let Some(plugin) = self.world.streams.at(id).chain.plugin_mut(filter) else { return };
        if std::mem::replace(&mut plugin.created, true) {
            return;
        }
        let (vm, context) = (plugin.vm, plugin.context);
        let Some(vm) = vm.filter(|vm| !self.vm_failed(*vm)) else { return };
        let parent = self.world.context_at(vm, context).map_or(0, |context| context.root);
        self.call(vm, &Callback::ContextCreate { context, parent });
    }

    /// A context for a stream in a plugin's VM.
    pub(crate) fn new_stream_context(
        &mut self,
        handle: Handle,
        stream: StreamId,
        filter: usize,
    ) -> ContextId {
        let context = StreamContext::new(handle.root, stream, filter);
        self.add_context(handle.vm, Context::Stream(context))
    }
}
