//! What the proxy offers, as functions that return a [`Result`].
//!
//! Filters do not call these; the shell does. Each function acts on the *effective context*: that
//! of the running callback, unless [`streams::act_for`] has chosen another.

pub(crate) mod body;
pub(crate) mod calls;
pub(crate) mod clock;
mod ffi;
pub(crate) mod headers;
pub(crate) mod metrics;
pub(crate) mod properties;
pub(crate) mod queues;
pub(crate) mod shared_data;
pub(crate) mod streams;

/// The outcome of a host call.
pub(crate) type Result<T> = std::result::Result<T, Status>;

/// Why a host call did not do what was asked; the ABI's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Status {
    NotFound = 1,
    BadArgument = 2,
    SerializationFailure = 3,
    ParseFailure = 4,
    BadExpression = 5,
    InvalidMemoryAccess = 6,
    Empty = 7,
    CasMismatch = 8,
    ResultMismatch = 9,
    InternalFailure = 10,
    BrokenConnection = 11,
    Unimplemented = 12,
    /// A number that ABI 0.2.1 does not have.
    Unknown = 255,
}

impl Status {
    fn check(number: u32) -> Result<()> {
        Err(match number {
            0 => return Ok(()),
            1 => Self::NotFound,
            2 => Self::BadArgument,
            3 => Self::SerializationFailure,
            4 => Self::ParseFailure,
            5 => Self::BadExpression,
            6 => Self::InvalidMemoryAccess,
            7 => Self::Empty,
            8 => Self::CasMismatch,
            9 => Self::ResultMismatch,
            10 => Self::InternalFailure,
            11 => Self::BrokenConnection,
            12 => Self::Unimplemented,
            _ => Self::Unknown,
        })
    }
}
