//! The exact counter as a wasm module of its own: the host writes a text into it, and has its
//! tokens counted.
//!
//! Without a proxy around it, so that what is measured is the counter and not host calls. A counter
//! is kept from one call to the next, as a filter keeps it from one request to the next.

#![expect(unsafe_code, reason = "an exported name is an unsafe attribute")]

use std::cell::RefCell;
use std::hint::black_box;

use llm_wire::{Encoding, ExactCounter, TextSink as _};

thread_local! {
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static COUNTERS: RefCell<[Option<ExactCounter>; 2]> =
        RefCell::new([Encoding::O200kBase, Encoding::Cl100kBase].map(ExactCounter::new));
}

/// Makes room for a text and says where it is to be written.
#[unsafe(no_mangle)]
pub extern "C" fn text(length: usize) -> *mut u8 {
    TEXT.with_borrow_mut(|text| {
        *text = vec![0; length];
        text.as_mut_ptr()
    })
}

/// Counts the tokens of the text that comes in pieces: of `o200k_base` (0) or `cl100k_base` (1).
#[unsafe(no_mangle)]
pub extern "C" fn count(encoding: usize, piece: usize) -> u64 {
    TEXT.with_borrow(|text| {
        COUNTERS.with_borrow_mut(|counters| {
            let Some(Some(counter)) = counters.get_mut(encoding) else { return 0 };
            counter.clear();
            black_box(text).chunks(piece).for_each(|piece| counter.plain(piece));
            counter.end_plain();
            counter.count().tokens
        })
    })
}
