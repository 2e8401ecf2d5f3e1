//! A response by the plugin itself (ABI: "HTTP streams").

use wasmtime::{Caller, Linker};

use super::{Answer, Shown, hostcall};
use crate::{abi::pairs, model::LocalReply, vm::State};

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_send_local_response", send)?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
fn send(
    caller: Caller<'_, State>,
    status: u32,
    details: u32,
    details_len: u32,
    body: u32,
    body_len: u32,
    headers: u32,
    headers_len: u32,
    grpc_status: i32,
) -> Answer {
    hostcall(caller, "proxy_send_local_response", |call| {
        let (guest, world, trace) = call.split();
        let details = guest.bytes(details, details_len)?.to_vec();
        let body = guest.bytes(body, body_len)?.to_vec();
        let headers = pairs::decode(guest.bytes(headers, headers_len)?);
        trace.add(format_args!("{status} {} {}", Shown(&details), Shown(&body)));
        world.send_local_response(LocalReply { status, details, body, headers, grpc_status })
    })
}
