//! What belongs to one VM while wasm runs in it.

use std::{collections::BTreeSet, sync::Arc};

use wasmtime::{Memory, TypedFunc};

use super::limits::MemoryLimit;
use crate::{abi::AbiVersion, model::World};

/// The data of a wasmtime store.
///
/// Between calls `world` is an empty one; for the time of a call it is the caller's.
pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) abi: AbiVersion,
    /// What the guest may call; empty for everything.
    pub(crate) capabilities: Arc<BTreeSet<String>>,
    /// Absent until the instance exists: a module's own start section runs before.
    pub(crate) memory: Option<Memory>,
    pub(crate) malloc: Option<TypedFunc<u32, u32>>,
    pub(crate) phase: Phase,
    pub(crate) limits: MemoryLimit,
    /// The guest's last words, if they were about a panic.
    pub(crate) panic: Option<String>,
    /// A trap inside the allocator, which a hostcall called: Envoy answers the hostcall, lets the
    /// guest return, and only then finds the VM broken.
    pub(crate) broken: Option<String>,
}

impl State {
    pub(crate) fn new(abi: AbiVersion, memory_limit: usize) -> Self {
        Self {
            world: World::default(),
            abi,
            capabilities: Arc::default(),
            memory: None,
            malloc: None,
            phase: Phase::Running,
            limits: MemoryLimit::new(memory_limit),
            panic: None,
            broken: None,
        }
    }
}

impl State {
    /// Whether the guest has this hostcall, function of WASI or callback.
    pub(crate) fn allows(&self, capability: &str) -> bool {
        self.capabilities.is_empty() || self.capabilities.contains(capability)
    }
}

/// What the guest is doing, which decides what it may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// In the start section, which runs while the instance is made.
    Instantiating,
    /// In `_initialize`, `_start` or `main`.
    Starting,
    /// In a callback.
    Running,
    /// In its allocator, called by a hostcall.
    Allocating,
}

/// When a host function may be called; anything else traps ("restricted callback").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// Only in callbacks: the proxy's functions.
    Running,
    /// In callbacks and during the start: most of WASI.
    UnlessAllocating,
    /// Always: logs and clocks.
    Always,
}

impl Allowed {
    pub(crate) fn includes(self, phase: Phase) -> bool {
        match (self, phase) {
            (_, Phase::Instantiating) => false,
            (Self::Always, _) | (_, Phase::Running) => true,
            (Self::UnlessAllocating, phase) => phase == Phase::Starting,
            (Self::Running, _) => false,
        }
    }
}

impl Phase {
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Instantiating => {
                "in the module's start section, where Envoy itself crashes; call it from \
                 `_initialize` or later"
            }
            Self::Starting => {
                "while the module starts; Envoy allows only logging, WASI and clocks there"
            }
            Self::Running => "in a callback",
            Self::Allocating => {
                "inside the guest's allocator; Envoy allows only logging and clocks there"
            }
        }
    }
}
