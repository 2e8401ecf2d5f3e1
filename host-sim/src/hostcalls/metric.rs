//! Metrics (ABI: "Metrics").

use wasmtime::{Caller, Linker};

use super::{Answer, Shown, hostcall};
use crate::vm::State;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_define_metric", define)?;
    linker.func_wrap("env", "proxy_increment_metric", increment)?;
    linker.func_wrap("env", "proxy_record_metric", record)?;
    linker.func_wrap("env", "proxy_get_metric", value)?;
    Ok(())
}

fn define(caller: Caller<'_, State>, kind: u32, name: u32, len: u32, id_out: u32) -> Answer {
    hostcall(caller, "proxy_define_metric", |call| {
        let (mut guest, world, trace) = call.split();
        let name = guest.bytes(name, len)?;
        let id = world.define_metric(kind, name)?;
        trace.add(format_args!("{kind} {} -> {id}", Shown(name)));
        guest.write_u32(id_out, id)
    })
}

fn increment(caller: Caller<'_, State>, id: u32, delta: i64) -> Answer {
    hostcall(caller, "proxy_increment_metric", |call| {
        call.trace.add(format_args!("{id} {delta}"));
        call.world().increment_metric(id, delta)
    })
}

fn record(caller: Caller<'_, State>, id: u32, value: u64) -> Answer {
    hostcall(caller, "proxy_record_metric", |call| {
        call.trace.add(format_args!("{id} {value}"));
        call.world().record_metric(id, value)
    })
}

fn value(caller: Caller<'_, State>, id: u32, value_out: u32) -> Answer {
    hostcall(caller, "proxy_get_metric", |call| {
        let (mut guest, world, trace) = call.split();
        let value = world.metric(id)?;
        trace.add(format_args!("{id} -> {value}"));
        guest.write_u64(value_out, value)
    })
}
