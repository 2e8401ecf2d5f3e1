//! Functions that Envoy offers beyond the ABI.
//!
//! Their arguments are protobuf messages of Envoy's own, except where they are plain bytes.

mod filter_state;
mod zlib;

use super::{context::StreamContext, version::EnvoyVersion, world::World};
use crate::abi::{
    Status,
    table::{FOREIGN_FUNCTIONS, Support},
};

impl World {
    /// `proxy_call_foreign_function`.
    ///
    /// # Errors
    /// [`Status::NotFound`] for a function that Envoy has not; one that Envoy has and the model has not
    /// is recorded as refused.
    pub fn foreign_function(&mut self, name: &[u8], arguments: &[u8]) -> Result<Vec<u8>, Status> {
        match name {
            b"clear_route_cache" => {
                if let Some(stream) = self.foreign_context().map(|context| context.stream) {
                    self.clear_route_cache_of(stream);
                }
                Ok(Vec::new())
            }
            b"set_envoy_filter_state" => self.set_filter_state(arguments),
            b"declare_property" => self.declare_property(arguments),
            b"compress" => zlib::compress(arguments),
            b"uncompress" => zlib::uncompress(arguments),
            _ => self.refused(name),
        }
    }

    fn refused(&mut self, name: &[u8]) -> Result<Vec<u8>, Status> {
        // Signing came with 1.37.
        let is_known = |known: &str| known != "sign" || self.envoy >= EnvoyVersion::V1_37;
        let found = FOREIGN_FUNCTIONS.iter().find(|(known, _)| known.as_bytes() == name);
        match found.filter(|(known, _)| is_known(known)) {
            Some((known, Support::Refused { reason })) => {
                self.refuse(&format!("foreign function {known}: {reason}"));
                Err(Status::InternalFailure)
            }
            Some((_, Support::Modelled)) | None => Err(Status::NotFound),
        }
    }

    /// The stream that a function acts on: since 1.37 the effective context's, before that the one of
    /// the context that was called, so that nothing happened in the answer to a call.
    fn foreign_context(&self) -> Option<&StreamContext> {
        if self.envoy >= EnvoyVersion::V1_37 {
            self.stream_context()
        } else {
            self.called_context()
        }
    }
}
