//! Logging (ABI: "Logging").

use wasmtime::{Caller, Linker};

use super::{Answer, gated, hostcall};
use crate::{
    abi::{AbiVersion, LogLevel, Status},
    vm::{
        Allowed, State,
        trap::{LOGGED_TOO_MUCH, panic_text},
    },
};

pub(super) fn link(linker: &mut Linker<State>, version: AbiVersion) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_log", log)?;
    if version >= AbiVersion::V0_2_1 {
        linker.func_wrap("env", "proxy_get_log_level", log_level)?;
    }
    Ok(())
}

fn log(caller: Caller<'_, State>, level: u32, message: u32, len: u32) -> Answer {
    // A text that is not in memory is a mistake of another kind.
    let end = u64::from(message) + u64::from(len);
    let memory = caller.data().memory.map_or(0, |memory| memory.data_size(&caller) as u64);
    if end <= memory && !caller.data().world.has_room_to_log(level, len as usize) {
        return Err(wasmtime::format_err!(LOGGED_TOO_MUCH));
    }
    gated(caller, "proxy_log", Allowed::Always, |call| {
        let known = LogLevel::from_number(level).ok_or(Status::BadArgument)?;
        let (guest, world, trace) = call.split();
        let message = guest.bytes(message, len)?;
        trace.add(format_args!("{}", known.name()));
        trace.key(message);
        let (logged, panic) = (world.log(level, message), panic_text(known, message));
        if panic.is_some() {
            call.caller.data_mut().panic = panic;
        }
        logged
    })
}

fn log_level(caller: Caller<'_, State>, level_out: u32) -> Answer {
    hostcall(caller, "proxy_get_log_level", |call| {
        let (mut guest, world, _) = call.split();
        guest.write_u32(level_out, world.log_level())
    })
}
