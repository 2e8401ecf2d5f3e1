//! Setting plugins up: template, canary, and one VM on each thread.

use std::sync::Arc;

use super::{Handle, SetUpError, Slot};
use crate::{
    abi::{Callback, ContextId},
    model::{
        config::Plugin,
        context::{Context, Root},
        engine::{Called, Engine},
        thread::Thread,
        vm::{Vm, VmId},
    },
};

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
                self.end_vm(canary);
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
    pub(super) fn local_plugin(
        &mut self,
        thread: Thread,
        place: usize,
    ) -> Result<Handle, SetUpError> {
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
        let before = self.world.enter(id, 0, None);
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
                self.end_vm(id);
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
        // A VM that failed so early is asked nothing more, and nobody notices before the first stream.
        if self.vm_failed(vm) {
            return Ok(context);
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
}
