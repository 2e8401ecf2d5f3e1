//! What Envoy links for modules that Emscripten made; not part of the ABI.

use wasmtime::{Caller, Linker};

use super::check;
use crate::vm::{Allowed, State};

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "pthread_equal", pthread_equal)?;
    linker.func_wrap("env", "emscripten_notify_memory_growth", notify_memory_growth)?;
    Ok(())
}

fn pthread_equal(caller: Caller<'_, State>, left: u32, right: u32) -> wasmtime::Result<u32> {
    check(&caller, "pthread_equal", Allowed::Running)?;
    Ok(u32::from(left == right))
}

fn notify_memory_growth(caller: Caller<'_, State>, _memory: u32) -> wasmtime::Result<()> {
    check(&caller, "emscripten_notify_memory_growth", Allowed::UnlessAllocating)
}
