//! The wall clock (ABI: "Time").

use wasmtime::{Caller, Linker};

use super::{Answer, hostcall};
use crate::vm::State;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_get_current_time_nanoseconds", now)?;
    Ok(())
}

fn now(caller: Caller<'_, State>, nanos_out: u32) -> Answer {
    hostcall(caller, "proxy_get_current_time_nanoseconds", |call| {
        let (mut guest, world, trace) = call.split();
        let nanos = world.wall_nanos();
        trace.add(format_args!("-> {nanos}"));
        guest.write_u64(nanos_out, nanos)
    })
}
