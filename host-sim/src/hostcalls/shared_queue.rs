//! Queues between VMs (ABI: "Shared queues").

use wasmtime::{Caller, Linker};

use super::{Answer, Shown, hostcall};
use crate::vm::State;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_register_shared_queue", register)?;
    linker.func_wrap("env", "proxy_resolve_shared_queue", resolve)?;
    linker.func_wrap("env", "proxy_dequeue_shared_queue", dequeue)?;
    linker.func_wrap("env", "proxy_enqueue_shared_queue", enqueue)?;
    Ok(())
}

fn register(caller: Caller<'_, State>, name: u32, name_len: u32, token_out: u32) -> Answer {
    hostcall(caller, "proxy_register_shared_queue", |call| {
        let (mut guest, world, trace) = call.split();
        let name = guest.bytes(name, name_len)?;
        let token = world.register_queue(name)?;
        trace.add(format_args!("{} -> {token}", Shown(name)));
        guest.write_u32(token_out, token)
    })
}

fn resolve(
    caller: Caller<'_, State>,
    vm_id: u32,
    vm_id_len: u32,
    name: u32,
    name_len: u32,
    token_out: u32,
) -> Answer {
    hostcall(caller, "proxy_resolve_shared_queue", |call| {
        let (mut guest, world, trace) = call.split();
        let (vm_id, name) = (guest.bytes(vm_id, vm_id_len)?, guest.bytes(name, name_len)?);
        trace.add(format_args!("{} {}", Shown(vm_id), Shown(name)));
        let token = world.resolve_queue(vm_id, name)?;
        trace.add(format_args!("-> {token}"));
        guest.write_u32(token_out, token)
    })
}

fn dequeue(caller: Caller<'_, State>, token: u32, value_out: u32, len_out: u32) -> Answer {
    hostcall(caller, "proxy_dequeue_shared_queue", |call| {
        call.trace.add(format_args!("{token}"));
        let value = call.world().dequeue(token)?;
        call.trace.result(&value);
        call.return_bytes(value_out, len_out, &value)
    })
}

fn enqueue(caller: Caller<'_, State>, token: u32, value: u32, len: u32) -> Answer {
    hostcall(caller, "proxy_enqueue_shared_queue", |call| {
        let (guest, world, trace) = call.split();
        let value = guest.bytes(value, len)?;
        trace.add(format_args!("{token} {}", Shown(value)));
        world.enqueue(token, value)
    })
}
