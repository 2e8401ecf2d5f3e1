//! Bodies and other byte buffers as hostcalls reach them.
//!
//! A body outside its window is not missing but empty: Envoy answers Ok with no bytes.
//! While a filter pauses in a body callback, it sees everything that has been held for it, and may
//! change it also from a later event, such as the answer to a call of its own.

use super::{
    context::{BodyWindow, Windows},
    vm::Side,
    world::World,
};
use crate::abi::{BufferType, Status};

/// A plugin that paused in a body callback looks at the body when the host holds none; Envoy follows a
/// null pointer.
const NOTHING_HELD: &str = "a body that is not there is looked at";
/// A plugin that stopped without buffering looks at the piece after its callback.
const PIECE_GONE: &str = "a piece of a body is looked at after it has gone";

impl World {
    /// `proxy_get_buffer_status`: the length, and flags, which Envoy leaves 0.
    ///
    /// # Errors
    /// [`Status::NotFound`] for a buffer that is not there.
    pub fn buffer_status(&mut self, buffer: u32) -> Result<(u32, u32), Status> {
        let length = self.read_buffer(buffer, |buffer| match buffer {
            Bytes::Flat(bytes) => bytes.len(),
            Bytes::Pile(pile) => pile.len(),
        })?;
        Ok((u32::try_from(length).unwrap_or(u32::MAX), 0))
    }

    /// `proxy_get_buffer_bytes`: at most `max` bytes from `start`; a start beyond the end gives none.
    ///
    /// # Errors
    /// [`Status::NotFound`] for a buffer that is not there.
    pub fn buffer_bytes(&mut self, buffer: u32, start: u32, max: u32) -> Result<Vec<u8>, Status> {
        let (start, max) = (start as usize, max as usize);
        self.read_buffer(buffer, |buffer| match buffer {
            Bytes::Flat(bytes) => {
                let tail = bytes.get(start..).unwrap_or_default();
                tail.get(..max).unwrap_or(tail).to_vec()
            }
            Bytes::Pile(pile) => pile.copy(start, max),
        })
    }

    /// `proxy_set_buffer_bytes`; see [`super::buffer::Buffer::set`] for the places that can be written.
    ///
    /// # Errors
    /// [`Status::NotFound`] for a buffer that is not there, [`Status::BadArgument`] for one that is
    /// outside its window or cannot be changed, and for a place inside the buffer.
    pub fn set_buffer_bytes(
        &mut self,
        buffer: u32,
        start: u32,
        len: u32,
        data: &[u8],
    ) -> Result<(), Status> {
        let side = match BufferType::from_number(buffer) {
            Some(BufferType::RequestBody) => Side::Decode,
            Some(BufferType::ResponseBody) => Side::Encode,
            Some(BufferType::GrpcReceive) => {
                let root = self.root_mut().ok_or(Status::BadArgument)?;
                let message = root.grpc_view.message.as_mut().ok_or(Status::BadArgument)?;
                return message.set(start as usize, len as usize, data);
            }
            _ => {
                self.buffer_status(buffer)?;
                return Err(Status::BadArgument);
            }
        };
        let (start, len) = (start as usize, len as usize);
        let context = self.stream_context_mut().ok_or(Status::BadArgument)?;
        let id = context.stream;
        let windows = context.side(side);
        if !windows.buffering
            && let BodyWindow::Frame(frame) = &mut windows.body
        {
            return frame.set(start, len, data);
        }
        if !windows.buffering && !matches!(windows.body, BodyWindow::Held) {
            if windows.piece {
                self.note_undefined(id, PIECE_GONE);
            }
            return Err(Status::BadArgument);
        }
        let Some(held) = self.streams.at(id).chain.held(side).as_mut() else {
            self.note_undefined(id, NOTHING_HELD);
            return Err(Status::BadArgument);
        };
        held.buffer.set(start, len, data)?;
        self.rewritten.push(id);
        Ok(())
    }

    fn read_buffer<T>(
        &mut self,
        buffer: u32,
        read: impl FnOnce(Bytes<'_>) -> T,
    ) -> Result<T, Status> {
        match BufferType::from_number(buffer).ok_or(Status::NotFound)? {
            BufferType::RequestBody => {
                self.note_nothing_held(Side::Decode);
                Ok(self.read_body(Side::Decode, read))
            }
            BufferType::ResponseBody => {
                self.note_nothing_held(Side::Encode);
                Ok(self.read_body(Side::Encode, read))
            }
            BufferType::VmConfiguration => {
                Ok(read(Bytes::Flat(self.vm().map_or(&[], |vm| &vm.spec.configuration))))
            }
            BufferType::PluginConfiguration => {
                self.root().filter(|root| root.configuring).ok_or(Status::NotFound)?;
                let plugin = self.plugin().ok_or(Status::NotFound)?;
                Ok(read(Bytes::Flat(&plugin.configuration)))
            }
            BufferType::HttpCallResponseBody => {
                let answer = self.root().and_then(|root| root.answer.as_ref());
                Ok(read(Bytes::Flat(&answer.ok_or(Status::NotFound)?.body)))
            }
            BufferType::GrpcReceive => {
                let message = self.root().and_then(|root| root.grpc_view.message.as_ref());
                Ok(read(message.map_or(Bytes::Flat(&[]), Bytes::Pile)))
            }
            BufferType::DownstreamData | BufferType::UpstreamData | BufferType::CallData => {
                Ok(read(Bytes::Flat(&[])))
            }
        }
    }

    fn note_nothing_held(&mut self, side: Side) {
        let Some(context) = self.stream_context_mut() else { return };
        let id = context.stream;
        let windows = context.side(side);
        let (is_open, closed) =
            (windows.buffering, matches!(windows.body, BodyWindow::Closed | BodyWindow::Passed(_)));
        if windows.piece && !is_open && closed {
            self.note_undefined(id, PIECE_GONE);
        }
        if is_open && self.streams.at(id).chain.held(side).is_none() {
            self.note_undefined(id, NOTHING_HELD);
        }
    }

    fn read_body<T>(&self, side: Side, read: impl FnOnce(Bytes<'_>) -> T) -> T {
        let Some(context) = self.stream_context() else { return read(Bytes::Flat(&[])) };
        let windows = match side {
            Side::Decode => &context.request,
            Side::Encode => &context.response,
        };
        let held = || {
            let chain = &self.streams.get(context.stream)?.chain;
            match side {
                Side::Decode => chain.held_request.as_ref(),
                Side::Encode => chain.held_response.as_ref(),
            }
        };
        match (&windows.body, windows.buffering) {
            (BodyWindow::Frame(frame), false) => read(Bytes::Pile(frame)),
            (BodyWindow::Closed | BodyWindow::Passed(_), false) => read(Bytes::Flat(&[])),
            (BodyWindow::Held, _) | (_, true) => match held() {
                Some(held) => read(Bytes::Pile(&held.buffer)),
                None => read(Bytes::Flat(&[])),
            },
        }
    }
}

/// A buffer, in whichever form it is kept.
enum Bytes<'a> {
    Flat(&'a [u8]),
    Pile(&'a super::buffer::Buffer),
}

impl super::context::StreamContext {
    /// The windows of one side.
    pub(crate) fn side(&mut self, side: Side) -> &mut Windows {
        match side {
            Side::Decode => &mut self.request,
            Side::Encode => &mut self.response,
        }
    }
}
