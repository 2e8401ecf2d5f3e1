//! Properties (ABI: "Properties"), and how version 0.1.0 asks for the configuration.

use wasmtime::{Caller, Linker};

use super::{Answer, hostcall};
use crate::{
    abi::{AbiVersion, BufferType},
    vm::State,
};

pub(super) fn link(linker: &mut Linker<State>, version: AbiVersion) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_get_property", get)?;
    linker.func_wrap("env", "proxy_set_property", set)?;
    if version == AbiVersion::V0_1_0 {
        linker.func_wrap("env", "proxy_get_configuration", configuration)?;
    }
    Ok(())
}

fn get(
    caller: Caller<'_, State>,
    path: u32,
    path_len: u32,
    value_out: u32,
    len_out: u32,
) -> Answer {
    hostcall(caller, "proxy_get_property", |call| {
        let (guest, world, trace) = call.split();
        let path = guest.bytes(path, path_len)?;
        trace.key(path);
        let value = world.property(path)?;
        trace.result(&value);
        call.return_bytes(value_out, len_out, &value)
    })
}

fn set(caller: Caller<'_, State>, path: u32, path_len: u32, value: u32, value_len: u32) -> Answer {
    hostcall(caller, "proxy_set_property", |call| {
        let (guest, world, trace) = call.split();
        let (path, value) = (guest.bytes(path, path_len)?, guest.bytes(value, value_len)?);
        trace.key(path);
        trace.key(value);
        world.set_property(path, value)
    })
}

fn configuration(caller: Caller<'_, State>, value_out: u32, len_out: u32) -> Answer {
    hostcall(caller, "proxy_get_configuration", |call| {
        let (plugin, vm) = (BufferType::PluginConfiguration, BufferType::VmConfiguration);
        let world = call.world();
        // While the plugin is configured, its configuration; else the VM's.
        let value = world
            .buffer_bytes(plugin as u32, 0, u32::MAX)
            .or_else(|_| world.buffer_bytes(vm as u32, 0, u32::MAX))?;
        call.return_bytes(value_out, len_out, &value)
    })
}
