//! WASI preview 1, as far as Envoy has it: enough for a language's runtime to start, and no more.
//!
//! Under both of its module names. Everything is deterministic: clocks and random bytes come from
//! the [`World`], there is no file, no argument and no socket.
//! Envoy 1.39 links the whole of preview 1 and answers most of it with an error; before, a module
//! that imports more than the runtime's own calls does not load (see [`link`]).
//!
//! # Why not a WASI library
//! It would offer files, sleep and entropy, and a plugin that needs one of them would work here
//! and nowhere else.

use wasmtime::{Caller, Linker};

use crate::{
    abi::Status,
    hostcalls,
    model::{EnvoyVersion, World},
    vm::{Allowed, GuestMemory, State},
};

mod descriptors;
mod environment;
mod paths;
mod runtime;

/// The names under which modules import it.
const MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

/// An error number of WASI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Errno(u32);

impl Errno {
    const BADF: Self = Self(8);
    const NOTDIR: Self = Self(20);
    const FAULT: Self = Self(21);
    const INVAL: Self = Self(28);
    const NOENT: Self = Self(44);
    const NOSYS: Self = Self(52);
    const NOTSUP: Self = Self(58);
    const NOTCAPABLE: Self = Self(76);
}

/// The guest's memory can fail in one way only.
impl From<Status> for Errno {
    fn from(_: Status) -> Self {
        Self::FAULT
    }
}

/// Links what this Envoy has.
pub(crate) fn link(linker: &mut Linker<State>, envoy: EnvoyVersion) -> wasmtime::Result<()> {
    for module in MODULES {
        runtime::link(linker, module)?;
        environment::link(linker, module)?;
        descriptors::link(linker, module)?;
        paths::link(linker, module)?;
        if envoy >= EnvoyVersion::V1_39 {
            runtime::link_since_1_39(linker, module)?;
            descriptors::link_since_1_39(linker, module)?;
            paths::link_since_1_39(linker, module)?;
        }
    }
    Ok(())
}

/// Runs one call: the gate in front of it, and the error number.
fn wasi(
    caller: &mut Caller<'_, State>,
    name: &'static str,
    allowed: Allowed,
    body: impl FnOnce(&mut GuestMemory<'_>, &mut World) -> Result<(), Errno>,
) -> wasmtime::Result<u32> {
    if !caller.data().allows(name) {
        return Ok(Errno::NOTCAPABLE.0);
    }
    hostcalls::check(caller, name, allowed)?;
    let answer = match caller.data().memory {
        None => Err(Errno::FAULT),
        Some(memory) => {
            let (bytes, state) = memory.data_and_store_mut(caller);
            body(&mut GuestMemory::new(bytes), &mut state.world)
        }
    };
    Ok(answer.err().map_or(0, |Errno(number)| number))
}

/// Runs one call that may not be made inside the guest's allocator.
fn plain(
    mut caller: Caller<'_, State>,
    name: &'static str,
    body: impl FnOnce(&mut GuestMemory<'_>, &mut World) -> Result<(), Errno>,
) -> wasmtime::Result<u32> {
    wasi(&mut caller, name, Allowed::UnlessAllocating, body)
}
