//! gRPC calls of plugins: refused by name.
//!
//! No plugin of a typical mesh needs them before `http_call`; each answers an error and is recorded, so
//! that a run which depends on one fails with its name.

use super::{
    call::{GrpcCall, GrpcStream},
    world::World,
};
use crate::abi::Status;

impl World {
    /// `proxy_grpc_call`.
    ///
    /// # Errors
    /// Always; see the module.
    pub fn grpc_call(&mut self, call: GrpcCall) -> Result<u32, Status> {
        let service = String::from_utf8_lossy(&call.service_name).into_owned();
        self.refuse(&format!("proxy_grpc_call of {service}: gRPC calls are not modelled"));
        Err(Status::InternalFailure)
    }

    /// `proxy_grpc_stream`.
    ///
    /// # Errors
    /// Always; see the module.
    pub fn grpc_stream(&mut self, stream: GrpcStream) -> Result<u32, Status> {
        let service = String::from_utf8_lossy(&stream.service_name).into_owned();
        self.refuse(&format!("proxy_grpc_stream of {service}: gRPC streams are not modelled"));
        Err(Status::InternalFailure)
    }

    /// `proxy_grpc_send`: there is no stream to send on.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a token that is not a stream's, else [`Status::NotFound`].
    pub fn grpc_send(
        &mut self,
        token: u32,
        message: &[u8],
        end_of_stream: bool,
    ) -> Result<(), Status> {
        let _ = (message, end_of_stream);
        Err(if token & 3 == 2 { Status::NotFound } else { Status::BadArgument })
    }

    /// `proxy_grpc_cancel`: there is nothing to cancel.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a token of another kind, else [`Status::NotFound`].
    pub fn grpc_cancel(&mut self, token: u32) -> Result<(), Status> {
        Err(missing_call(token))
    }

    /// `proxy_grpc_close`: there is nothing to close.
    ///
    /// # Errors
    /// [`Status::BadArgument`] for a token of another kind, else [`Status::NotFound`].
    pub fn grpc_close(&mut self, token: u32) -> Result<(), Status> {
        Err(missing_call(token))
    }
}

/// The low bits of a token are 1 for calls and 2 for streams.
fn missing_call(token: u32) -> Status {
    if matches!(token & 3, 1 | 2) { Status::NotFound } else { Status::BadArgument }
}
