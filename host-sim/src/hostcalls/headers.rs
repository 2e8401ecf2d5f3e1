//! Header and trailer maps (ABI: "HTTP fields").

use wasmtime::{Caller, Linker};

use super::{Answer, Shown, hostcall, map};
use crate::{
    abi::{AbiVersion, Status, pairs},
    vm::State,
};

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_get_header_map_value", value)?;
    linker.func_wrap("env", "proxy_add_header_map_value", add)?;
    linker.func_wrap("env", "proxy_replace_header_map_value", replace)?;
    linker.func_wrap("env", "proxy_remove_header_map_value", remove)?;
    linker.func_wrap("env", "proxy_get_header_map_pairs", all)?;
    linker.func_wrap("env", "proxy_set_header_map_pairs", set_all)?;
    linker.func_wrap("env", "proxy_get_header_map_size", size)?;
    Ok(())
}

fn value(
    caller: Caller<'_, State>,
    number: u32,
    key: u32,
    key_len: u32,
    value_out: u32,
    len_out: u32,
) -> Answer {
    hostcall(caller, "proxy_get_header_map_value", |call| {
        let (number, version) = (map(number)?, call.version());
        let (guest, world, trace) = call.split();
        let key = guest.bytes(key, key_len)?;
        trace.add(format_args!("{number} {}", Shown(key)));
        let value = match world.header_value(number, key) {
            // The oldest plugins take an absent header for an empty one.
            Err(Status::NotFound) if version == AbiVersion::V0_1_0 => Vec::new(),
            answer => answer?,
        };
        trace.result(&value);
        call.return_bytes(value_out, len_out, &value)
    })
}

fn add(
    caller: Caller<'_, State>,
    number: u32,
    key: u32,
    key_len: u32,
    value: u32,
    value_len: u32,
) -> Answer {
    hostcall(caller, "proxy_add_header_map_value", |call| {
        let number = map(number)?;
        let (guest, world, trace) = call.split();
        let (key, value) = (guest.bytes(key, key_len)?, guest.bytes(value, value_len)?);
        trace.add(format_args!("{number} {} {}", Shown(key), Shown(value)));
        world.add_header(number, key, value)
    })
}

fn replace(
    caller: Caller<'_, State>,
    number: u32,
    key: u32,
    key_len: u32,
    value: u32,
    value_len: u32,
) -> Answer {
    hostcall(caller, "proxy_replace_header_map_value", |call| {
        let number = map(number)?;
        let (guest, world, trace) = call.split();
        let (key, value) = (guest.bytes(key, key_len)?, guest.bytes(value, value_len)?);
        trace.add(format_args!("{number} {} {}", Shown(key), Shown(value)));
        world.replace_header(number, key, value)
    })
}

fn remove(caller: Caller<'_, State>, number: u32, key: u32, key_len: u32) -> Answer {
    hostcall(caller, "proxy_remove_header_map_value", |call| {
        let number = map(number)?;
        let (guest, world, trace) = call.split();
        let key = guest.bytes(key, key_len)?;
        trace.add(format_args!("{number} {}", Shown(key)));
        world.remove_header(number, key)
    })
}

fn all(caller: Caller<'_, State>, number: u32, pairs_out: u32, len_out: u32) -> Answer {
    hostcall(caller, "proxy_get_header_map_pairs", |call| {
        let pairs = call.world().header_pairs(map(number)?)?;
        call.trace.add(format_args!("{number} -> {} pairs", pairs.len()));
        call.return_bytes(pairs_out, len_out, &pairs::encode(&pairs))
    })
}

fn set_all(caller: Caller<'_, State>, number: u32, bytes: u32, len: u32) -> Answer {
    hostcall(caller, "proxy_set_header_map_pairs", |call| {
        let number = map(number)?;
        let (guest, world, trace) = call.split();
        let pairs = pairs::decode(guest.bytes(bytes, len)?);
        trace.add(format_args!("{number} {} pairs", pairs.len()));
        world.set_header_pairs(number, pairs)
    })
}

fn size(caller: Caller<'_, State>, number: u32, size_out: u32) -> Answer {
    hostcall(caller, "proxy_get_header_map_size", |call| {
        let size = call.world().header_map_size(map(number)?)?;
        call.trace.add(format_args!("{number} -> {size}"));
        call.guest().write_u32(size_out, size)
    })
}
