//! A filter on the crate `tiktoken`: what an exact count costs a proxy in memory and start-up when
//! it comes from a library.
//!
//! It builds the encoder when it is configured and counts one sentence, because the encoder is lazy;
//! its callbacks return at once. Without an SDK, so that nothing else is in the figures.

#![expect(unsafe_code, reason = "an exported name is an unsafe attribute")]

use std::hint::black_box;

const CONTINUE: i32 = 0;

/// Which version of the interface this is.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_abi_version_0_2_1() {}

/// Memory for what the host hands over, which is the configuration only.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    vec![0; size].leak().as_mut_ptr()
}

/// The VM starts.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_vm_start(_: i32, _: i32) -> i32 {
    1
}

/// The encoder is built; a table that does not count ends the start.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_configure(_: i32, _: i32) -> i32 {
    let encoder = tiktoken::get_encoding("o200k_base");
    i32::from(encoder.is_some_and(|encoder| encoder.count(black_box("A sentence to count.")) == 5))
}

/// A context is made.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_context_create(_: i32, _: i32) {}

/// A request begins.
#[unsafe(no_mangle)]
pub extern "C" fn proxy_on_request_headers(_: i32, _: i32, _: i32) -> i32 {
    CONTINUE
}
