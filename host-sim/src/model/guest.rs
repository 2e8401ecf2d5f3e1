//! One VM instance as the model sees it: something that can be called back.
//!
//! The model decides *when* a guest is called and *what* a hostcall means; how a call reaches wasm is
//! the business of [`crate::vm`].
//! Tests of the model implement [`Guest`] with plain closures, so Envoy's semantics are tested without wasm.
//!
//! The [`World`] is lent for the time of one call, because a hostcall happens inside the call and has to
//! reach the same state that the model uses between calls.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{version::EnvoyVersion, world::World};
use crate::abi::Callback;

/// One VM instance.
pub trait Guest: Send {
    /// Calls one export. `None`: the guest does not export it, and Envoy's default applies.
    ///
    /// # Errors
    /// The guest trapped; the instance is not called again.
    fn call(&mut self, world: &mut World, callback: &Callback) -> Result<Option<u32>, Trap>;
}

/// Why a guest stopped, in the guest's terms (panic message, wasm trap, frames).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Trap {
    /// One line, or several with a backtrace.
    pub message: String,
}

impl Trap {
    /// A trap with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// Makes VM instances; compiled code is cached behind it.
pub trait GuestFactory: Send + Sync {
    /// Makes one instance and runs `_initialize` or `_start`.
    ///
    /// # Errors
    /// The module cannot be loaded or its start function failed.
    fn instantiate(
        &self,
        world: &mut World,
        spec: &VmSpec,
    ) -> Result<Box<dyn Guest>, InstantiateError>;
}

/// Why a VM could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InstantiateError {
    /// What is wrong with the module, and where.
    pub message: String,
}

impl InstantiateError {
    /// An error with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// What makes a VM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VmSpec {
    /// The module's bytes.
    pub code: Arc<[u8]>,
    /// `vm_config.vm_id`; also the namespace of shared data and queues.
    pub vm_id: String,
    /// `vm_config.configuration`, as the guest reads it.
    pub configuration: Arc<[u8]>,
    /// `vm_config.environment_variables`.
    pub environment: BTreeMap<String, String>,
    /// The hostcalls, functions of WASI and callbacks that there are; empty for all.
    pub capabilities: Arc<BTreeSet<String>>,
    /// Which Envoy is played; decides which WASI names are linked.
    pub envoy: EnvoyVersion,
}

impl VmSpec {
    /// Whether plugins with these specs run in one VM on each thread.
    pub(crate) fn is_shared_with(&self, other: &Self) -> bool {
        self.code == other.code
            && self.vm_id == other.vm_id
            && self.configuration == other.configuration
            && (!self.envoy.tells_vms_apart_by_environment()
                || self.environment == other.environment)
            && (!self.envoy.tells_vms_apart_by_capabilities()
                || self.capabilities == other.capabilities)
    }
}
