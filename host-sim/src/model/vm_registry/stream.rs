//! What plugins are to a stream: the contexts it gets, and plugins that come back for it.

use super::{ForStream, Handle, Slot};
use crate::{
    abi::{Callback, ContextId},
    bootstrap::FailurePolicy,
    model::{
        context::{Context, StreamContext},
        effect::StreamId,
        engine::Engine,
        thread::Thread,
        time::{Nanos, nanos},
    },
};

impl Engine {
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
                let dead = self.registry.slots.insert((thread, place), slot);
                if let Some(dead) = dead {
                    self.end_vm_if_unused(dead.handle.vm);
                }
                if self.vm_failed(handle.vm) { ForStream::Dead } else { ForStream::Live(handle) }
            }
        }
    }

    /// Envoy waits at least the interval, and up to half of it longer.
    fn jittered(&mut self, interval: Nanos) -> Nanos {
        interval.saturating_add(self.world.random.u64(0..=interval / 2))
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
