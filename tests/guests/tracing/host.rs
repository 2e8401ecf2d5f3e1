//! The imports of ABI 0.2.1, with the bare number as result.
//!
//! An SDK knows neither every action nor every status, and panics on those it does not; this guest exists
//! to reach all of them.
#![expect(unsafe_code, reason = "host functions take pointers")]

macro_rules! imports {
    ($(fn $name:ident($($argument:ident: $type:ty),*);)*) => {
        #[cfg(target_family = "wasm")]
        #[link(wasm_import_module = "env")]
        unsafe extern "C" {
            $(fn $name($($argument: $type),*) -> u32;)*
        }
        $(
            // Outside of wasm there is no host; the workspace still builds.
            #[cfg(not(target_family = "wasm"))]
            #[allow(clippy::too_many_arguments, reason = "the ABI's signatures")]
            unsafe fn $name($($argument: $type),*) -> u32 {
                let _ = ($($argument,)*);
                12
            }
        )*
    };
}

imports! {
    fn proxy_log(level: u32, text: *const u8, size: usize);
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize);
    fn proxy_set_header_map_pairs(map: u32, data: *const u8, size: usize);
    fn proxy_get_header_map_size(map: u32, size: *mut u32);
    fn proxy_get_header_map_value(map: u32, key: *const u8, key_size: usize, data: *mut *mut u8, size: *mut usize);
    fn proxy_add_header_map_value(map: u32, key: *const u8, key_size: usize, value: *const u8, value_size: usize);
    fn proxy_replace_header_map_value(map: u32, key: *const u8, key_size: usize, value: *const u8, value_size: usize);
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize);
    fn proxy_get_buffer_bytes(buffer: u32, start: u32, max: u32, data: *mut *mut u8, size: *mut usize);
    fn proxy_get_buffer_status(buffer: u32, size: *mut u32, flags: *mut u32);
    fn proxy_set_buffer_bytes(buffer: u32, start: u32, length: u32, data: *const u8, size: usize);
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize);
    fn proxy_set_property(path: *const u8, path_size: usize, data: *const u8, size: usize);
    fn proxy_register_shared_queue(name: *const u8, name_size: usize, token: *mut u32);
    fn proxy_enqueue_shared_queue(token: u32, data: *const u8, size: usize);
    fn proxy_dequeue_shared_queue(token: u32, data: *mut *mut u8, size: *mut usize);
    fn proxy_continue_stream(stream: u32);
    fn proxy_close_stream(stream: u32);
    fn proxy_set_effective_context(context: u32);
    fn proxy_set_tick_period_milliseconds(period: u32);
    fn proxy_send_local_response(status: u32, details: *const u8, details_size: usize, body: *const u8, body_size: usize, headers: *const u8, headers_size: usize, grpc_status: i32);
    fn proxy_http_call(upstream: *const u8, upstream_size: usize, headers: *const u8, headers_size: usize, body: *const u8, body_size: usize, trailers: *const u8, trailers_size: usize, timeout: u32, token: *mut u32);
    fn proxy_grpc_call(service: *const u8, service_size: usize, name: *const u8, name_size: usize, method: *const u8, method_size: usize, metadata: *const u8, metadata_size: usize, message: *const u8, message_size: usize, timeout: u32, token: *mut u32);
    fn proxy_grpc_cancel(token: u32);
    fn proxy_get_shared_data(key: *const u8, key_size: usize, data: *mut *mut u8, size: *mut usize, cas: *mut u32);
    fn proxy_set_shared_data(key: *const u8, key_size: usize, value: *const u8, value_size: usize, cas: u32);
    fn proxy_call_foreign_function(name: *const u8, name_size: usize, data: *const u8, size: usize, result: *mut *mut u8, result_size: *mut usize);
}

/// Memory for the host to put something into; whoever gets it owns it.
pub(crate) fn allocate(size: usize) -> *mut u8 {
    Box::into_raw(vec![0_u8; size].into_boxed_slice()).cast()
}

/// Calls a function that returns bytes through two out-pointers.
fn bytes(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> (u32, Vec<u8>) {
    let (mut data, mut size) = (std::ptr::null_mut(), 0);
    let status = call(&raw mut data, &raw mut size);
    if data.is_null() || size == 0 {
        return (status, Vec::new());
    }
    // SAFETY: what the host has written came from `allocate`, a boxed slice of this size.
    (status, unsafe { Vec::from_raw_parts(data, size, size) })
}

/// A list in the ABI's serialisation.
fn serialised<K: AsRef<[u8]>, V: AsRef<[u8]>>(pairs: &[(K, V)]) -> Vec<u8> {
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let mut out = number(pairs.len()).to_vec();
    for (key, value) in pairs {
        out.extend(number(key.as_ref().len()));
        out.extend(number(value.as_ref().len()));
    }
    for (key, value) in pairs {
        for part in [key.as_ref(), value.as_ref()] {
            out.extend(part);
            out.push(0);
        }
    }
    out
}

pub(crate) fn log(text: &str) {
    const INFO: u32 = 2;
    // SAFETY: pointer and length of one slice.
    unsafe { proxy_log(INFO, text.as_ptr(), text.len()) };
}

pub(crate) fn pairs(map: u32) -> (u32, Vec<u8>) {
    // SAFETY: both pointers are valid for the call.
    bytes(|data, size| unsafe { proxy_get_header_map_pairs(map, data, size) })
}

pub(crate) fn set_pairs(map: u32, pairs: &[(String, String)]) -> u32 {
    let pairs = serialised(pairs);
    // SAFETY: pointer and length of one slice.
    unsafe { proxy_set_header_map_pairs(map, pairs.as_ptr(), pairs.len()) }
}

pub(crate) fn map_size(map: u32) -> (u32, u32) {
    let mut size = 0;
    // SAFETY: the pointer is valid for the call.
    let status = unsafe { proxy_get_header_map_size(map, &raw mut size) };
    (status, size)
}

pub(crate) fn header(map: u32, key: &str) -> (u32, Vec<u8>) {
    // SAFETY: all pointers are valid for the call.
    bytes(|data, size| unsafe {
        proxy_get_header_map_value(map, key.as_ptr(), key.len(), data, size)
    })
}

pub(crate) fn add_header(map: u32, key: &str, value: &str) -> u32 {
    // SAFETY: pointers and lengths of the same slices.
    unsafe { proxy_add_header_map_value(map, key.as_ptr(), key.len(), value.as_ptr(), value.len()) }
}

pub(crate) fn replace_header(map: u32, key: &str, value: &str) -> u32 {
    // SAFETY: pointers and lengths of the same slices.
    unsafe {
        proxy_replace_header_map_value(map, key.as_ptr(), key.len(), value.as_ptr(), value.len())
    }
}

pub(crate) fn remove_header(map: u32, key: &str) -> u32 {
    // SAFETY: pointer and length of one slice.
    unsafe { proxy_remove_header_map_value(map, key.as_ptr(), key.len()) }
}

pub(crate) fn buffer(buffer: u32, start: u32, max: u32) -> (u32, Vec<u8>) {
    // SAFETY: both pointers are valid for the call.
    bytes(|data, size| unsafe { proxy_get_buffer_bytes(buffer, start, max, data, size) })
}

pub(crate) fn buffer_length(buffer: u32) -> (u32, u32) {
    let (mut size, mut flags) = (0, 0);
    // SAFETY: both pointers are valid for the call.
    let status = unsafe { proxy_get_buffer_status(buffer, &raw mut size, &raw mut flags) };
    (status, size)
}

pub(crate) fn set_buffer(buffer: u32, start: u32, length: u32, data: &[u8]) -> u32 {
    // SAFETY: pointer and length of one slice.
    unsafe { proxy_set_buffer_bytes(buffer, start, length, data.as_ptr(), data.len()) }
}

pub(crate) fn property(path: &str) -> (u32, Vec<u8>) {
    // SAFETY: all pointers are valid for the call.
    bytes(|data, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) })
}

pub(crate) fn set_property(path: &str, value: &str) -> u32 {
    // SAFETY: pointers and lengths of the same slices.
    unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) }
}

pub(crate) fn register_queue(name: &str) -> u32 {
    let mut token = 0;
    // SAFETY: all pointers are valid for the call.
    unsafe { proxy_register_shared_queue(name.as_ptr(), name.len(), &raw mut token) };
    token
}

pub(crate) fn enqueue(token: u32, value: &[u8]) -> u32 {
    // SAFETY: pointer and length of one slice.
    unsafe { proxy_enqueue_shared_queue(token, value.as_ptr(), value.len()) }
}

pub(crate) fn dequeue(token: u32) -> (u32, Vec<u8>) {
    // SAFETY: both pointers are valid for the call.
    bytes(|data, size| unsafe { proxy_dequeue_shared_queue(token, data, size) })
}

pub(crate) fn continue_stream(stream: u32) -> u32 {
    // SAFETY: takes numbers only.
    unsafe { proxy_continue_stream(stream) }
}

pub(crate) fn close_stream(stream: u32) -> u32 {
    // SAFETY: takes numbers only.
    unsafe { proxy_close_stream(stream) }
}

pub(crate) fn set_effective_context(context: u32) -> u32 {
    // SAFETY: takes numbers only.
    unsafe { proxy_set_effective_context(context) }
}

pub(crate) fn set_tick_period(milliseconds: u32) -> u32 {
    // SAFETY: takes numbers only.
    unsafe { proxy_set_tick_period_milliseconds(milliseconds) }
}

pub(crate) fn local_response(
    status: u32,
    grpc_status: i32,
    body: &str,
    headers: &[(String, String)],
) -> u32 {
    const DETAILS: &str = "told to";
    let headers = serialised(headers);
    // SAFETY: pointers and lengths of the same slices.
    unsafe {
        proxy_send_local_response(
            status,
            DETAILS.as_ptr(),
            DETAILS.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            grpc_status,
        )
    }
}

/// Tells the server, and whoever reads its record, which stream a call is made for.
const CALLER: &str = "x-caller";

/// The headers of a call that has none of its own.
pub(crate) fn plain_call(caller: &str) -> [(&str, &str); 4] {
    [(":method", "GET"), (":path", "/call"), (":authority", "callout"), (CALLER, caller)]
}

pub(crate) fn http_call<K: AsRef<[u8]>, V: AsRef<[u8]>>(
    cluster: &str,
    headers: &[(K, V)],
    timeout: u32,
    body: &[u8],
) -> (u32, u32) {
    let (headers, trailers) = (serialised(headers), serialised::<&str, &str>(&[]));
    let mut token = 0;
    // SAFETY: pointers and lengths of the same slices, and a valid out-pointer.
    let status = unsafe {
        proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            body.as_ptr(),
            body.len(),
            trailers.as_ptr(),
            trailers.len(),
            timeout,
            &raw mut token,
        )
    };
    (status, token)
}

pub(crate) fn grpc_call(caller: &str, cluster: &str, timeout: u32, message: &[u8]) -> (u32, u32) {
    let (service, method) = ("test.Service", "Call");
    let metadata = serialised(&[(CALLER, caller)]);
    let mut token = 0;
    // SAFETY: pointers and lengths of the same slices, and a valid out-pointer.
    let status = unsafe {
        proxy_grpc_call(
            cluster.as_ptr(),
            cluster.len(),
            service.as_ptr(),
            service.len(),
            method.as_ptr(),
            method.len(),
            metadata.as_ptr(),
            metadata.len(),
            message.as_ptr(),
            message.len(),
            timeout,
            &raw mut token,
        )
    };
    (status, token)
}

pub(crate) fn grpc_cancel(token: u32) -> u32 {
    // SAFETY: takes a number only.
    unsafe { proxy_grpc_cancel(token) }
}

pub(crate) fn shared_data(key: &str) -> (u32, Vec<u8>, u32) {
    let mut cas = 0;
    // SAFETY: all pointers are valid for the call.
    let (status, value) = bytes(|data, size| unsafe {
        proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut cas)
    });
    (status, value, cas)
}

pub(crate) fn set_shared_data(key: &str, value: &[u8], cas: u32) -> u32 {
    // SAFETY: pointers and lengths of the same slices.
    unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) }
}

pub(crate) fn foreign(name: &str, argument: &str) -> (u32, Vec<u8>) {
    // SAFETY: all pointers are valid for the call.
    bytes(|data, size| unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            argument.as_ptr(),
            argument.len(),
            data,
            size,
        )
    })
}
