//! Environment variables, which a VM's configuration sets, and arguments, which there are none of.

use wasmtime::{Caller, Linker};

use super::{Errno, plain};
use crate::{
    model::World,
    vm::{GuestMemory, State},
};

pub(super) fn link(linker: &mut Linker<State>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(module, "environ_get", |caller: Caller<'_, State>, pointers, text| {
        plain(caller, "environ_get", |guest, world| variables(guest, world, pointers, text))
    })?;
    linker.func_wrap(module, "environ_sizes_get", |caller: Caller<'_, State>, count, size| {
        plain(caller, "environ_sizes_get", |guest, world| sizes(guest, world, count, size))
    })?;
    linker.func_wrap(module, "args_get", |caller: Caller<'_, State>, _: u32, _: u32| {
        plain(caller, "args_get", |_, _| Ok(()))
    })?;
    linker.func_wrap(module, "args_sizes_get", |caller: Caller<'_, State>, count, size| {
        plain(caller, "args_sizes_get", |guest, _| {
            guest.write_u32(count, 0)?;
            Ok(guest.write_u32(size, 0)?)
        })
    })?;
    Ok(())
}

fn variables(
    guest: &mut GuestMemory<'_>,
    world: &World,
    mut pointers: u32,
    mut text: u32,
) -> Result<(), Errno> {
    for (key, value) in world.environment() {
        guest.write_u32(pointers, text)?;
        let variable = format!("{key}={value}\0");
        guest.write(text, variable.as_bytes())?;
        text = text.checked_add(len(&variable)?).ok_or(Errno::FAULT)?;
        pointers = pointers.checked_add(4).ok_or(Errno::FAULT)?;
    }
    Ok(())
}

fn sizes(guest: &mut GuestMemory<'_>, world: &World, count: u32, size: u32) -> Result<(), Errno> {
    let variables = world.environment();
    // An equals sign and a NUL each.
    let bytes = variables.iter().map(|(key, value)| key.len() + value.len() + 2).sum::<usize>();
    guest.write_u32(count, u32::try_from(variables.len()).map_err(|_| Errno::FAULT)?)?;
    Ok(guest.write_u32(size, u32::try_from(bytes).map_err(|_| Errno::FAULT)?)?)
}

fn len(text: &str) -> Result<u32, Errno> {
    u32::try_from(text.len()).map_err(|_| Errno::FAULT)
}
