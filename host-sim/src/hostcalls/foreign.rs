//! Functions beyond the ABI, called by name (ABI: "Foreign function interface"), and the one that
//! Envoy links beside it.

use wasmtime::{Caller, Linker};

use super::{Answer, hostcall};
use crate::{
    abi::{Status, table},
    vm::State,
};

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_call_foreign_function", call_by_name)?;
    linker.func_wrap("env", "envoy_resolve_dns", resolve_dns)?;
    Ok(())
}

fn call_by_name(
    caller: Caller<'_, State>,
    name: u32,
    name_len: u32,
    arguments: u32,
    arguments_len: u32,
    result_out: u32,
    len_out: u32,
) -> Answer {
    hostcall(caller, "proxy_call_foreign_function", |call| {
        let (guest, world, trace) = call.split();
        let (name, arguments) =
            (guest.bytes(name, name_len)?, guest.bytes(arguments, arguments_len)?);
        trace.key(name);
        trace.key(arguments);
        let answer = world.foreign_function(name, arguments);
        // Envoy writes the results of a function that failed too, but not of one it does not have.
        let (result, failure) = match answer {
            Err(Status::NotFound) => return Err(Status::NotFound),
            Err(status) => (Vec::new(), Err(status)),
            Ok(result) => (result, Ok(())),
        };
        trace.result(&result);
        let wanted: &[u8] = if result_out == 0 { &[] } else { &result };
        let (pointer, _) = call.give(wanted)?;
        let mut guest = call.guest();
        if result_out != 0 {
            guest.write_u32(result_out, pointer)?;
        }
        if len_out != 0 {
            guest.write_u32(len_out, result.len() as u32)?;
        }
        failure
    })
}

fn resolve_dns(caller: Caller<'_, State>, _name: u32, _name_len: u32, _token_out: u32) -> Answer {
    hostcall(caller, "envoy_resolve_dns", |call| {
        call.world().refuse(&format!("`envoy_resolve_dns`: {}", table::NO_DNS));
        Err(Status::Unimplemented)
    })
}
