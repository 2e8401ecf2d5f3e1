//! The root context's periodic timer (ABI: "Timers").

use wasmtime::{Caller, Linker};

use super::{Answer, hostcall};
use crate::vm::State;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_set_tick_period_milliseconds", set_period)?;
    Ok(())
}

fn set_period(caller: Caller<'_, State>, millis: u32) -> Answer {
    hostcall(caller, "proxy_set_tick_period_milliseconds", |call| {
        call.trace.add(format_args!("{millis}"));
        call.world().set_tick_period(millis)
    })
}
