//! gRPC calls and streams that a plugin makes by itself (ABI: "gRPC calls").

use wasmtime::{Caller, Linker};

use super::{Answer, hostcall};
use crate::{
    abi::pairs,
    model::call::{GrpcCall, GrpcStream},
    vm::State,
};

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_grpc_call", call_once)?;
    linker.func_wrap("env", "proxy_grpc_stream", open)?;
    linker.func_wrap("env", "proxy_grpc_send", send)?;
    linker.func_wrap("env", "proxy_grpc_cancel", cancel)?;
    linker.func_wrap("env", "proxy_grpc_close", close)?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
fn call_once(
    caller: Caller<'_, State>,
    service: u32,
    service_len: u32,
    name: u32,
    name_len: u32,
    method: u32,
    method_len: u32,
    metadata: u32,
    metadata_len: u32,
    message: u32,
    message_len: u32,
    timeout_ms: u32,
    token_out: u32,
) -> Answer {
    hostcall(caller, "proxy_grpc_call", |call| {
        let (mut guest, world, _) = call.split();
        let service = guest.bytes(service, service_len)?.to_vec();
        let service_name = guest.bytes(name, name_len)?.to_vec();
        let method = guest.bytes(method, method_len)?.to_vec();
        let initial_metadata = pairs::decode(guest.bytes(metadata, metadata_len)?);
        let message = guest.bytes(message, message_len)?.to_vec();
        let call =
            GrpcCall { service, service_name, method, initial_metadata, message, timeout_ms };
        let token = world.grpc_call(call)?;
        guest.write_u32(token_out, token)
    })
}

#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
fn open(
    caller: Caller<'_, State>,
    service: u32,
    service_len: u32,
    name: u32,
    name_len: u32,
    method: u32,
    method_len: u32,
    metadata: u32,
    metadata_len: u32,
    token_out: u32,
) -> Answer {
    hostcall(caller, "proxy_grpc_stream", |call| {
        let (mut guest, world, _) = call.split();
        let service = guest.bytes(service, service_len)?.to_vec();
        let service_name = guest.bytes(name, name_len)?.to_vec();
        let method = guest.bytes(method, method_len)?.to_vec();
        let initial_metadata = pairs::decode(guest.bytes(metadata, metadata_len)?);
        let stream = GrpcStream { service, service_name, method, initial_metadata };
        let token = world.grpc_stream(stream)?;
        guest.write_u32(token_out, token)
    })
}

fn send(
    caller: Caller<'_, State>,
    token: u32,
    message: u32,
    message_len: u32,
    end_of_stream: u32,
) -> Answer {
    hostcall(caller, "proxy_grpc_send", |call| {
        let (guest, world, _) = call.split();
        world.grpc_send(token, guest.bytes(message, message_len)?, end_of_stream != 0)
    })
}

fn cancel(caller: Caller<'_, State>, token: u32) -> Answer {
    hostcall(caller, "proxy_grpc_cancel", |call| call.world().grpc_cancel(token))
}

fn close(caller: Caller<'_, State>, token: u32) -> Answer {
    hostcall(caller, "proxy_grpc_close", |call| call.world().grpc_close(token))
}
