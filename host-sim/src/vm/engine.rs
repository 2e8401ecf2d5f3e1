//! Makes VMs: one compiler, one place where modules are kept, settings for all of them.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use wasmtime::{Config, InstancePre, Linker, Module, Store, WasmBacktraceDetails};

use super::{Instance, LoadError, State, audit, module_cache, watchdog};
use crate::{
    abi::AbiVersion,
    hostcalls,
    model::{EnvoyVersion, Guest, GuestFactory, InstantiateError, VmSpec, World},
    wasi,
};

/// The guest's stack in bytes: half of what a thread of Rust has.
/// V8 lets small functions recurse a few times deeper before it traps.
const STACK: usize = 1024 * 1024;

/// How VMs are made.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// Where compiled modules are kept; `None` compiles every time.
    pub module_cache: Option<PathBuf>,
    /// How long one call may run before it counts as an endless loop.
    /// Envoy has no limit; the watchdog of its main thread is all that notices.
    pub call_limit: Duration,
    /// How large a guest's memory may grow; Envoy's limit is 1 GiB, and growth beyond it fails
    /// inside the guest.
    pub memory_limit: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            module_cache: None,
            call_limit: Duration::from_secs(10),
            memory_limit: 1024 * 1024 * 1024,
        }
    }
}

/// Makes VMs.
pub struct Engine {
    engine: wasmtime::Engine,
    options: EngineOptions,
    loaded: Mutex<Vec<Arc<Loaded>>>,
}

/// A module that was compiled, audited and linked; instances are made from it.
pub(super) struct Loaded {
    code: Arc<[u8]>,
    pub(super) envoy: EnvoyVersion,
    pub(super) version: AbiVersion,
    pub(super) memory: String,
    pub(super) pre: InstancePre<State>,
    pub(super) call_steps: u64,
    memory_limit: usize,
}

impl Loaded {
    pub(super) fn store(&self) -> Store<State> {
        let state = State::new(self.version, self.memory_limit);
        let mut store = Store::new(self.pre.module().engine(), state);
        store.limiter(|state| &mut state.limits);
        store
    }
}

impl Engine {
    /// An engine with these settings.
    ///
    /// # Errors
    /// wasmtime does not run on this machine.
    pub fn new(options: EngineOptions) -> Result<Self, LoadError> {
        let mut config = Config::new();
        config.max_wasm_stack(STACK);
        proposals(&mut config);
        config.epoch_interruption(true);
        config.wasm_backtrace_details(WasmBacktraceDetails::Enable);
        let engine = wasmtime::Engine::new(&config).map_err(LoadError::Engine)?;
        watchdog::start(&engine);
        Ok(Self { engine, options, loaded: Mutex::default() })
    }

    /// Compiles and audits a module without making a VM; later VMs of the same code are cheap.
    ///
    /// # Errors
    /// The module is not one that this Envoy loads.
    pub fn load(&self, code: &Arc<[u8]>, envoy: EnvoyVersion) -> Result<(), LoadError> {
        self.loaded(code, envoy).map(drop)
    }

    /// Makes one VM and runs the module's start functions.
    ///
    /// # Errors
    /// The module is not one that this Envoy loads, or its own code failed at the start.
    pub fn instance(&self, world: &mut World, spec: &VmSpec) -> Result<Instance, LoadError> {
        Instance::start(self.loaded(&spec.code, spec.envoy)?.as_ref(), world, spec)
    }

    fn loaded(&self, code: &Arc<[u8]>, envoy: EnvoyVersion) -> Result<Arc<Loaded>, LoadError> {
        // A list that another thread left when it panicked is still a list of loaded modules.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |known: &&Arc<Loaded>| {
            known.envoy == envoy && (Arc::ptr_eq(&known.code, code) || known.code == *code)
        };
        if let Some(known) = loaded.iter().find(is_it) {
            return Ok(Arc::clone(known));
        }
        let new = Arc::new(self.prepare(code, envoy)?);
        loaded.push(Arc::clone(&new));
        Ok(new)
    }

    fn prepare(&self, code: &Arc<[u8]>, envoy: EnvoyVersion) -> Result<Loaded, LoadError> {
        audit::magic(code)?;
        let module = match &self.options.module_cache {
            Some(directory) => module_cache::load(&self.engine, code, directory),
            None => Module::from_binary(&self.engine, code),
        };
        let module = module.map_err(LoadError::of_compiler)?;
        let version = audit::abi_version(&module)?;
        let memory = audit::memory(&module)?;
        audit::allocator(&module)?;
        let linker = self.linker(version, envoy)?;
        let mut scratch = Store::new(&self.engine, State::new(version, 0));
        audit::imports(&module, &linker, &mut scratch)?;
        Ok(Loaded {
            code: Arc::clone(code),
            envoy,
            version,
            memory,
            pre: linker.instantiate_pre(&module).map_err(LoadError::Engine)?,
            call_steps: watchdog::steps(self.options.call_limit),
            memory_limit: self.options.memory_limit,
        })
    }

    fn linker(&self, version: AbiVersion, envoy: EnvoyVersion) -> Result<Linker<State>, LoadError> {
        let mut linker = Linker::new(&self.engine);
        hostcalls::link(&mut linker, version).map_err(LoadError::Engine)?;
        wasi::link(&mut linker, envoy).map_err(LoadError::Engine)?;
        Ok(linker)
    }

    /// The names that guests of this version can import, as `module.name`, sorted.
    ///
    /// # Errors
    /// The functions cannot be linked.
    pub fn imports(
        &self,
        version: AbiVersion,
        envoy: EnvoyVersion,
    ) -> Result<Vec<String>, LoadError> {
        let linker = self.linker(version, envoy)?;
        let mut scratch = Store::new(&self.engine, State::new(version, 0));
        let mut names: Vec<_> =
            linker.iter(&mut scratch).map(|(from, name, _)| format!("{from}.{name}")).collect();
        names.sort();
        Ok(names)
    }
}

/// What V8 in Envoy 1.36 to 1.40 accepts and wasmtime can (`host-sim/tests/module_proposals.rs`).
/// Said one by one, so that another release of wasmtime does not change what is accepted.
fn proposals(config: &mut Config) {
    config.wasm_bulk_memory(true);
    config.wasm_exceptions(true);
    config.wasm_extended_const(true);
    config.wasm_function_references(true);
    config.wasm_gc(true);
    config.wasm_memory64(true);
    config.wasm_multi_memory(true);
    config.wasm_multi_value(true);
    config.wasm_reference_types(true);
    config.wasm_relaxed_simd(true);
    config.wasm_simd(true);
    config.wasm_tail_call(true);
    config.wasm_threads(true);
    config.wasm_custom_page_sizes(false);
    config.wasm_wide_arithmetic(false);
}

impl GuestFactory for Engine {
    fn instantiate(
        &self,
        world: &mut World,
        spec: &VmSpec,
    ) -> Result<Box<dyn Guest>, InstantiateError> {
        match self.instance(world, spec) {
            Ok(instance) => Ok(Box::new(instance)),
            Err(error) => Err(InstantiateError::new(error.to_string())),
        }
    }
}
