//! The scanner as a wasm module of its own: the host writes a body into it, and has it scanned.
//!
//! Without a proxy around it, so that what is measured is the scanner and not host calls.

#![expect(unsafe_code, reason = "an exported name is an unsafe attribute")]

mod rounds;

use std::cell::RefCell;

thread_local! {
    static BODY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Makes room for a body and says where it is to be written.
#[unsafe(no_mangle)]
pub extern "C" fn body(length: usize) -> *mut u8 {
    BODY.with_borrow_mut(|body| {
        *body = vec![0; length];
        body.as_mut_ptr()
    })
}

/// Scans the body so many times in pieces of `piece` bytes, and returns the tokens of the last.
#[unsafe(no_mangle)]
pub extern "C" fn scan(rounds: usize, piece: usize) -> u64 {
    BODY.with_borrow(|body| rounds::scan(body, rounds, piece))
}

/// The same without counting; returns the bytes of text.
#[unsafe(no_mangle)]
pub extern "C" fn walk(rounds: usize, piece: usize) -> u64 {
    BODY.with_borrow(|body| rounds::walk(body, rounds, piece))
}
