//! A plugin gets a new configuration while it runs: what extension config discovery does, by which
//! Istio delivers a `WasmPlugin`.
//!
//! The new configuration is tried on a canary first; if it is refused there, the old one stays in
//! force everywhere. Then each thread makes a second root context in the VM it has. The old one is
//! over at once where no stream uses it, and else when the last of its streams ends; until then it
//! ticks on, beside the new one.

use std::sync::Arc;

use super::{
    config::{Config, Plugin},
    context::Context,
    engine::{Called, Engine},
    thread::Thread,
    vm_registry::{Handle, SetUpError},
};
use crate::abi::Callback;

/// Why a plugin keeps its old configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// There is no such plugin.
    #[error("found no plugin with root id `{found}`; allowed {allowed}")]
    Unknown {
        /// What was asked for.
        found: String,
        /// The root ids there are.
        allowed: String,
    },
    /// The new configuration is not taken.
    #[error(transparent)]
    SetUp(#[from] SetUpError),
}

impl Engine {
    /// The configuration in force, of the first plugin with this root id.
    pub(crate) fn configuration_of(&self, root_id: &str) -> Result<Arc<[u8]>, ReloadError> {
        let place = self.place_of(root_id)?;
        let plugin = self.world.config.plugins.get(place);
        Ok(plugin.map(|plugin| Arc::clone(&plugin.configuration)).unwrap_or_default())
    }

    /// Gives the first plugin with this root id a new configuration.
    pub(crate) fn reload(
        &mut self,
        root_id: &str,
        configuration: Arc<[u8]>,
    ) -> Result<(), ReloadError> {
        let place = self.place_of(root_id)?;
        let old = self.config();
        self.world.config = Arc::new(old.with_configuration(place, configuration));
        if let Err(error) = self.reload_everywhere(place) {
            self.world.config = old;
            return Err(error.into());
        }
        self.end_retired();
        Ok(())
    }

    fn place_of(&self, root_id: &str) -> Result<usize, ReloadError> {
        let plugins = &self.world.config.plugins;
        plugins.iter().position(|plugin| plugin.root_id == root_id).ok_or_else(|| {
            let known: Vec<&str> = plugins.iter().map(|plugin| plugin.root_id.as_str()).collect();
            ReloadError::Unknown { found: root_id.to_owned(), allowed: known.join(", ") }
        })
    }

    fn reload_everywhere(&mut self, place: usize) -> Result<(), SetUpError> {
        let config = self.config();
        let Some(plugin) = config.plugins.get(place) else { return Ok(()) };
        let canary = self.make_vm(plugin, Thread::Canary)?;
        let tried = self.set_up(canary, place);
        self.kill(canary);
        tried?;
        for (thread, old) in self.registry.holders(place) {
            self.fill_slot(thread, place)?;
            if self.registry.release(thread, old) {
                self.registry.retired.push(old);
            }
        }
        Ok(())
    }

    /// Ends every retired root context that no stream uses any more.
    pub(crate) fn end_retired(&mut self) {
        for retired in std::mem::take(&mut self.registry.retired) {
            if self.vm_failed(retired.vm) {
                continue;
            }
            if self.is_in_use(retired) {
                self.registry.retired.push(retired);
            } else {
                self.end_root(retired);
            }
        }
    }

    fn is_in_use(&self, handle: Handle) -> bool {
        self.world.vms.get(handle.vm.0).is_some_and(|vm| {
            let uses = |context: &Context| {
                matches!(context, Context::Stream(stream) if stream.root == handle.root)
            };
            vm.contexts.values().any(uses)
        })
    }

    fn end_root(&mut self, Handle { vm, root: context }: Handle) {
        let answer = self.call(vm, &Callback::Done { context });
        if let Some(root) = self.world.root_at(vm, context) {
            root.closing = answer == Called::Answer(0);
            let tick = root.tick.take();
            root.tick_millis = 0;
            let waits = root.closing;
            self.world.schedule.cancel(tick);
            if !waits {
                self.delete_root(vm, context);
            }
        }
    }
}

impl Config {
    /// The same, but for the configuration of one plugin.
    fn with_configuration(&self, place: usize, configuration: Arc<[u8]>) -> Self {
        let mut config = self.clone();
        // Never used before, so that no root context of an older configuration is taken for it.
        let unused = self.plugins.iter().map(|plugin| plugin.key + 1).max().unwrap_or(0);
        if let Some(plugin) = config.plugins.get_mut(place) {
            *plugin =
                Plugin { configuration, key: unused.max(self.plugins.len()), ..plugin.clone() };
        }
        config
    }
}
