//! The functions that a host offers to guests: unmarshal, ask the [`World`], marshal.
//!
//! One file for each chapter of the ABI, and no semantics in any of them: those are methods of
//! [`World`], which knows no pointers. What a hostcall means to Envoy is tested there; that bytes
//! get across is tested with guests in WebAssembly text, because an SDK guest cannot pass a bad
//! pointer.
//!
//! A guest's mistake is a [`Status`]. What Envoy has and the model has not goes through
//! [`World::refuse`], so that a run fails by name and never by a silent stub.

use std::fmt;

use wasmtime::{AsContextMut, Caller, Linker};

use crate::{
    abi::{AbiVersion, BufferType, MapType, Status},
    model::World,
    vm::{Allowed, GuestMemory, Phase, State, trap::describe},
};

mod buffer;
mod clock;
mod emscripten;
mod foreign;
mod grpc_call;
mod headers;
mod http_call;
mod lifecycle;
mod log;
mod metric;
mod property;
mod reply;
mod shared_data;
mod shared_queue;
mod stream;
mod timer;

/// What a host function answers to wasmtime: a number, or an error that stops the guest.
type Answer = wasmtime::Result<u32>;

/// Links every function that guests of this version may import from `env`.
pub(crate) fn link(linker: &mut Linker<State>, version: AbiVersion) -> wasmtime::Result<()> {
    buffer::link(linker)?;
    clock::link(linker)?;
    emscripten::link(linker)?;
    foreign::link(linker)?;
    grpc_call::link(linker)?;
    headers::link(linker)?;
    http_call::link(linker)?;
    lifecycle::link(linker)?;
    log::link(linker, version)?;
    metric::link(linker)?;
    property::link(linker, version)?;
    reply::link(linker)?;
    shared_data::link(linker)?;
    shared_queue::link(linker)?;
    stream::link(linker, version)?;
    timer::link(linker)
}

/// Runs one hostcall: the gate in front of it, the status, and the one line in the trace.
fn hostcall(
    caller: Caller<'_, State>,
    name: &'static str,
    body: impl FnOnce(&mut Call<'_>) -> Result<(), Status>,
) -> Answer {
    gated(caller, name, Allowed::Running, body)
}

fn gated(
    caller: Caller<'_, State>,
    name: &'static str,
    allowed: Allowed,
    body: impl FnOnce(&mut Call<'_>) -> Result<(), Status>,
) -> Answer {
    // What compilers put beside the ABI cannot be restricted.
    if name.starts_with("proxy_") && !caller.data().allows(name) {
        return Ok(restricted(caller, name, Status::InternalFailure.number()));
    }
    check(&caller, name, allowed)?;
    let trace = Note { on: caller.data().world.is_tracing(), text: String::new() };
    let mut call = Call { caller, trace };
    let status = body(&mut call).err().unwrap_or(Status::Ok).number();
    let Call { mut caller, trace } = call;
    if trace.on {
        caller.data_mut().world.trace_hostcall(name, format_args!("{}", trace.text), status);
    }
    Ok(status)
}

/// What the configuration does not allow does nothing, at any time.
pub(crate) fn restricted(mut caller: Caller<'_, State>, name: &'static str, answer: u32) -> u32 {
    let world = &mut caller.data_mut().world;
    world.trace_hostcall(name, format_args!("restricted by the configuration"), answer);
    answer
}

/// Envoy traps a guest that calls what it may not call in this phase.
pub(crate) fn check(
    caller: &Caller<'_, State>,
    name: &str,
    allowed: Allowed,
) -> wasmtime::Result<()> {
    let phase = caller.data().phase;
    if allowed.includes(phase) {
        return Ok(());
    }
    Err(wasmtime::format_err!("restricted_callback: `{name}` called {}", phase.describe()))
}

/// One hostcall in progress.
///
/// Inputs are borrowed from the guest's memory while the world is asked, without a copy.
/// Results are owned by the time they are returned, because returning bytes re-enters the guest's
/// allocator, which may log: neither the memory nor the world may be borrowed then.
struct Call<'a> {
    caller: Caller<'a, State>,
    trace: Note,
}

impl Call<'_> {
    fn world(&mut self) -> &mut World {
        &mut self.caller.data_mut().world
    }

    fn version(&self) -> AbiVersion {
        self.caller.data().abi
    }

    /// The guest's memory, the world and the trace line, all at once.
    fn split(&mut self) -> (GuestMemory<'_>, &mut World, &mut Note) {
        let Some(memory) = self.caller.data().memory else {
            let world = &mut self.caller.data_mut().world;
            return (GuestMemory::new(&mut []), world, &mut self.trace);
        };
        let (bytes, state) = memory.data_and_store_mut(&mut self.caller);
        (GuestMemory::new(bytes), &mut state.world, &mut self.trace)
    }

    fn guest(&mut self) -> GuestMemory<'_> {
        self.split().0
    }

    /// Gives bytes to the guest, which owns them from then on.
    fn return_bytes(&mut self, pointer_out: u32, len_out: u32, bytes: &[u8]) -> Result<(), Status> {
        let (pointer, len) = self.give(bytes)?;
        let mut guest = self.guest();
        guest.write_u32(pointer_out, pointer)?;
        guest.write_u32(len_out, len)
    }

    /// Puts bytes where the guest's own allocator says; no bytes are at null.
    fn give(&mut self, bytes: &[u8]) -> Result<(u32, u32), Status> {
        let len = u32::try_from(bytes.len()).map_err(|_| Status::InvalidMemoryAccess)?;
        if bytes.is_empty() {
            return Ok((0, len));
        }
        let malloc = self.caller.data().malloc.clone().ok_or(Status::InvalidMemoryAccess)?;
        let before = std::mem::replace(&mut self.caller.data_mut().phase, Phase::Allocating);
        let answer = malloc.call(self.caller.as_context_mut(), len);
        self.caller.data_mut().phase = before;
        match answer {
            Ok(0) => Err(Status::InvalidMemoryAccess),
            Ok(pointer) => self.guest().write(pointer, bytes).map(|()| (pointer, len)),
            Err(error) => {
                let broken = &mut self.caller.data_mut().broken;
                broken.get_or_insert_with(|| format!("its allocator: {}", describe(&error)));
                Err(Status::InvalidMemoryAccess)
            }
        }
    }
}

/// What the trace line says besides name and status; nothing is formatted while tracing is off.
struct Note {
    on: bool,
    text: String,
}

impl Note {
    fn add(&mut self, text: fmt::Arguments<'_>) {
        if self.on {
            if !self.text.is_empty() {
                self.text.push(' ');
            }
            // Writing to a string cannot fail.
            let _ = fmt::Write::write_fmt(&mut self.text, text);
        }
    }

    fn key(&mut self, key: &[u8]) {
        self.add(format_args!("{}", Shown(key)));
    }

    fn result(&mut self, bytes: &[u8]) {
        self.add(format_args!("-> {}", Shown(bytes)));
    }
}

/// Envoy looks at the number of a map before it looks at any pointer.
fn map(number: u32) -> Result<u32, Status> {
    MapType::from_number(number).map(|_| number).ok_or(Status::BadArgument)
}

/// Envoy looks at the number of a buffer before it looks at any pointer.
fn buffer_type(number: u32) -> Result<u32, Status> {
    BufferType::from_number(number).map(|_| number).ok_or(Status::BadArgument)
}

/// A guest's bytes in a trace line: text, with what is not text escaped, and cut when long.
struct Shown<'a>(&'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LONGEST: usize = 120;
        let (shown, rest) = self.0.split_at_checked(LONGEST).unwrap_or((self.0, &[]));
        write!(f, "`{}`", shown.escape_ascii())?;
        if rest.is_empty() { Ok(()) } else { write!(f, " and {} bytes", rest.len()) }
    }
}
