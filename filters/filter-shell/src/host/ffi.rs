//! The imports of ABI 0.2.1 that the filters use, and the only unsafe code in them.
//!
//! The SDK offers the same calls, but panics on every status that its authors did not expect; a
//! panic is a trap, and a trap ends all streams of the VM. So each import is declared here once
//! more, with the bare number as result, and [`super::Status`] has a name for every number.
//!
//! Outside of wasm the imports do not exist. There each of them answers `Unimplemented`, which
//! lets the workspace build and test natively.
#![expect(unsafe_code, reason = "host functions take pointers; nothing else in the filters does")]

use super::{Result, Status};

macro_rules! imports {
    ($(fn $name:ident($($argument:ident: $type:ty),*);)*) => {
        #[cfg(target_family = "wasm")]
        #[link(wasm_import_module = "env")]
        unsafe extern "C" {
            $(fn $name($($argument: $type),*) -> u32;)*
        }
        $(
            #[cfg(not(target_family = "wasm"))]
            #[allow(clippy::too_many_arguments, reason = "the ABI's signatures")]
            unsafe fn $name($($argument: $type),*) -> u32 {
                let _ = ($($argument,)*);
                Status::Unimplemented as u32
            }
        )*
    };
}

imports! {
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize);
    fn proxy_add_header_map_value(map: u32, key: *const u8, key_size: usize, value: *const u8, value_size: usize);
    fn proxy_replace_header_map_value(map: u32, key: *const u8, key_size: usize, value: *const u8, value_size: usize);
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize);
    fn proxy_get_buffer_bytes(buffer: u32, start: usize, max: usize, data: *mut *mut u8, size: *mut usize);
    fn proxy_set_buffer_bytes(buffer: u32, start: usize, size: usize, data: *const u8, data_size: usize);
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize);
    fn proxy_set_property(path: *const u8, path_size: usize, data: *const u8, size: usize);
    fn proxy_register_shared_queue(name: *const u8, name_size: usize, token: *mut u32);
    fn proxy_enqueue_shared_queue(token: u32, data: *const u8, size: usize);
    fn proxy_dequeue_shared_queue(token: u32, data: *mut *mut u8, size: *mut usize);
    fn proxy_get_shared_data(key: *const u8, key_size: usize, data: *mut *mut u8, size: *mut usize, cas: *mut u32);
    fn proxy_set_shared_data(key: *const u8, key_size: usize, data: *const u8, size: usize, cas: u32);
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32);
    fn proxy_increment_metric(id: u32, delta: i64);
    fn proxy_record_metric(id: u32, value: u64);
    fn proxy_continue_stream(stream: u32);
    fn proxy_set_effective_context(context: u32);
    fn proxy_set_tick_period_milliseconds(period: u32);
    fn proxy_send_local_response(status: u32, details: *const u8, details_size: usize, body: *const u8, body_size: usize, headers: *const u8, headers_size: usize, grpc_status: i32);
}

// Of WASI. The number of the wall clock is 0, that of the clock that never goes back is 1.
#[cfg(target_family = "wasm")]
#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
}

/// Outside of wasm there is no clock, as there is no host.
#[cfg(not(target_family = "wasm"))]
unsafe fn clock_time_get(_: u32, _: u64, _: *mut u64) -> u32 {
    Status::Unimplemented as u32
}

/// Takes over what the host has put into memory that it got from our allocator.
///
/// # Safety
/// `data` is null, or the start of `size` initialised bytes that came from the module's
/// `proxy_on_memory_allocate`, which allocates exactly `size` bytes as a boxed slice.
unsafe fn adopt(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() || size == 0 {
        return Vec::new();
    }
    // SAFETY: the caller's promise; a boxed slice's capacity is its length.
    unsafe { Vec::from_raw_parts(data, size, size) }
}

/// Calls a function that returns bytes through two out-pointers.
fn bytes(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>> {
    let (mut data, mut size) = (std::ptr::null_mut(), 0);
    Status::check(call(&raw mut data, &raw mut size))?;
    // SAFETY: the host says Ok, so it has written null or memory from our allocator.
    Ok(unsafe { adopt(data, size) })
}

pub(super) fn header_pairs(map: u32) -> Result<Vec<u8>> {
    // SAFETY: both pointers are valid for the call.
    bytes(|data, size| unsafe { proxy_get_header_map_pairs(map, data, size) })
}

pub(super) fn add_header(map: u32, key: &[u8], value: &[u8]) -> Result<()> {
    // SAFETY: pointer and length of the same slices, valid for the call.
    Status::check(unsafe {
        proxy_add_header_map_value(map, key.as_ptr(), key.len(), value.as_ptr(), value.len())
    })
}

pub(super) fn replace_header(map: u32, key: &[u8], value: &[u8]) -> Result<()> {
    // SAFETY: pointer and length of the same slices, valid for the call.
    Status::check(unsafe {
        proxy_replace_header_map_value(map, key.as_ptr(), key.len(), value.as_ptr(), value.len())
    })
}

pub(super) fn remove_header(map: u32, key: &[u8]) -> Result<()> {
    // SAFETY: pointer and length of the same slice, valid for the call.
    Status::check(unsafe { proxy_remove_header_map_value(map, key.as_ptr(), key.len()) })
}

pub(super) fn buffer_bytes(buffer: u32, start: usize, max: usize) -> Result<Vec<u8>> {
    // SAFETY: both pointers are valid for the call.
    bytes(|data, size| unsafe { proxy_get_buffer_bytes(buffer, start, max, data, size) })
}

pub(super) fn set_buffer_bytes(
    buffer: u32,
    start: usize,
    length: usize,
    data: &[u8],
) -> Result<()> {
    // SAFETY: pointer and length of the same slice, valid for the call.
    Status::check(unsafe {
        proxy_set_buffer_bytes(buffer, start, length, data.as_ptr(), data.len())
    })
}

pub(super) fn property(path: &[u8]) -> Result<Vec<u8>> {
    // SAFETY: all pointers are valid for the call.
    bytes(|data, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) })
}

pub(super) fn set_property(path: &[u8], value: &[u8]) -> Result<()> {
    // SAFETY: pointer and length of the same slices, valid for the call.
    Status::check(unsafe {
        proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len())
    })
}

pub(super) fn register_queue(name: &[u8]) -> Result<u32> {
    let mut token = 0;
    // SAFETY: all pointers are valid for the call.
    Status::check(unsafe {
        proxy_register_shared_queue(name.as_ptr(), name.len(), &raw mut token)
    })?;
    Ok(token)
}

pub(super) fn enqueue(token: u32, value: &[u8]) -> Result<()> {
    // SAFETY: pointer and length of the same slice, valid for the call.
    Status::check(unsafe { proxy_enqueue_shared_queue(token, value.as_ptr(), value.len()) })
}

pub(super) fn dequeue(token: u32) -> Result<Vec<u8>> {
    // SAFETY: both pointers are valid for the call.
    bytes(|data, size| unsafe { proxy_dequeue_shared_queue(token, data, size) })
}

pub(super) fn shared_data(key: &[u8]) -> Result<(Vec<u8>, u32)> {
    let mut cas = 0;
    // SAFETY: all pointers are valid for the call.
    let value = bytes(|data, size| unsafe {
        proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &raw mut cas)
    })?;
    Ok((value, cas))
}

pub(super) fn set_shared_data(key: &[u8], value: &[u8], cas: u32) -> Result<()> {
    // SAFETY: pointers and lengths of the same slices, valid for the call.
    Status::check(unsafe {
        proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas)
    })
}

pub(super) fn define_metric(kind: u32, name: &[u8]) -> Result<u32> {
    let mut id = 0;
    // SAFETY: all pointers are valid for the call.
    Status::check(unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut id) })?;
    Ok(id)
}

pub(super) fn increment_metric(id: u32, delta: i64) -> Result<()> {
    // SAFETY: takes numbers only.
    Status::check(unsafe { proxy_increment_metric(id, delta) })
}

pub(super) fn record_metric(id: u32, value: u64) -> Result<()> {
    // SAFETY: takes numbers only.
    Status::check(unsafe { proxy_record_metric(id, value) })
}

pub(super) fn wall_nanoseconds() -> Result<u64> {
    nanoseconds(0)
}

pub(super) fn monotonic_nanoseconds() -> Result<u64> {
    nanoseconds(1)
}

fn nanoseconds(clock: u32) -> Result<u64> {
    let mut time = 0;
    // SAFETY: the pointer is valid for the call.
    Status::check(unsafe { clock_time_get(clock, 1, &raw mut time) })?;
    Ok(time)
}

pub(super) fn continue_stream(stream: u32) -> Result<()> {
    // SAFETY: takes numbers only.
    Status::check(unsafe { proxy_continue_stream(stream) })
}

pub(super) fn set_effective_context(context: u32) -> Result<()> {
    // SAFETY: takes numbers only.
    Status::check(unsafe { proxy_set_effective_context(context) })
}

pub(super) fn set_tick_period(milliseconds: u32) -> Result<()> {
    // SAFETY: takes numbers only.
    Status::check(unsafe { proxy_set_tick_period_milliseconds(milliseconds) })
}

/// `headers` in the ABI's serialisation of pairs.
pub(super) fn send_local_response(
    status: u32,
    details: &[u8],
    body: &[u8],
    headers: &[u8],
) -> Result<()> {
    /// The host derives the gRPC status from the HTTP status itself.
    const NO_GRPC_STATUS: i32 = -1;
    // SAFETY: pointers and lengths of the same slices, valid for the call.
    Status::check(unsafe {
        proxy_send_local_response(
            status,
            details.as_ptr(),
            details.len(),
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    })
}
