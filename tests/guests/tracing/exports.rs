//! The exports that a host looks for.
#![expect(unsafe_code, reason = "an exported name is an unsafe attribute")]

use crate::{host, stream};

macro_rules! exports {
    ($(fn $name:ident($($argument:ident),*) $(-> $result:ty)? { $body:expr })*) => {$(
        #[unsafe(no_mangle)]
        extern "C" fn $name($($argument: u32),*) $(-> $result)? { $body }
    )*};
}

exports! {
    fn proxy_abi_version_0_2_1() { () }
    fn proxy_on_memory_allocate(size) -> *mut u8 { host::allocate(size as usize) }
    fn proxy_on_context_create(context, parent) { stream::create(context, parent) }
    fn proxy_on_vm_start(_root, _size) -> u32 { 1 }
    fn proxy_on_configure(root, size) -> u32 { u32::from(stream::configure(root, size)) }
    fn proxy_on_tick(root) { stream::tick(root) }
    fn proxy_on_queue_ready(root, token) { stream::queue_ready(root, token) }
    fn proxy_on_http_call_response(root, token, headers, size, trailers) {
        stream::answered(root, token, &format!("{headers},{size},{trailers}"))
    }
    fn proxy_on_grpc_receive_initial_metadata(_root, _token, _size) { () }
    fn proxy_on_grpc_receive_trailing_metadata(_root, _token, _size) { () }
    fn proxy_on_grpc_receive(root, token, size) {
        stream::called(root, token, &format!("message,{size}"))
    }
    fn proxy_on_grpc_close(root, token, status) {
        stream::called(root, token, &format!("closed,{status}"))
    }
    fn proxy_on_request_headers(context, count, end) -> u32 {
        stream::callback(context, "request_headers", &format!("{count},{end}"))
    }
    fn proxy_on_request_body(context, size, end) -> u32 {
        stream::callback(context, "request_body", &format!("{size},{end}"))
    }
    fn proxy_on_request_trailers(context, count) -> u32 {
        stream::callback(context, "request_trailers", &count.to_string())
    }
    fn proxy_on_response_headers(context, count, end) -> u32 {
        stream::callback(context, "response_headers", &format!("{count},{end}"))
    }
    fn proxy_on_response_body(context, size, end) -> u32 {
        stream::callback(context, "response_body", &format!("{size},{end}"))
    }
    fn proxy_on_response_trailers(context, count) -> u32 {
        stream::callback(context, "response_trailers", &count.to_string())
    }
    fn proxy_on_done(context) -> u32 { stream::done(context) }
    fn proxy_on_log(context) { stream::log(context) }
    fn proxy_on_delete(context) { stream::delete(context) }
}
