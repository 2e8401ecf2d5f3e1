//! One VM: a module's instance, started, with the world lent to it call by call.

use std::sync::Arc;

use wasmtime::Store;

use super::{
    LoadError, Phase, State,
    engine::Loaded,
    exports::{self, Exports, Main, Start},
    trap::describe,
};
use crate::{
    abi::Callback,
    model::{Guest, Trap, VmSpec, World},
};

/// One VM.
pub struct Instance {
    store: Store<State>,
    exports: Exports,
    call_steps: u64,
    failed: bool,
}

impl Instance {
    /// Makes an instance and runs the module's start functions.
    pub(super) fn start(
        loaded: &Loaded,
        world: &mut World,
        spec: &VmSpec,
    ) -> Result<Self, LoadError> {
        let mut store = loaded.store();
        store.data_mut().capabilities = Arc::clone(&spec.capabilities);
        let mut lent = Lent::new(&mut store, world);
        let exports = lent.start(loaded)?;
        drop(lent);
        Ok(Self { store, exports, call_steps: loaded.call_steps, failed: false })
    }

    /// How many bytes of memory the guest has; memory never shrinks.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.store.data().memory.map_or(0, |memory| memory.data_size(&self.store))
    }
}

/// The whole story of a call that failed, if it did: last words, reason, frames.
fn failure(state: &mut State, error: Option<&wasmtime::Error>) -> Option<String> {
    let (broken, panic) = (state.broken.take(), state.panic.take());
    let message = broken.or_else(|| error.map(describe))?;
    let limit = state.limits.explanation();
    let parts = panic.into_iter().chain([message]).chain(limit);
    Some(parts.collect::<Vec<_>>().join("\n"))
}

impl Guest for Instance {
    fn call(&mut self, world: &mut World, callback: &Callback) -> Result<Option<u32>, Trap> {
        if self.failed {
            return Err(Trap::new("the VM failed before and is not called again"));
        }
        self.store.set_epoch_deadline(self.call_steps);
        let lent = Lent::new(&mut self.store, world);
        let answer = self.exports.call(lent.store, callback);
        drop(lent);
        let Some(answer) = answer else { return Ok(None) };
        let state = self.store.data_mut();
        match failure(state, answer.as_ref().err()) {
            None => Ok(answer.ok()),
            Some(message) => {
                self.failed = true;
                Err(Trap::new(message))
            }
        }
    }
}

/// The world inside the store; it is given back when this goes, whatever happened meanwhile.
struct Lent<'a> {
    store: &'a mut Store<State>,
    world: &'a mut World,
}

impl<'a> Lent<'a> {
    fn new(store: &'a mut Store<State>, world: &'a mut World) -> Self {
        std::mem::swap(&mut store.data_mut().world, world);
        Self { store, world }
    }

    fn start(&mut self, loaded: &Loaded) -> Result<Exports, LoadError> {
        let store = &mut *self.store;
        store.set_epoch_deadline(loaded.call_steps);
        store.data_mut().phase = Phase::Instantiating;
        let instance = loaded.pre.instantiate(&mut *store).map_err(not_made)?;
        store.data_mut().memory = instance.get_memory(&mut *store, &loaded.memory);
        store.data_mut().malloc = Some(exports::allocator(store, &instance, loaded.version)?);
        let exports = Exports::find(store, &instance, loaded.version)?;
        let start = exports::start(store, &instance, loaded.version, loaded.envoy)?;
        store.data_mut().phase = Phase::Starting;
        let started = run(store, start);
        store.data_mut().phase = Phase::Running;
        let (call, error) = started.err().unzip();
        match failure(store.data_mut(), error.as_ref()) {
            None => Ok(exports),
            Some(reason) => Err(LoadError::Start { call: call.unwrap_or("the start"), reason }),
        }
    }
}

/// A trap is the module's own; anything else is the engine's.
fn not_made(error: wasmtime::Error) -> LoadError {
    let own = error.is::<wasmtime::Trap>() || error.is::<wasmtime::WasmBacktrace>();
    if own {
        let call = "its start section, or the data that it begins with,";
        LoadError::Start { call, reason: describe(&error) }
    } else {
        LoadError::Engine(error)
    }
}

fn run(store: &mut Store<State>, start: Start) -> Result<(), (&'static str, wasmtime::Error)> {
    let at = |name: &'static str| move |error| (name, error);
    match start {
        Start::Nothing => Ok(()),
        Start::Command(start) => start.call(store, ()).map_err(at("`_start`")),
        Start::Reactor(initialize, main) => {
            initialize.call(&mut *store, ()).map_err(at("`_initialize`"))?;
            match main {
                Main::Absent => Ok(()),
                Main::WithArguments(main) => {
                    main.call(store, (0, 0)).map(drop).map_err(at("`main`"))
                }
                Main::Void(main) => main.call(store, ()).map(drop).map_err(at("`__main_void`")),
            }
        }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        std::mem::swap(&mut self.store.data_mut().world, self.world);
    }
}
