//! Which context acts, when it is done, how the last call went (ABI: "Context lifecycle").

use wasmtime::{Caller, Linker};

use super::{Answer, Shown, hostcall};
use crate::vm::State;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "proxy_set_effective_context", set_effective_context)?;
    linker.func_wrap("env", "proxy_done", done)?;
    linker.func_wrap("env", "proxy_get_status", call_status)?;
    Ok(())
}

fn set_effective_context(caller: Caller<'_, State>, context: u32) -> Answer {
    hostcall(caller, "proxy_set_effective_context", |call| {
        call.trace.add(format_args!("{context}"));
        call.world().set_effective_context(context)
    })
}

fn done(caller: Caller<'_, State>) -> Answer {
    hostcall(caller, "proxy_done", |call| call.world().done())
}

fn call_status(caller: Caller<'_, State>, code_out: u32, text_out: u32, len_out: u32) -> Answer {
    hostcall(caller, "proxy_get_status", |call| {
        let (mut guest, world, trace) = call.split();
        let (code, text) = world.call_status();
        trace.add(format_args!("-> {code} {}", Shown(&text)));
        guest.write_u32(code_out, code)?;
        call.return_bytes(text_out, len_out, &text)
    })
}
