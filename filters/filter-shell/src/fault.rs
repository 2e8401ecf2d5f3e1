//! Traps on request, for tests of what a proxy does about them.
//!
//! Compiled only with the feature `fault-injection`, which no released module has.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::facts::Head;

/// The header that asks for a trap: `headers`, or `body`.
const HEADER: &str = "x-fault-trap";

thread_local! {
    static IN_BODY: RefCell<BTreeSet<u32>> = const { RefCell::new(BTreeSet::new()) };
}

/// Traps if the request asks for it here; remembers if it asks for it in the body.
pub(crate) fn at_headers(context: u32, head: &Head) {
    match head.text(HEADER) {
        Some("headers") => trap(),
        Some("body") => IN_BODY.with_borrow_mut(|contexts| _ = contexts.insert(context)),
        _ => {}
    }
}

/// Traps if the request asked for it.
pub(crate) fn at_body(context: u32) {
    if IN_BODY.with_borrow(|contexts| contexts.contains(&context)) {
        trap();
    }
}

fn trap() -> ! {
    log::error!("fault-injection: trap");
    std::process::abort();
}
