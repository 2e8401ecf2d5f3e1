//! Clocks, random bytes, sleep and exit.
//!
//! Nothing sleeps: a poll is over at once with no event, so that a guest which sleeps goes on
//! immediately. An exit is ignored, as in Envoy; compilers put a trap behind it.

use wasmtime::{Caller, Linker};

use super::{Errno, plain, wasi};
use crate::{
    hostcalls,
    vm::{Allowed, State},
};

/// The largest request for random bytes.
const RANDOM_MAX: u32 = 64 * 1024;

pub(super) fn link(linker: &mut Linker<State>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(module, "clock_time_get", clock_time)?;
    linker.func_wrap(module, "random_get", random)?;
    linker.func_wrap(module, "poll_oneoff", poll)?;
    linker.func_wrap(module, "sched_yield", |mut caller: Caller<'_, State>| {
        wasi(&mut caller, "sched_yield", Allowed::Running, |_, _| Ok(()))
    })?;
    linker.func_wrap(module, "proc_exit", |caller: Caller<'_, State>, _: u32| {
        if !caller.data().allows("proc_exit") {
            return Ok(());
        }
        hostcalls::check(&caller, "proc_exit", Allowed::Running)
    })?;
    Ok(())
}

pub(super) fn link_since_1_39(linker: &mut Linker<State>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(module, "clock_res_get", clock_resolution)?;
    Ok(())
}

fn clock_time(
    mut caller: Caller<'_, State>,
    clock: u32,
    _precision: u64,
    nanos_out: u32,
) -> wasmtime::Result<u32> {
    wasi(&mut caller, "clock_time_get", Allowed::Always, |guest, world| {
        let nanos = match clock {
            0 => world.wall_nanos(),
            1 => world.mono_nanos(),
            _ => return Err(Errno::NOTSUP),
        };
        Ok(guest.write_u64(nanos_out, nanos)?)
    })
}

fn clock_resolution(
    caller: Caller<'_, State>,
    clock: u32,
    nanos_out: u32,
) -> wasmtime::Result<u32> {
    plain(caller, "clock_res_get", |guest, _| match clock {
        0 | 1 => Ok(guest.write_u64(nanos_out, 1)?),
        _ => Err(Errno::NOTSUP),
    })
}

fn random(caller: Caller<'_, State>, bytes_out: u32, len: u32) -> wasmtime::Result<u32> {
    plain(caller, "random_get", |guest, world| match len {
        0 => Ok(()),
        1..=RANDOM_MAX => {
            // At most `RANDOM_MAX`, which every usize holds.
            world.random_bytes(guest.writable(bytes_out, len as usize)?);
            Ok(())
        }
        _ => Err(Errno::INVAL),
    })
}

fn poll(
    mut caller: Caller<'_, State>,
    _subscriptions: u32,
    _events: u32,
    _count: u32,
    events_out: u32,
) -> wasmtime::Result<u32> {
    wasi(
        &mut caller,
        "poll_oneoff",
        Allowed::Always,
        |guest, _| Ok(guest.write_u32(events_out, 0)?),
    )
}
