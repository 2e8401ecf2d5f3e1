//! Functions that Envoy offers beyond the ABI.

use super::world::World;
use crate::abi::Status;

/// Functions that Envoy 1.40 has and the model refuses by name.
const REFUSED: &[&str] = &[
    "verify_signature",
    "sign",
    "compress",
    "uncompress",
    "set_envoy_filter_state",
    "expr_create",
    "expr_evaluate",
    "expr_delete",
    "declare_property",
];

impl World {
    /// `proxy_call_foreign_function`.
    ///
    /// # Errors
    /// [`Status::NotFound`] for a function that Envoy has not; one that Envoy has and the model has not
    /// is recorded as refused.
    pub fn foreign_function(&mut self, name: &[u8], arguments: &[u8]) -> Result<Vec<u8>, Status> {
        let _ = arguments;
        if name == b"clear_route_cache" {
            self.clear_route_cache();
            return Ok(Vec::new());
        }
        match REFUSED.iter().find(|known| known.as_bytes() == name) {
            Some(known) => {
                self.refuse(&format!("foreign function {known} is not modelled"));
                Err(Status::InternalFailure)
            }
            None => Err(Status::NotFound),
        }
    }
}
