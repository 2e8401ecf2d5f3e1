//! What Envoy does between hostcalls: calls guests, and acts on what they asked for.
//!
//! The engine owns the guests and the world. A guest is taken out of its place for the time of a call,
//! so that re-entry is impossible by construction.

use std::sync::Arc;

use super::{
    call::LocalReply,
    config::Config,
    effect::StreamId,
    guest::{Guest, GuestFactory},
    vm::{AfterCall, VmId},
    vm_registry::Registry,
    world::World,
};
use crate::abi::Callback;

/// Envoy goes on with the trailers of a stream that it has let go of, and its process ends.
const CUT_WHEN_OVER: &str = "a stream is cut that is over";
const CUT_IN_RESPONSE_TRAILERS: &str = "a stream is cut in its response trailers";

/// The machine behind the host.
pub(crate) struct Engine {
    pub(crate) world: World,
    pub(crate) guests: Vec<Option<Box<dyn Guest>>>,
    pub(crate) factory: Arc<dyn GuestFactory>,
    pub(crate) registry: Registry,
}

/// What came of a call for a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The guest has no such export.
    Missing,
    /// The guest's answer; `stopped`: it sent a local reply meanwhile, and the answer does not count.
    Answer { value: u32, stopped: bool },
    /// The VM is dead, and the stream was failed for it.
    Failed,
}

/// What came of a call for a root context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// The VM is dead, or died of this call.
    Failed,
    /// The guest has no such export.
    Missing,
    /// The guest's answer.
    Answer(u32),
}

impl Engine {
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.world.config)
    }

    pub(crate) fn vm_failed(&self, vm: VmId) -> bool {
        self.world.vms.get(vm.0).is_none_or(|vm| vm.failed)
    }

    /// Calls a guest and nothing else: what it asked for stays queued.
    pub(crate) fn enter_guest(&mut self, vm: VmId, callback: &Callback) -> Called {
        if self.vm_failed(vm) {
            return Called::Failed;
        }
        let Some(mut guest) = self.guests.get_mut(vm.0).and_then(Option::take) else {
            return Called::Failed;
        };
        let world = &mut self.world;
        let before = world.enter(vm, callback.context(), Some(callback.kind()));
        let thread = world.thread();
        world.trace.line(world.now, format_args!("  {thread} {vm} {callback:?}"));
        let result = guest.call(world, callback);
        let world = &mut self.world;
        let called = match result {
            Ok(None) => Called::Missing,
            Ok(Some(value)) => Called::Answer(value),
            Err(trap) => {
                let export = callback.export();
                world.note_trap(export, &trap.message);
                Called::Failed
            }
        };
        world.trace.line(world.now, format_args!("  {thread} {vm} -> {called:?}"));
        world.leave(before);
        if called == Called::Failed {
            self.kill(vm);
        } else if let Some(place) = self.guests.get_mut(vm.0) {
            *place = Some(guest);
        }
        called
    }

    /// Calls a guest for a root context, or for a context that is being made or ended.
    pub(crate) fn call(&mut self, vm: VmId, callback: &Callback) -> Called {
        let called = self.enter_guest(vm, callback);
        self.run_after_call(vm);
        called
    }

    /// Calls the guest of a filter; a dead VM fails the stream.
    pub(crate) fn ask(
        &mut self,
        stream: StreamId,
        filter: usize,
        callback: impl FnOnce(u32) -> Callback,
    ) -> Asked {
        let Some(plugin) = self.world.streams.at(stream).chain.plugin(filter).copied() else {
            return Asked::Missing;
        };
        let Some(vm) = plugin.vm.filter(|vm| !self.vm_failed(*vm)) else {
            return self.fail_stream(stream, filter);
        };
        let called = self.enter_guest(vm, &callback(plugin.context));
        let asked = match called {
            Called::Missing => Asked::Missing,
            Called::Failed => self.fail_stream(stream, filter),
            Called::Answer(value) => {
                let stopped = self.world.vms.get(vm.0).is_some_and(|vm| vm.stop_iteration);
                Asked::Answer { value, stopped }
            }
        };
        self.run_after_call(vm);
        asked
    }

    /// Answers a stream for a dead VM, once.
    fn fail_stream(&mut self, stream: StreamId, filter: usize) -> Asked {
        if let Some(plugin) = self.world.streams.at(stream).chain.plugin_mut(filter)
            && !plugin.failed
        {
            plugin.failed = true;
            let reply = LocalReply::bare(503, "wasm_fail_stream");
            self.send_local_reply(stream, LocalReply { grpc_status: 14, ..reply });
            if let Some(plugin) = self.world.streams.at(stream).chain.plugin_mut(filter) {
                plugin.failure_reply_sent = true;
            }
        }
        Asked::Failed
    }

    /// Does what guests of this VM asked for while they were on the stack.
    pub(crate) fn run_after_call(&mut self, vm: VmId) {
        if let Some(vm) = self.world.vms.get_mut(vm.0) {
            vm.stop_iteration = false;
        }
        let failed = self.vm_failed(vm);
        // A guest may have grown or shrunk what is held; Envoy notices inside the hostcall.
        self.check_watermarks();
        while let Some(action) =
            self.world.vms.get_mut(vm.0).and_then(|vm| vm.after_call.pop_front())
        {
            match action {
                AfterCall::Continue { stream, filter, side } => {
                    self.world.lint_resume(vm, stream, filter, side);
                    self.common_continue(stream, side, filter);
                }
                AfterCall::Reset { stream } => {
                    if self.world.streams.at(stream).chain.calls.encode_trailers {
                        self.world.note_undefined(stream, CUT_IN_RESPONSE_TRAILERS);
                    }
                    let chain = &self.world.streams.at(stream).chain;
                    if failed || chain.local_complete || chain.destroyed {
                        self.world.note_undefined(stream, CUT_WHEN_OVER);
                    }
                    self.reset_stream(stream);
                }
                AfterCall::Reply { stream, reply } => self.send_local_reply(stream, reply),
                AfterCall::GrpcClose { root, token, status, message } => {
                    self.close_grpc(vm, root, token, status, message);
                }
                AfterCall::Delete { root } => self.delete_root(vm, root),
            }
        }
    }
}
