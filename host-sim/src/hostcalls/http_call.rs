//! Requests that a plugin sends by itself (ABI: "HTTP calls").

use wasmtime::{Caller, Linker};

use super::{Answer, Shown, hostcall};
use crate::{abi::pairs, model::HttpCall, vm::State};

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_http_call", dispatch)?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the ABI's signature")]
fn dispatch(
    caller: Caller<'_, State>,
    upstream: u32,
    upstream_len: u32,
    headers: u32,
    headers_len: u32,
    body: u32,
    body_len: u32,
    trailers: u32,
    trailers_len: u32,
    timeout_ms: u32,
    token_out: u32,
) -> Answer {
    hostcall(caller, "proxy_http_call", |call| {
        let (mut guest, world, trace) = call.split();
        let upstream = guest.bytes(upstream, upstream_len)?.to_vec();
        let body = guest.bytes(body, body_len)?.to_vec();
        let headers = pairs::decode(guest.bytes(headers, headers_len)?);
        let trailers = pairs::decode(guest.bytes(trailers, trailers_len)?);
        // Nothing is sent whose token cannot be told.
        guest.write_u32(token_out, 0)?;
        trace.add(format_args!("{} {timeout_ms} ms", Shown(&upstream)));
        let token = world.http_call(HttpCall { upstream, headers, body, trailers, timeout_ms })?;
        trace.add(format_args!("-> {token}"));
        guest.write_u32(token_out, token)
    })
}
