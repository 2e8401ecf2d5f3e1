//! Bodies, configurations and other buffers (ABI: "Buffers").

use wasmtime::{Caller, Linker};

use super::{Answer, buffer_type, hostcall};
use crate::vm::State;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_get_buffer_status", status)?;
    linker.func_wrap("env", "proxy_get_buffer_bytes", bytes)?;
    linker.func_wrap("env", "proxy_set_buffer_bytes", set)?;
    Ok(())
}

fn status(caller: Caller<'_, State>, number: u32, len_out: u32, flags_out: u32) -> Answer {
    hostcall(caller, "proxy_get_buffer_status", |call| {
        let (len, flags) = call.world().buffer_status(buffer_type(number)?)?;
        call.trace.add(format_args!("{number} -> {len}"));
        let mut guest = call.guest();
        guest.write_u32(len_out, len)?;
        guest.write_u32(flags_out, flags)
    })
}

fn bytes(
    caller: Caller<'_, State>,
    number: u32,
    start: u32,
    max: u32,
    bytes_out: u32,
    len_out: u32,
) -> Answer {
    hostcall(caller, "proxy_get_buffer_bytes", |call| {
        let bytes = call.world().buffer_bytes(buffer_type(number)?, start, max)?;
        call.trace.add(format_args!("{number} {start} {max} -> {} bytes", bytes.len()));
        call.return_bytes(bytes_out, len_out, &bytes)
    })
}

fn set(
    caller: Caller<'_, State>,
    number: u32,
    start: u32,
    len: u32,
    data: u32,
    data_len: u32,
) -> Answer {
    hostcall(caller, "proxy_set_buffer_bytes", |call| {
        let number = buffer_type(number)?;
        let (guest, world, trace) = call.split();
        // A buffer that is not there is found out before a bad pointer is.
        world.buffer_status(number)?;
        let data = guest.bytes(data, data_len)?;
        trace.add(format_args!("{number} {start} {len} {} bytes", data.len()));
        world.set_buffer_bytes(number, start, len, data)
    })
}
