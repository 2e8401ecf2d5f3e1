//! Standard output, which may be closed at any moment: `host-sim run ... | head -1`.
//!
//! The library's `println!` panics then. Here whoever prints hears of it and stops; there is nobody left
//! to work for. Not everything stops: a gateway goes on serving when nobody reads its access log.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Nobody reads any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed;

impl From<Closed> for ExitCode {
    /// What a shell shows of a program that was ended by a closed pipe.
    fn from(_: Closed) -> Self {
        Self::from(141)
    }
}

/// Prints a line.
pub(super) fn line(text: impl fmt::Display) -> Result<(), Closed> {
    // Each line at once: a reader should see a scenario's result when it is there.
    writeln!(io::stdout(), "{text}").map_err(|_| Closed)
}

/// Prints lines, and ends with this code, or with that of a closed pipe.
pub(super) fn all<T: fmt::Display>(lines: impl IntoIterator<Item = T>, code: ExitCode) -> ExitCode {
    for text in lines {
        if let Err(closed) = line(text) {
            return closed.into();
        }
    }
    code
}
