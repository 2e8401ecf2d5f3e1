//! The key-value store that the workers share (ABI: "Shared key-value stores").

use wasmtime::{Caller, Linker};

use super::{Answer, Shown, hostcall};
use crate::vm::State;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_get_shared_data", get)?;
    linker.func_wrap("env", "proxy_set_shared_data", set)?;
    Ok(())
}

fn get(
    caller: Caller<'_, State>,
    key: u32,
    key_len: u32,
    value_out: u32,
    len_out: u32,
    cas_out: u32,
) -> Answer {
    hostcall(caller, "proxy_get_shared_data", |call| {
        let (guest, world, trace) = call.split();
        let key = guest.bytes(key, key_len)?;
        trace.key(key);
        let (value, cas) = world.shared_data(key)?;
        trace.add(format_args!("-> {} cas {cas}", Shown(&value)));
        call.return_bytes(value_out, len_out, &value)?;
        call.guest().write_u32(cas_out, cas)
    })
}

fn set(
    caller: Caller<'_, State>,
    key: u32,
    key_len: u32,
    value: u32,
    value_len: u32,
    cas: u32,
) -> Answer {
    hostcall(caller, "proxy_set_shared_data", |call| {
        let (guest, world, trace) = call.split();
        let (key, value) = (guest.bytes(key, key_len)?, guest.bytes(value, value_len)?);
        trace.add(format_args!("{} {} cas {cas}", Shown(key), Shown(value)));
        world.set_shared_data(key, value, cas)
    })
}
