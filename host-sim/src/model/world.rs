//! Everything that a hostcall can reach.
//!
//! The world is lent to a VM for the time of one callback and holds no VM itself; so a hostcall cannot
//! call into a guest, exactly as in Envoy, where such actions wait until the guest has returned.

use std::{collections::BTreeMap, fmt};

use super::{
    call::{GrpcCall, GrpcStream, HttpCall, LocalReply, Pairs},
    shared_data::SharedData,
};
use crate::abi::Status;

/// The state of the simulated proxy, as far as plugins can see or change it.
#[derive(Debug, Default)]
pub struct World {
    pub(crate) shared: SharedData,
    environment: BTreeMap<String, String>,
    refusals: Vec<String>,
}

impl World {
    /// The context that hostcalls act on.
    #[must_use]
    pub fn effective_context(&self) -> u32 {
        0
    }

    pub(crate) fn vm_id(&self) -> &str {
        ""
    }

    /// `proxy_get_log_level`.
    #[must_use]
    pub fn log_level(&self) -> u32 {
        2
    }

    /// The wall clock in nanoseconds since 1970.
    #[must_use]
    pub fn wall_nanos(&self) -> u64 {
        0
    }

    /// The monotonic clock in nanoseconds.
    #[must_use]
    pub fn mono_nanos(&self) -> u64 {
        0
    }

    /// Seeded random bytes.
    pub fn random_bytes(&mut self, out: &mut [u8]) {
        out.fill(7);
    }

    /// The environment variables of the VM that is being called.
    #[must_use]
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// `proxy_get_status`: code and message of the last callout.
    pub fn call_status(&mut self) -> (u32, Vec<u8>) {
        (0, Vec::new())
    }

    /// Records that the guest asked for something which Envoy has and this model has not.
    ///
    /// The driver turns it into a named error after the callback; nothing is stubbed silently.
    pub fn refuse(&mut self, what: &str) {
        self.refusals.push(what.to_owned());
    }

    /// Whether hostcalls are traced; their details are only formatted then.
    #[must_use]
    pub fn is_tracing(&self) -> bool {
        false
    }

    /// Writes the trace line of one hostcall; costs nothing while tracing is off.
    pub fn trace_hostcall(&mut self, name: &'static str, detail: fmt::Arguments<'_>, status: u32) {
        let _ = (name, detail, status);
    }

    /// `proxy_log`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn log(&mut self, level: u32, message: &[u8]) -> Result<(), Status> {
        let _ = (level, message);
        Err(Status::Unimplemented)
    }

    /// `proxy_set_tick_period`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn set_tick_period(&mut self, millis: u32) -> Result<(), Status> {
        let _ = (millis,);
        Err(Status::Unimplemented)
    }

    /// `proxy_property`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn property(&mut self, path: &[u8]) -> Result<Vec<u8>, Status> {
        let _ = (path,);
        Err(Status::Unimplemented)
    }

    /// `proxy_set_property`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn set_property(&mut self, path: &[u8], value: &[u8]) -> Result<(), Status> {
        let _ = (path, value);
        Err(Status::Unimplemented)
    }

    /// `proxy_continue_stream`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn continue_stream(&mut self, stream_type: u32) -> Result<(), Status> {
        let _ = (stream_type,);
        Err(Status::Unimplemented)
    }

    /// `proxy_close_stream`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn close_stream(&mut self, stream_type: u32) -> Result<(), Status> {
        let _ = (stream_type,);
        Err(Status::Unimplemented)
    }

    /// `proxy_send_local_response`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn send_local_response(&mut self, reply: LocalReply) -> Result<(), Status> {
        let _ = (reply,);
        Err(Status::Unimplemented)
    }

    /// `proxy_register_queue`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn register_queue(&mut self, name: &[u8]) -> Result<u32, Status> {
        let _ = (name,);
        Err(Status::Unimplemented)
    }

    /// `proxy_resolve_queue`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn resolve_queue(&mut self, vm_id: &[u8], name: &[u8]) -> Result<u32, Status> {
        let _ = (vm_id, name);
        Err(Status::Unimplemented)
    }

    /// `proxy_dequeue`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn dequeue(&mut self, token: u32) -> Result<Vec<u8>, Status> {
        let _ = (token,);
        Err(Status::Unimplemented)
    }

    /// `proxy_enqueue`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn enqueue(&mut self, token: u32, value: &[u8]) -> Result<(), Status> {
        let _ = (token, value);
        Err(Status::Unimplemented)
    }

    /// `proxy_header_value`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn header_value(&mut self, map: u32, key: &[u8]) -> Result<Vec<u8>, Status> {
        let _ = (map, key);
        Err(Status::Unimplemented)
    }

    /// `proxy_add_header`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn add_header(&mut self, map: u32, key: &[u8], value: &[u8]) -> Result<(), Status> {
        let _ = (map, key, value);
        Err(Status::Unimplemented)
    }

    /// `proxy_replace_header`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn replace_header(&mut self, map: u32, key: &[u8], value: &[u8]) -> Result<(), Status> {
        let _ = (map, key, value);
        Err(Status::Unimplemented)
    }

    /// `proxy_remove_header`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn remove_header(&mut self, map: u32, key: &[u8]) -> Result<(), Status> {
        let _ = (map, key);
        Err(Status::Unimplemented)
    }

    /// `proxy_header_pairs`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn header_pairs(&mut self, map: u32) -> Result<Pairs, Status> {
        let _ = (map,);
        Err(Status::Unimplemented)
    }

    /// `proxy_set_header_pairs`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn set_header_pairs(&mut self, map: u32, pairs: Pairs) -> Result<(), Status> {
        let _ = (map, pairs);
        Err(Status::Unimplemented)
    }

    /// `proxy_header_map_size`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn header_map_size(&mut self, map: u32) -> Result<u32, Status> {
        let _ = (map,);
        Err(Status::Unimplemented)
    }

    /// `proxy_buffer_status`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn buffer_status(&mut self, buffer: u32) -> Result<(u32, u32), Status> {
        let _ = (buffer,);
        Err(Status::Unimplemented)
    }

    /// `proxy_buffer_bytes`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn buffer_bytes(&mut self, buffer: u32, start: u32, max: u32) -> Result<Vec<u8>, Status> {
        let _ = (buffer, start, max);
        Err(Status::Unimplemented)
    }

    /// `proxy_set_buffer_bytes`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn set_buffer_bytes(
        &mut self,
        buffer: u32,
        start: u32,
        len: u32,
        data: &[u8],
    ) -> Result<(), Status> {
        let _ = (buffer, start, len, data);
        Err(Status::Unimplemented)
    }

    /// `proxy_http_call`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn http_call(&mut self, call: HttpCall) -> Result<u32, Status> {
        let _ = (call,);
        Err(Status::Unimplemented)
    }

    /// `proxy_define_metric`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn define_metric(&mut self, kind: u32, name: &[u8]) -> Result<u32, Status> {
        let _ = (kind, name);
        Err(Status::Unimplemented)
    }

    /// `proxy_increment_metric`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn increment_metric(&mut self, id: u32, delta: i64) -> Result<(), Status> {
        let _ = (id, delta);
        Err(Status::Unimplemented)
    }

    /// `proxy_record_metric`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn record_metric(&mut self, id: u32, value: u64) -> Result<(), Status> {
        let _ = (id, value);
        Err(Status::Unimplemented)
    }

    /// `proxy_metric`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn metric(&mut self, id: u32) -> Result<u64, Status> {
        let _ = (id,);
        Err(Status::Unimplemented)
    }

    /// `proxy_set_effective_context`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn set_effective_context(&mut self, context: u32) -> Result<(), Status> {
        let _ = (context,);
        Err(Status::Unimplemented)
    }

    /// `proxy_done`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn done(&mut self) -> Result<(), Status> {
        Err(Status::Unimplemented)
    }

    /// `proxy_foreign_function`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn foreign_function(&mut self, name: &[u8], arguments: &[u8]) -> Result<Vec<u8>, Status> {
        let _ = (name, arguments);
        Err(Status::Unimplemented)
    }

    /// `proxy_grpc_call`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn grpc_call(&mut self, call: GrpcCall) -> Result<u32, Status> {
        let _ = (call,);
        Err(Status::Unimplemented)
    }

    /// `proxy_grpc_stream`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn grpc_stream(&mut self, stream: GrpcStream) -> Result<u32, Status> {
        let _ = (stream,);
        Err(Status::Unimplemented)
    }

    /// `proxy_grpc_send`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn grpc_send(
        &mut self,
        token: u32,
        message: &[u8],
        end_of_stream: bool,
    ) -> Result<(), Status> {
        let _ = (token, message, end_of_stream);
        Err(Status::Unimplemented)
    }

    /// `proxy_grpc_cancel`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn grpc_cancel(&mut self, token: u32) -> Result<(), Status> {
        let _ = (token,);
        Err(Status::Unimplemented)
    }

    /// `proxy_grpc_close`.
    ///
    /// # Errors
    /// Not written yet.
    pub fn grpc_close(&mut self, token: u32) -> Result<(), Status> {
        let _ = (token,);
        Err(Status::Unimplemented)
    }
}
