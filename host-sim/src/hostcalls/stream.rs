//! Going on with a stream, or giving it up (ABI: "Streams").
//!
//! Version 0.1.0 has one function for each direction, and clears the route cache by name; later
//! versions have a parameter, and the foreign function `clear_route_cache`.

use wasmtime::{Caller, Linker};

use super::{Answer, hostcall};
use crate::{
    abi::{AbiVersion, Status, StreamType},
    vm::State,
};

pub(super) fn link(linker: &mut Linker<State>, version: AbiVersion) -> wasmtime::Result<()> {
    if version == AbiVersion::V0_1_0 {
        linker.func_wrap("env", "proxy_continue_request", continue_request)?;
        linker.func_wrap("env", "proxy_continue_response", continue_response)?;
        linker.func_wrap("env", "proxy_clear_route_cache", clear_route_cache)?;
    } else {
        linker.func_wrap("env", "proxy_continue_stream", continue_stream)?;
        linker.func_wrap("env", "proxy_close_stream", close_stream)?;
    }
    Ok(())
}

fn continue_stream(caller: Caller<'_, State>, stream_type: u32) -> Answer {
    hostcall(caller, "proxy_continue_stream", |call| {
        StreamType::from_number(stream_type).ok_or(Status::BadArgument)?;
        call.trace.add(format_args!("{stream_type}"));
        call.world().continue_stream(stream_type)
    })
}

fn close_stream(caller: Caller<'_, State>, stream_type: u32) -> Answer {
    hostcall(caller, "proxy_close_stream", |call| {
        StreamType::from_number(stream_type).ok_or(Status::BadArgument)?;
        call.trace.add(format_args!("{stream_type}"));
        call.world().close_stream(stream_type)
    })
}

fn continue_request(caller: Caller<'_, State>) -> Answer {
    hostcall(caller, "proxy_continue_request", |call| {
        call.world().continue_stream(StreamType::Request as u32)
    })
}

fn continue_response(caller: Caller<'_, State>) -> Answer {
    hostcall(caller, "proxy_continue_response", |call| {
        call.world().continue_stream(StreamType::Response as u32)
    })
}

fn clear_route_cache(caller: Caller<'_, State>) -> Answer {
    hostcall(caller, "proxy_clear_route_cache", |call| {
        call.world().foreign_function(b"clear_route_cache", b"").map(drop)
    })
}
