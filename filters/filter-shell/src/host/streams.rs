//! Streams: going on, answering, and acting for another context.

use super::{Result, ffi, headers};

/// The request's direction; ABI stream type 0.
const REQUEST: u32 = 0;

/// The response's; ABI stream type 1.
const RESPONSE: u32 = 1;

/// Lets the paused request of the effective context go on.
pub(crate) fn resume_request() -> Result<()> {
    ffi::continue_stream(REQUEST)
}

/// Lets the paused response of the effective context go on.
pub(crate) fn resume_response() -> Result<()> {
    ffi::continue_stream(RESPONSE)
}

/// Makes the host calls that follow act on `context`, until the callback ends.
pub(crate) fn act_for(context: u32) -> Result<()> {
    ffi::set_effective_context(context)
}

/// Asks for `on_tick` of this root context; 0 ends it.
pub(crate) fn tick_every(milliseconds: u32) -> Result<()> {
    ffi::set_tick_period(milliseconds)
}

/// Answers the request without a server. `details` appears in the access log.
pub(crate) fn reply(status: u16, details: &str, with: &[(&str, &[u8])], body: &[u8]) -> Result<()> {
    ffi::send_local_response(u32::from(status), details.as_bytes(), body, &headers::serialise(with))
}
