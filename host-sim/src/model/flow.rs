//! Hostcalls that move a stream: go on, cut, answer.
//!
//! None of them acts at once. They are queued on the VM and run when its guest has returned, but
//! before the filter manager hears the callback's answer; see [`super::vm::AfterCall`].

use super::{
    call::LocalReply,
    context::BodyWindow,
    lint::Lint,
    vm::{AfterCall, Side},
    world::World,
};
use crate::abi::{Status, StreamType};

impl World {
    /// `proxy_continue_stream`.
    ///
    /// Whichever side it is for, the request's maps and body are out of reach at once.
    ///
    /// # Errors
    /// [`Status::Unimplemented`] for the upstream side of TCP, [`Status::BadArgument`] for a number
    /// that is no stream.
    pub fn continue_stream(&mut self, stream_type: u32) -> Result<(), Status> {
        let side = match StreamType::from_number(stream_type).ok_or(Status::BadArgument)? {
            StreamType::Request => Side::Decode,
            StreamType::Response => Side::Encode,
            StreamType::Downstream => return Ok(()),
            StreamType::Upstream => return Err(Status::Unimplemented),
        };
        let Some(context) = self.stream_context_mut() else { return Ok(()) };
        context.request.headers = false;
        context.request.trailers = false;
        // What is passing still passes, or is held, as the callback answers.
        context.request.body = match std::mem::take(&mut context.request.body) {
            BodyWindow::Frame(frame) | BodyWindow::Passed(frame) => BodyWindow::Passed(frame),
            BodyWindow::Held | BodyWindow::Closed => BodyWindow::Closed,
        };
        context.request.piece = false;
        let (stream, filter) = (context.stream, context.filter);
        if side == Side::Encode && self.streams.at(stream).response.headers.is_none() {
            self.refuse("continuing a response before there is one: it crashes a real Envoy");
            return Ok(());
        }
        self.after_call(AfterCall::Continue { stream, filter, side });
        Ok(())
    }

    /// `proxy_close_stream`.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a number that is no stream.
    pub fn close_stream(&mut self, stream_type: u32) -> Result<(), Status> {
        match StreamType::from_number(stream_type).ok_or(Status::BadArgument)? {
            StreamType::Request | StreamType::Response => {}
            StreamType::Downstream | StreamType::Upstream => return Ok(()),
        }
        let Some(stream) = self.stream_context().map(|context| context.stream) else {
            return Ok(());
        };
        let details = &mut self.streams.owner_at(stream).info.details;
        details.get_or_insert_with(|| "wasm_close_stream".to_owned());
        self.after_call(AfterCall::Reset { stream });
        Ok(())
    }

    /// `proxy_send_local_response`: acts on streams only, and always answers Ok.
    ///
    /// The answer of the callback in progress no longer counts: the message stops there.
    ///
    /// # Errors
    /// None.
    pub fn send_local_response(&mut self, mut reply: LocalReply) -> Result<(), Status> {
        for byte in &mut reply.details {
            if byte.is_ascii_whitespace() {
                *byte = b'_';
            }
        }
        // So wide is a status in Envoy.
        reply.status &= u32::from(u16::MAX);
        if let Some(context) = self.stream_context_mut() {
            let (stream, again) = (context.stream, std::mem::replace(&mut context.replied, true));
            if again {
                let what = "the stream was answered before; where the first answer has begun, \
                            a second one cuts it";
                self.lint(Lint::SecondLocalReply, format_args!("{what}"));
            }
            self.after_call(AfterCall::Reply { stream, reply });
        }
        if let Some(vm) = self.vm_mut() {
            vm.stop_iteration = true;
        }
        Ok(())
    }

    /// `proxy_done`: a root context whose `on_done` asked for time has had it.
    ///
    /// # Errors
    /// [`Status::NotFound`] for a context that is not waiting for this.
    pub fn done(&mut self) -> Result<(), Status> {
        let root = self.vm().map_or(0, |vm| vm.root_of(self.effective_context()));
        let context = self.root_mut().filter(|root| root.closing).ok_or(Status::NotFound)?;
        context.closing = false;
        self.after_call(AfterCall::Delete { root });
        Ok(())
    }

    fn after_call(&mut self, action: AfterCall) {
        if let Some(vm) = self.vm_mut() {
            vm.after_call.push_back(action);
        }
    }
}
