//! A plugin gets a new configuration while it runs: what extension config discovery does, by which
//! Istio delivers a `WasmPlugin`.
//!
//! The new configuration is tried on a canary first; if it is refused there, the old one stays in
//! force everywhere. Then each thread makes a second root context in the VM it has: a VM's key does not
//! contain the plugin's configuration. New streams belong to the new one. A root context is held by the
//! filter configuration and by each of its streams, and is over when the last of them has let go: at
//! once on the main thread and on workers without a stream, later on the others, where it ticks on
//! beside the new one until then.

use std::sync::Arc;

use super::{
    config::Plugin,
    context::Context,
    engine::{Called, Engine},
    thread::Thread,
    vm::VmId,
    vm_registry::{Handle, SetUpError, Slot},
};
use crate::abi::{Callback, ContextId};

/// There is no such plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found no plugin with root id `{found}`; allowed {allowed}")]
pub struct UnknownPlugin {
    /// What was asked for.
    pub found: String,
    /// The root ids there are.
    pub allowed: String,
}

/// The configuration in force of a plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The plugin's place among all of the file.
    pub place: usize,
    /// What it was configured with.
    pub configuration: Arc<[u8]>,
}

impl Engine {
    /// The configurations in force of all plugins with this root id.
    pub(crate) fn configurations(&self, root_id: &str) -> Result<Vec<InForce>, UnknownPlugin> {
        let slots = self.registry.slots.iter();
        let plugins: Vec<(usize, &Plugin)> = slots
            .filter(|((thread, _), _)| *thread == Thread::Main)
            .filter_map(|((_, place), slot)| {
                Some((*place, self.world.config.plugins.get(slot.entry)?))
            })
            .collect();
        let of_root = plugins.iter().filter(|(_, plugin)| plugin.root_id == root_id);
        let found: Vec<InForce> = of_root
            .map(|(place, plugin)| InForce {
                place: *place,
                configuration: Arc::clone(&plugin.configuration),
            })
            .collect();
        if found.is_empty() {
            let known: Vec<&str> =
                plugins.iter().map(|(_, plugin)| plugin.root_id.as_str()).collect();
            return Err(UnknownPlugin { found: root_id.to_owned(), allowed: known.join(", ") });
        }
        Ok(found)
    }

    /// Gives a plugin of the file a new configuration on every thread.
    pub(crate) fn reload(
        &mut self,
        place: usize,
        configuration: Arc<[u8]>,
    ) -> Result<(), SetUpError> {
        let Some(old) = self.registry.slots.get(&(Thread::Main, place)).copied() else {
            return Ok(());
        };
        let config = Arc::make_mut(&mut self.world.config);
        let Some(plugin) = config.plugins.get(old.entry).cloned() else { return Ok(()) };
        let entry = config.append(Plugin { configuration, ..plugin });
        let tried = self.try_on_canary(entry);
        let outcome = if tried.is_ok() { "takes" } else { "refuses" };
        let line = format_args!("plugin {place} {outcome} its new configuration");
        self.world.trace.line(self.world.now, line);
        tried?;
        let slots = self.registry.slots.iter().filter(|((_, of), _)| *of == place);
        let slots: Vec<(Thread, Slot)> =
            slots.map(|((thread, _), slot)| (*thread, *slot)).collect();
        for (thread, old) in &slots {
            if self.fill_slot(*thread, place, entry).is_err() {
                // What a canary takes and a thread refuses kills the thread's VM.
                self.kill(old.handle.vm);
                let slot = Slot { entry, last_load: self.world.now, ..*old };
                self.registry.slots.insert((*thread, place), slot);
            }
        }
        for (_, slot) in slots {
            self.retire(slot.handle);
        }
        Ok(())
    }

    /// Each configuration is tried once, and what came of it holds for all that are equal to it.
    fn try_on_canary(&mut self, entry: usize) -> Result<(), SetUpError> {
        let config = self.config();
        let Some(plugin) = config.plugins.get(entry) else { return Ok(()) };
        if plugin.key != entry {
            return self.registry.refused.get(&plugin.key).cloned().map_or(Ok(()), Err);
        }
        let canary = self.make_vm(plugin, Thread::Canary)?;
        let tried = self.set_up(canary, entry);
        self.end_vm(canary);
        tried.map(drop).inspect_err(|error| {
            self.registry.refused.insert(entry, error.clone());
        })
    }

    /// A filter configuration has let go of a root context.
    fn retire(&mut self, handle: Handle) {
        if self.registry.slots.values().any(|slot| slot.handle == handle) {
            return;
        }
        if let Some(root) = self.world.root_at(handle.vm, handle.root) {
            root.retired = true;
        }
        self.end_root_if_unused(handle.vm, handle.root);
    }

    /// Ends a root context that no configuration uses, when no stream does either.
    pub(crate) fn end_root_if_unused(&mut self, vm: VmId, root: ContextId) {
        if self.vm_failed(vm) {
            return self.end_vm_if_unused(vm);
        }
        let state = self.world.root_at(vm, root);
        if !state.is_some_and(|root| root.retired && !root.closing) {
            return;
        }
        let of_root = |context: &Context| match context {
            Context::Stream(stream) => stream.root == root,
            Context::Root(_) => false,
        };
        let Some(state) = self.world.vms.get(vm.0) else { return };
        if state.contexts.values().any(of_root) {
            return;
        }
        self.registry.handles.retain(|_, handle| *handle != Handle { vm, root });
        match self.call(vm, &Callback::Done { context: root }) {
            Called::Failed => {}
            // Until it calls `proxy_done`.
            Called::Answer(0) => {
                if let Some(root) = self.world.root_at(vm, root) {
                    root.closing = true;
                }
            }
            Called::Missing | Called::Answer(_) => self.delete_root(vm, root),
        }
    }
}
